import type { ApiClient } from "../client/client.ts";
import { releasesOf } from "../planner/release-rules.ts";
import { viewApp, type AppView } from "./app-view.ts";
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
  /** Public age key that Secrets in Git may be encrypted to, where the machine of the caller has it. */
  readonly secretsRecipient?: string;
}

export interface DeploymentView {
  readonly namespace: string;
  readonly name: string;
  readonly replicas: number;
  readonly ready: number;
  readonly updated: number;
  readonly available: number;
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
  return viewCluster({
    apps: apps.items,
    releases: releases.items,
    nodes: nodes.items,
    deployments: deployments.items,
  });
}

/** What it is told from. */
export interface ClusterObjects {
  readonly apps: readonly App[];
  readonly releases: readonly Release[];
  readonly nodes: readonly Node[];
  readonly deployments: readonly Deployment[];
}

/** What is told of these objects. Pure. */
export function viewCluster({ apps, releases, nodes, deployments }: ClusterObjects): ClusterView {
  return {
    apps: apps.map((app) => viewApp(app, releasesOf(releases, app.metadata.name))),
    nodes: nodes.map(viewNode),
    deployments: deployments.map(viewDeployment),
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
