import type { Taint, Toleration } from "./kinds.gen.ts";

export const TAINTS = {
  notReady: "node.kubernetes.io/not-ready",
  unreachable: "node.kubernetes.io/unreachable",
  unschedulable: "node.kubernetes.io/unschedulable",
  memoryPressure: "node.kubernetes.io/memory-pressure",
  diskPressure: "node.kubernetes.io/disk-pressure",
  pidPressure: "node.kubernetes.io/pid-pressure",
  networkUnavailable: "node.kubernetes.io/network-unavailable",
  outOfService: "node.kubernetes.io/out-of-service",
} as const;

/** Whether one toleration bears the taint, by key, value and effect; not by time. Pure. */
export function toleratesTaint(toleration: Toleration, taint: Taint): boolean {
  const { key = "", operator = "Equal", value = "", effect } = toleration;
  return (
    (effect === undefined || effect === taint.effect) &&
    (key === "" ? operator === "Exists" : key === taint.key) &&
    (operator === "Exists" || value === (taint.value ?? ""))
  );
}

/** The first of the taints with one of these effects that no toleration bears. Pure. */
export function untoleratedTaint(
  taints: readonly Taint[],
  tolerations: readonly Toleration[],
  effects: readonly Taint["effect"][],
): Taint | undefined {
  return taints.find(
    (taint) =>
      effects.includes(taint.effect) &&
      !tolerations.some((toleration) => toleratesTaint(toleration, taint)),
  );
}
