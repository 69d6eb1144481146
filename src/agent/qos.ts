import type { Container, PodSpec } from "../model/kinds.gen.ts";
import { qosClass } from "../model/qos.ts";
import { cpuMillis, memoryBytes } from "../model/quantity.ts";

export interface ContainerResources {
  readonly cpuShares: number;
  readonly cpuQuotaUs: number;
  readonly memoryBytes: number;
  readonly oomScoreAdj: number;
}

const MIN_SHARES = 2;
const MAX_SHARES = 262_144;
/** Docker refuses less than one millisecond of each period. */
const MIN_QUOTA_US = 1000;
export const CPU_PERIOD_US = 100_000;

/** A container's requests and limits in the kernel's words. Pure. */
export function containerResources(
  spec: PodSpec,
  container: Container,
  node: OomContext,
): ContainerResources {
  const { limits = {}, requests = {} } = container.resources ?? {};
  const cpu = cpuMillis(requests["cpu"] ?? limits["cpu"] ?? "0") ?? 0;
  const cpuLimit = cpuMillis(limits["cpu"] ?? "0") ?? 0;
  const memoryLimit = memoryBytes(limits["memory"] ?? "0") ?? 0;
  const memory = memoryBytes(requests["memory"] ?? limits["memory"] ?? "0") ?? 0;
  return {
    cpuShares: Math.min(MAX_SHARES, Math.max(MIN_SHARES, Math.floor((cpu * 1024) / 1000))),
    cpuQuotaUs:
      cpuLimit === 0 ? 0 : Math.max(MIN_QUOTA_US, Math.floor((cpuLimit * CPU_PERIOD_US) / 1000)),
    memoryBytes: memoryLimit,
    oomScoreAdj: oomScore(spec, memory, node),
  };
}

/** What the kernel's choice of a victim depends on. */
export interface OomContext {
  readonly memoryBytes: number;
  /** Whether the daemon may give a negative score: one in a user namespace or container may not. */
  readonly mayLowerOomScore?: boolean;
}

const SPARED_SCORE = -997;
const LEAST_BURSTABLE = 1000 + SPARED_SCORE;
/** From here on a pod is part of the system: `system-cluster-critical` and above. */
export const CRITICAL_PRIORITY = 2_000_000_000;

/** Kubelet's. Without the right to a negative score, those to be spared come last among the rest. */
function oomScore(spec: PodSpec, requestBytes: number, node: OomContext): number {
  const qos = qosClass(spec);
  if (qos === "Guaranteed" || (spec.priority ?? 0) >= CRITICAL_PRIORITY)
    return node.mayLowerOomScore === true ? SPARED_SCORE : 0;
  if (qos === "BestEffort") return 1000;
  const score = 1000 - Math.floor((1000 * requestBytes) / Math.max(1, node.memoryBytes));
  return Math.min(999, Math.max(LEAST_BURSTABLE, score));
}
