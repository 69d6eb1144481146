import { formatTime, type Millis } from "../../base/clock.ts";
import { isTrue, setCondition } from "../../model/condition.ts";
import type { Condition } from "../../model/meta.ts";
import type { PressureType } from "./pressure.ts";

interface Words {
  readonly type: PressureType;
  readonly no: Pick<Condition, "reason" | "message">;
  readonly yes: Pick<Condition, "reason" | "message">;
}

/** Kubelet's. */
const WORDS: readonly Words[] = [
  {
    type: "MemoryPressure",
    no: {
      reason: "KubeletHasSufficientMemory",
      message: "kubelet has sufficient memory available",
    },
    yes: {
      reason: "KubeletHasInsufficientMemory",
      message: "kubelet has insufficient memory available",
    },
  },
  {
    type: "DiskPressure",
    no: { reason: "KubeletHasNoDiskPressure", message: "kubelet has no disk pressure" },
    yes: { reason: "KubeletHasDiskPressure", message: "kubelet has disk pressure" },
  },
  {
    type: "PIDPressure",
    no: { reason: "KubeletHasSufficientPID", message: "kubelet has sufficient PID available" },
    yes: { reason: "KubeletHasInsufficientPID", message: "kubelet has insufficient PID available" },
  },
];

/** The node's conditions with what it runs out of. Pure. */
export function withPressures(
  conditions: readonly Condition[],
  pressures: ReadonlySet<PressureType>,
  now: Millis,
): readonly Condition[] {
  return WORDS.reduce((all, { type, yes, no }) => {
    const isSo = pressures.has(type);
    const words = isSo ? yes : no;
    return setCondition(all, { type, status: isSo ? "True" : "False", ...words }, formatTime(now));
  }, conditions);
}

/** Whether the conditions say so already. Pure. */
export function saysPressures(
  conditions: readonly Condition[] | undefined,
  pressures: ReadonlySet<PressureType>,
): boolean {
  return WORDS.every(({ type }) => {
    const known = conditions?.find((one) => one.type === type);
    return known !== undefined && isTrue(conditions, type) === pressures.has(type);
  });
}
