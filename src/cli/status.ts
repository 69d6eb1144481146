import { compare } from "../base/order.ts";
import type { AppView } from "./app-view.ts";
import type { ClusterView } from "./cluster-view.ts";
import { describeDrift } from "../planner/plan-id.ts";
import { formatTable, shortId } from "./table.ts";

/**
 * What `berth status` shows: each App with its newest release (of several a table, as a tree, and more of those that
 * have something to tell), then nodes and Deployments. `plans` are ids of plans that
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
      : view.apps.length === 1
        ? view.apps.map((app) => formatApp(app, plans))
        : [formatApps(view.apps), ...view.apps.filter(hasNews).map((app) => formatApp(app, plans))];
  const parts = [...apps, view.nodes.length === 0 ? "No node yet" : nodes];
  if (view.deployments.length > 0) parts.push(deployments);
  if (view.secretsRecipient !== undefined)
    parts.push(`Secrets in Git are encrypted to ${view.secretsRecipient}`);
  return parts.join("\n\n");
}

function formatApps(apps: readonly AppView[]): string {
  const rows = inTree(apps).map(({ app, branch }) => {
    const { release } = app;
    return [
      `${branch}${app.name}`,
      app.sync,
      app.health,
      app.follows,
      release === undefined
        ? "-"
        : `#${release.sequence} ${shortId(release.commit)} ${release.phase}`,
    ];
  });
  return formatTable(["APP", "SYNC", "HEALTH", "FOLLOWS", "RELEASE"], rows);
}

/** Whether there is more to say of it than its line does. */
function hasNews({ sync, health, problems }: AppView): boolean {
  const isQuiet = sync === "Synced" || sync === "Suspended";
  return !isQuiet || health !== "Healthy" || problems.length > 0;
}

/** Apps below those in whose folders they stand, by name. What stands in a circle is at the top. Pure. */
export function inTree(
  apps: readonly AppView[],
): readonly { readonly app: AppView; readonly branch: string }[] {
  const sorted = apps.toSorted((a, b) => compare(a.name, b.name));
  const children = Map.groupBy(sorted, ({ parent }) => parent ?? "");
  const names = new Set(apps.map(({ name }) => name));
  const told = new Set<string>();
  const lines: { readonly app: AppView; readonly branch: string }[] = [];
  const visit = (app: AppView, own: string, below: string): void => {
    if (told.has(app.name)) return;
    told.add(app.name);
    lines.push({ app, branch: own });
    const inside = (children.get(app.name) ?? []).filter(({ name }) => !told.has(name));
    for (const [index, child] of inside.entries()) {
      const isLast = index === inside.length - 1;
      visit(child, `${below}${isLast ? "└─ " : "├─ "}`, `${below}${isLast ? "   " : "│  "}`);
    }
  };
  for (const app of sorted)
    if (app.parent === undefined || !names.has(app.parent)) visit(app, "", "");
  for (const app of sorted) visit(app, "", "");
  return lines;
}

function formatApp(app: AppView, plans: readonly string[]): string {
  const lines = [
    `App ${app.name}: ${app.repo}, ${app.follows}, path ${app.path}${app.sync === "Suspended" ? ", suspended" : ""}`,
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
  if (app.quarantine !== undefined) lines.push(`  kept out ${app.quarantine}`);
  for (const told of app.problems)
    if (/^(revert|not taken back): /.test(told)) lines.push(`  ${told}`);
  if (app.sourceProblem !== undefined) lines.push(`  Git: ${app.sourceProblem}`);
  return lines.join("\n");
}
