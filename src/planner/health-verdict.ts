import type { Millis } from "../base/clock.ts";
import { sortedBy } from "../base/order.ts";
import type { Pod } from "../model/kinds.gen.ts";
import { earlier, isActive } from "./pod-state.ts";
import { podTrouble, type PodTrouble } from "./pod-trouble.ts";
import type { World } from "./world.ts";

export interface Health {
  /** Degraded is an end: waiting does not help. */
  readonly kind: "Healthy" | "Progressing" | "Degraded";
  /** CamelCase. */
  readonly reason: string;
  /** For people; without a full stop, since others put it into sentences. */
  readonly message: string;
  /** When to look again although nothing has changed by then. */
  readonly lookAgainAt?: Millis;
}

export const HEALTHY: Health = { kind: "Healthy", reason: "Healthy", message: "as declared" };

/** What keeps a workload from running: the trouble of one of its pods, or of making them. */
export interface WorkloadTrouble extends PodTrouble {
  readonly text: string;
}

/** The worst trouble of some pods: a terminal one, else the first by name. Pure. */
export function troubleOf(
  world: World,
  pods: readonly Pod[],
  unplacedMs?: Millis,
): WorkloadTrouble | undefined {
  const found = sortedBy(pods.filter(isActive), ({ metadata }) => metadata.name).flatMap((pod) => {
    const trouble = podTrouble(world, pod, unplacedMs);
    return trouble === undefined
      ? []
      : [{ ...trouble, text: `pod ${pod.metadata.name}: ${trouble.message}` }];
  });
  const worst = found.find(({ isTerminal }) => isTerminal) ?? found[0];
  if (worst === undefined) return undefined;
  const terminalAt = found.reduce<Millis | undefined>(
    (at, trouble) => earlier(at, trouble.terminalAt),
    undefined,
  );
  return terminalAt === undefined ? worst : { ...worst, terminalAt };
}

/** An end: waiting does not help. Pure. */
export function degraded({ reason, text }: Pick<WorkloadTrouble, "reason" | "text">): Health {
  return { kind: "Degraded", reason, message: withoutStop(text) };
}

/** On its way. Pure. */
export function progressing(reason: string, message: string): Health {
  return { kind: "Progressing", reason, message: withoutStop(message) };
}

/** On its way, with what is in the way. Pure. */
export function waiting(what: string, trouble: WorkloadTrouble | undefined): Health {
  if (trouble === undefined) return progressing("Progressing", what);
  const health = progressing(trouble.reason, `${what}; ${trouble.text}`);
  return trouble.terminalAt === undefined ? health : { ...health, lookAgainAt: trouble.terminalAt };
}

/** A sentence without its full stop. Pure. */
export function withoutStop(message: string): string {
  return message.replace(/\.$/, "");
}
