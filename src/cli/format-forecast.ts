import { formatRef, type ObjectRef } from "../model/meta.ts";
import { formatProblem } from "../model/problem.ts";
import type { Forecast } from "../planner/forecast.ts";
import type { SimulatedPod } from "../planner/simulate.ts";

/** Lines of one kind that are shown; the rest is counted. */
const MAX_LINES = 50;
const MAX_VALUE = 80;

/** What `berth plan` shows. Pure. */
export function formatForecast(forecast: Forecast, name: string): string {
  const { problems, added, changed, removed, guard, rollout } = forecast;
  if (problems.length > 0) {
    const count = `${problems.length} problem${problems.length === 1 ? "" : "s"}`;
    return [
      ...problems.map(formatProblem),
      `${name}: ${count}; the commit would be Rejected and nothing touched`,
    ].join("\n");
  }
  if (added.length + changed.length + removed.length === 0) return `${name}: no change`;
  const lines = [
    `${name}: ${added.length} to add, ${changed.length} to change, ${removed.length} to remove`,
    "",
  ];
  lines.push(...limited(added.map((ref) => `+ ${formatRef(ref)}`)));
  for (const { ref, fields } of changed.slice(0, MAX_LINES)) {
    lines.push(`~ ${formatRef(ref)}`);
    lines.push(
      ...limited(
        fields.map(({ path, before, after }) => `    ${path}: ${cut(before)} → ${cut(after)}`),
      ),
    );
  }
  lines.push(...limited(removed.map((ref) => `- ${formatRef(ref)}`)));
  if (guard.kind === "hold") lines.push("", `The commit would be Held: ${guard.message}`);
  lines.push(...formatRollout(rollout));
  return lines.join("\n");
}

function formatRollout(rollout: Forecast["rollout"]): readonly string[] {
  const { created, deleted, bindings, unplaced, deployments, isSettled } = rollout;
  if (created.length + deleted.length === 0) return ["", "No pod comes or goes."];
  const nodeOf = new Map(
    bindings.map(({ namespace, name, node }) => [`${namespace}/${name}`, node]),
  );
  const why = new Map(
    unplaced.map(({ namespace, name, message }) => [`${namespace}/${name}`, message]),
  );
  const lines = ["", `Pods: ${created.length} to create, ${deleted.length} to stop`];
  lines.push(
    ...limited(
      created.map(({ pod, owner }) => {
        const key = `${pod.namespace ?? ""}/${pod.name}`;
        const place = nodeOf.get(key);
        const where =
          place === undefined ? `has no node: ${why.get(key) ?? "not placed"}` : `on node ${place}`;
        return `  + ${describePod({ pod, owner })} ${where}`;
      }),
    ),
    ...limited(deleted.map(({ pod, owner }) => `  - ${describePod({ pod, owner })}`)),
  );
  for (const { deployment, readyBefore, lowestReady, mostPods } of deployments) {
    lines.push(
      `${formatRef(deployment)}: ready before ${readyBefore}, never below ${lowestReady} on the way, at most ${mostPods} pods at a time`,
    );
  }
  if (!isSettled)
    lines.push(
      "The forecast did not come to rest: pods wait for something that does not happen by itself.",
    );
  return lines;
}

function describePod({
  pod,
  owner,
}: {
  readonly pod: SimulatedPod["pod"];
  readonly owner: ObjectRef | undefined;
}): string {
  return owner === undefined ? formatRef(pod) : `${formatRef(pod)} of ${owner.kind} ${owner.name}`;
}

function limited(lines: readonly string[]): readonly string[] {
  if (lines.length <= MAX_LINES) return lines;
  return [...lines.slice(0, MAX_LINES), `  … and ${lines.length - MAX_LINES} more`];
}

function cut(value: string | undefined): string {
  if (value === undefined) return "nothing";
  return value.length <= MAX_VALUE ? value : `${value.slice(0, MAX_VALUE)}…`;
}
