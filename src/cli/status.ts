import type { AppView, ClusterView } from "./cluster-view.ts";
import { describeDrift } from "../planner/plan-id.ts";
import { formatTable, shortId } from "./table.ts";

/**
 * What `berth status` shows: each App with its newest release, then nodes and Deployments. `plans` are ids of plans that
 * releases are held against, where their commits name none. Pure.
 */
export function formatStatus(view: ClusterView, plans: readonly string[] = []): string {
  const nodes = formatTable(
    ["NODE", "READY", "MESSAGE"],
    view.nodes.map((node) => [
      node.name,
      node.ready ? "yes" : "no",
      node.ready ? "" : node.message,
    ]),
  );
  const deployments = formatTable(
    ["NAMESPACE", "DEPLOYMENT", "READY", "UPDATED"],
    view.deployments.map(({ namespace, name, ready, replicas, updated }) => [
      namespace,
      name,
      `${ready}/${replicas}`,
      String(updated),
    ]),
  );
  const apps =
    view.apps.length === 0
      ? ["No App yet: point Berth at a repository with `berth up --repo PATH`"]
      : view.apps.map((app) => formatApp(app, plans));
  const parts = [...apps, view.nodes.length === 0 ? "No node yet" : nodes];
  if (view.deployments.length > 0) parts.push(deployments);
  return parts.join("\n\n");
}

function formatApp(app: AppView, plans: readonly string[]): string {
  const lines = [
    `App ${app.name}: ${app.repo}, branch ${app.branch}, path ${app.path}`,
    `  seen     ${shortId(app.seenCommit)}`,
    `  applied  ${shortId(app.appliedCommit)}${app.ready ? "  healthy" : `  ${app.message}`}`,
    `  healthy  ${shortId(app.healthyCommit)}`,
  ];
  const { release } = app;
  if (release !== undefined) {
    lines.push(
      `  release  #${release.sequence} ${shortId(release.commit)} ${release.phase}: ${release.subject}`,
    );
    if (
      release.phase !== "Healthy" &&
      release.message !== undefined &&
      release.problems.length === 0
    ) {
      lines.push(`           ${release.message}`);
    }
    for (const problem of release.problems) lines.push(`           ${problem}`);
    const planned = plans.find((id) => id.startsWith(`${app.name}:`)) ?? release.planned;
    if (planned !== undefined && release.plan !== undefined)
      lines.push(`  plan     ${describeDrift(planned, release.plan)}`);
  }
  if (app.sourceProblem !== undefined) lines.push(`  Git: ${app.sourceProblem}`);
  return lines.join("\n");
}
