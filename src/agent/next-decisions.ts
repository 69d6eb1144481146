import type { Decision } from "./decide-container.ts";
import type { PodView } from "./pod-view.ts";
import { isSidecar, startOrder } from "./sidecar.ts";

/**
 * Decisions that may be acted on now: the first init container that is not passed, or else all mains; and the sidecars
 * before it, which are kept running. What people added waits for none of them. Pure.
 */
export function nextDecisions(
  view: PodView,
  decisions: readonly Decision[],
  sandboxId: string | undefined,
): readonly Decision[] {
  const inits = decisions.filter(({ role }) => role === "init");
  const mains = decisions.filter(({ role }) => role === "main");
  const begun = furthest(view, sandboxId);
  const reached = inits.findIndex((init, index) => index >= begun && !isPassed(view, init));
  const sidecars = (reached === -1 ? inits : inits.slice(0, reached)).filter(({ spec }) =>
    isSidecar(spec),
  );
  const added = decisions.filter(({ role }) => role === "ephemeral");
  return [...sidecars, ...(reached === -1 ? mains : inits.slice(reached, reached + 1)), ...added];
}

/**
 * Whether all mains are over for good, so that nothing is left to serve: sidecars do not keep a pod from finishing.
 * Pure.
 */
export function isServed(decisions: readonly Decision[]): boolean {
  return decisions.every(({ role, kind }) => role !== "main" || kind === "finished");
}

/** The place of the last container that has been made in this sandbox: all before it were passed once. */
function furthest(view: PodView, sandboxId: string | undefined): number {
  const places = view.containers
    .filter((one) => one.role === "init" || one.role === "main")
    .filter((one) => one.sandboxId === sandboxId)
    .map((one) => startOrder(view.pod, one));
  return sandboxId === undefined ? 0 : Math.max(0, ...places);
}

function isPassed(view: PodView, decision: Decision): boolean {
  if (!isSidecar(decision.spec)) return decision.kind === "finished" && decision.exitCode === 0;
  return decision.kind === "running" && hasStarted(view, decision);
}

/** Whether a running container has come up: its postStart hook is over and its startup probe has passed. */
function hasStarted(
  view: Pick<PodView, "probes" | "inPostStart">,
  { spec, container }: Pick<Decision & { readonly kind: "running" }, "spec" | "container">,
): boolean {
  if (view.inPostStart.has(container.id)) return false;
  return view.probes.get(container.id)?.started ?? spec.startupProbe === undefined;
}
