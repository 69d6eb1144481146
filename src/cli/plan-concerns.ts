import { formatRef, refKey, type ObjectRef } from "../model/meta.ts";
import type { PlanDocument } from "./plan-document.ts";

/** What somebody should look at before it is merged, the gravest first. Pure. */
export function findConcerns(plan: PlanDocument): readonly string[] {
  const unsettled = plan.isSettled ? [] : ["It does not come to rest; only its beginning is shown"];
  return [...concernsOfApps(plan), ...concernsOfPods(plan), ...concernsOfSets(plan), ...unsettled];
}

function concernsOfApps({ apps }: PlanDocument): readonly string[] {
  return apps.flatMap(({ app, outcome, problems, gate, added, isPruned, removed }) => {
    if (outcome === "rejected") {
      const count = problems.length === 1 ? "1 problem" : `${problems.length} problems`;
      return [`App ${app} would be Rejected, and nothing of it touched: ${count}`];
    }
    const held = gate.kind === "open" ? [] : [`App ${app} would be ${gate.phase}: ${gate.message}`];
    const again = added
      .filter(({ runsAgain }) => runsAgain === true)
      .map(({ ref }) => `${formatRef(ref)} runs once more`);
    const stays =
      isPruned || removed.length === 0
        ? []
        : [`App ${app} does not become healthy, so that what it no longer declares stays`];
    return [...held, ...again, ...stays];
  });
}

function concernsOfPods({ unplaced, preempted }: PlanDocument): readonly string[] {
  const fresh = unplaced.filter(({ isNew }) => isNew).map(({ pod }) => pod);
  const many = fresh.length === 1 ? "1 pod finds" : `${fresh.length} pods find`;
  return [
    ...(fresh.length === 0 ? [] : [`${many} no node: ${named(fresh)}`]),
    ...preempted.map(
      ({ pod, node, by }) => `${formatRef(pod)} is evicted from node ${node} for ${formatRef(by)}`,
    ),
  ];
}

function concernsOfSets(plan: PlanDocument): readonly string[] {
  return [
    ...plan.services.map(({ ref, readyBefore, readyAfter }) => {
      const when = readyAfter === 0 ? "any more" : "for a while";
      return `${formatRef(ref)} has no Ready pod ${when}; it had ${readyBefore}`;
    }),
    ...plan.budgets.map(
      ({ ref, lowestReady, wanted = 0 }) =>
        `${formatRef(ref)} asks for ${wanted} Ready pods, and there are only ${lowestReady} on the way`,
    ),
    ...plan.workloads
      .filter(({ workload, readyAfter }) => readyAfter === 0 && isStarved(plan, workload))
      .map(({ workload }) => `${formatRef(workload)} has no Ready pod at the end`),
  ];
}

/** Whether pods of it are among those without a node, and it is not about to go. */
function isStarved({ steps, unplaced }: PlanDocument, workload: ObjectRef): boolean {
  const key = refKey(workload);
  const waiting = new Set(unplaced.map(({ pod }) => refKey(pod)));
  return steps.some(
    ({ pod, owner }) => owner !== undefined && refKey(owner) === key && waiting.has(refKey(pod)),
  );
}

const MAX_NAMED = 3;

function named(refs: readonly ObjectRef[]): string {
  const names = refs.slice(0, MAX_NAMED).map((ref) => `${ref.namespace ?? ""}/${ref.name}`);
  const more = refs.length - MAX_NAMED;
  return more > 0 ? `${names.join(", ")} and ${more} more` : names.join(", ");
}
