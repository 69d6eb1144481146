import { memoryBytes } from "../../model/quantity.ts";
import type { PodConsumption } from "./eviction-rank.ts";

const RESOURCE = "ephemeral-storage";

/** Why a pod has to go that wrote more to the node's disk than it may; `undefined` when it has not. Pure. */
export function storageExcess(consumption: PodConsumption): string | undefined {
  return emptyDirExcess(consumption) ?? podExcess(consumption) ?? containerExcess(consumption);
}

function emptyDirExcess({ pod, volumes }: PodConsumption): string | undefined {
  for (const { name, emptyDir } of pod.spec.volumes ?? []) {
    if (emptyDir === undefined || emptyDir.medium === "Memory") continue;
    const limit = memoryBytes(emptyDir.sizeLimit ?? "0") ?? 0;
    const used = volumes.find((volume) => volume.name === name)?.diskBytes ?? 0;
    if (limit > 0 && used > limit)
      return `Usage of EmptyDir volume "${name}" exceeds the limit "${emptyDir.sizeLimit ?? ""}". `;
  }
  return undefined;
}

/** As Kubernetes adds up: the limits of those that have one, against what all use. */
function podExcess({ pod, containers, volumes }: PodConsumption): string | undefined {
  const limits = pod.spec.containers.flatMap(({ resources }) => {
    const limit = resources?.limits?.[RESOURCE];
    return limit === undefined ? [] : [memoryBytes(limit) ?? 0];
  });
  if (limits.length === 0) return undefined;
  const limit = limits.reduce((sum, one) => sum + one, 0);
  const used = [...containers, ...volumes].reduce((sum, one) => sum + one.diskBytes, 0);
  if (used <= limit) return undefined;
  const text =
    pod.spec.containers.length === 1
      ? pod.spec.containers[0]?.resources?.limits?.[RESOURCE]
      : undefined;
  return `Pod ephemeral local storage usage exceeds the total limit of containers ${text ?? String(limit)}. `;
}

function containerExcess({ pod, containers }: PodConsumption): string | undefined {
  for (const { name, resources } of pod.spec.containers) {
    const limit = resources?.limits?.[RESOURCE];
    const used = containers.find((one) => one.name === name)?.diskBytes ?? 0;
    if (limit !== undefined && used > (memoryBytes(limit) ?? 0))
      return `Container ${name} exceeded its local ephemeral storage limit "${limit}". `;
  }
  return undefined;
}
