import type { Container, PodSpec, PodStatus } from "./kinds.gen.ts";
import { cpuMillis, memoryBytes } from "./quantity.ts";

type QosClass = NonNullable<PodStatus["qosClass"]>;

/** Kubernetes' class of service of a pod. Pure. */
export function qosClass(spec: PodSpec): QosClass {
  const containers = [...(spec.initContainers ?? []), ...spec.containers];
  const isBare = containers.every(
    ({ resources }) =>
      Object.keys(resources?.requests ?? {}).length === 0 &&
      Object.keys(resources?.limits ?? {}).length === 0,
  );
  if (isBare) return "BestEffort";
  return containers.every(isGuaranteed) ? "Guaranteed" : "Burstable";
}

function isGuaranteed({ resources }: Container): boolean {
  const { limits = {}, requests = {} } = resources ?? {};
  return (["cpu", "memory"] as const).every((name) => {
    const limit = limits[name];
    if (limit === undefined) return false;
    const request = requests[name] ?? limit;
    const read = name === "cpu" ? cpuMillis : memoryBytes;
    return read(request) === read(limit);
  });
}
