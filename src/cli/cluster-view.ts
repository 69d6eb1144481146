import type { ApiClient } from "../client/client.ts";
import { releasesOf } from "../planner/release-rules.ts";
import type { App, Deployment, Node, Release } from "../model/kinds.gen.ts";
import { findCondition, isTrue } from "../model/condition.ts";
import { resourceOf } from "../model/resources.ts";

/** What `berth status --output json` prints. */
export interface ClusterView {
  readonly apps: readonly AppView[];
  readonly nodes: readonly {
    readonly name: string;
    readonly ready: boolean;
    readonly message: string;
  }[];
  readonly deployments: readonly DeploymentView[];
}

export interface AppView {
  readonly name: string;
  readonly repo: string;
  readonly branch: string;
  readonly path: string;
  readonly seenCommit: string | undefined;
  readonly appliedCommit: string | undefined;
  readonly healthyCommit: string | undefined;
  /** The newest release. */
  readonly release: ReleaseView | undefined;
  /** Whether what is applied is healthy now, and what is not. */
  readonly ready: boolean;
  readonly message: string;
  /** Why Git cannot be read, if it cannot. */
  readonly sourceProblem: string | undefined;
}

export interface DeploymentView {
  readonly namespace: string;
  readonly name: string;
  readonly replicas: number;
  readonly ready: number;
  readonly updated: number;
  readonly available: number;
}

/** A release as `berth history` shows it. */
export interface ReleaseView {
  readonly name: string;
  readonly app: string;
  readonly sequence: number;
  readonly commit: string;
  readonly phase: string;
  readonly reason: string | undefined;
  readonly message: string | undefined;
  readonly problems: readonly string[];
  readonly subject: string;
  readonly author: string;
  readonly startedAt: string;
  readonly finishedAt: string | undefined;
  /** The id that a plan of it would have had, and the one that its commit names. */
  readonly plan: string | undefined;
  readonly planned: string | undefined;
}

/** Everything that `berth status` tells, as of now. */
export async function readCluster(client: ApiClient, signal: AbortSignal): Promise<ClusterView> {
  const [apps, releases, nodes, deployments] = await Promise.all([
    client.list<App>(resourceOf({ apiVersion: "berth.dev/v1", kind: "App" }), undefined, signal),
    client.list<Release>(
      resourceOf({ apiVersion: "berth.dev/v1", kind: "Release" }),
      undefined,
      signal,
    ),
    client.list<Node>(resourceOf({ apiVersion: "v1", kind: "Node" }), undefined, signal),
    client.list<Deployment>(
      resourceOf({ apiVersion: "apps/v1", kind: "Deployment" }),
      undefined,
      signal,
    ),
  ]);
  return {
    apps: apps.items.map((app) => viewApp(app, releasesOf(releases.items, app.metadata.name))),
    nodes: nodes.items.map(viewNode),
    deployments: deployments.items.map(viewDeployment),
  };
}

function viewApp(app: App, releases: readonly Release[]): AppView {
  const { spec, status } = app;
  const latest = releases.at(-1);
  const source = findCondition(status?.conditions, "SourceReady");
  const ready = findCondition(status?.conditions, "Ready");
  return {
    name: app.metadata.name,
    repo: spec.repo,
    branch: spec.branch,
    path: spec.path,
    seenCommit: status?.seenCommit,
    appliedCommit: status?.appliedCommit,
    healthyCommit: status?.healthyCommit,
    release: latest === undefined ? undefined : viewRelease(latest),
    ready: ready?.status === "True",
    message: ready?.message ?? "",
    sourceProblem: source?.status === "False" ? source.message : undefined,
  };
}

/** A release in the shape that is printed. Pure. */
export function viewRelease(release: Release): ReleaseView {
  const { spec, status } = release;
  return {
    name: release.metadata.name,
    app: spec.app,
    sequence: spec.sequence,
    commit: spec.commit,
    phase: status.phase,
    reason: status.reason,
    message: status.message,
    problems: status.problems ?? [],
    subject: spec.subject,
    author: spec.author,
    startedAt: status.startedAt,
    finishedAt: status.finishedAt,
    plan: status.plan,
    planned: spec.planned,
  };
}

function viewNode(node: Node): ClusterView["nodes"][number] {
  const ready = findCondition(node.status?.conditions, "Ready");
  return {
    name: node.metadata.name,
    ready: isTrue(node.status?.conditions, "Ready"),
    message: ready?.message ?? "",
  };
}

function viewDeployment({ metadata, spec, status }: Deployment): DeploymentView {
  return {
    namespace: metadata.namespace ?? "",
    name: metadata.name,
    replicas: spec.replicas,
    ready: status?.readyReplicas ?? 0,
    updated: status?.updatedReplicas ?? 0,
    available: status?.availableReplicas ?? 0,
  };
}
