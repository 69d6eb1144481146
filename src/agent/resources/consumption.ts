import type { Pod } from "../../model/kinds.gen.ts";
import { volumeName } from "../names.ts";
import type { PodContainer } from "../pod-view.ts";
import type { RunningPod } from "../stats.ts";
import type { ContainerMeter } from "./container-meter.ts";
import type { ContainerConsumption, PodConsumption } from "./eviction-rank.ts";

/** Bytes, or inodes, by folder. */
export type FolderSizes = ReadonlyMap<string, number>;

export interface ConsumptionTools {
  readonly meter: ContainerMeter;
  readonly clusterId: string;
  /** The Docker Engine's folder. */
  readonly rootDir: string;
  readonly bytes: FolderSizes;
  readonly inodes: FolderSizes;
}

/** The folders in which a pod keeps what it writes to the node's disk. Pure. */
export function foldersOf(
  { pod, containers }: RunningPod,
  place: Pick<ConsumptionTools, "clusterId" | "rootDir">,
): readonly string[] {
  const own = containers.flatMap(({ writtenIn }) =>
    [writtenIn?.layer ?? [], writtenIn?.log ?? []].flat(),
  );
  return [...own, ...emptyDirs(pod, place).map(({ folder }) => folder)];
}

/** What a pod uses now, as far as it is known. */
export async function measurePod(
  { pod, containers }: RunningPod,
  tools: ConsumptionTools,
): Promise<PodConsumption> {
  const members = containers.filter(({ role }) => role !== "sandbox");
  return {
    pod,
    containers: await Promise.all(members.map((one) => measureContainer(one, tools))),
    volumes: emptyDirs(pod, tools).map(({ name, folder }) => ({
      name,
      diskBytes: tools.bytes.get(folder) ?? 0,
      inodes: tools.inodes.get(folder) ?? 0,
    })),
  };
}

async function measureContainer(
  container: PodContainer,
  { meter, bytes, inodes }: ConsumptionTools,
): Promise<ContainerConsumption> {
  const counted = (await meter.read(container))?.counters;
  const { layer = "", log = "" } = container.writtenIn ?? {};
  const sum = (sizes: FolderSizes): number => (sizes.get(layer) ?? 0) + (sizes.get(log) ?? 0);
  return {
    name: container.containerName,
    memoryBytes: counted?.memoryWorkingSet ?? 0,
    processes: counted?.processes ?? 0,
    diskBytes: sum(bytes),
    inodes: sum(inodes),
  };
}

function emptyDirs(
  pod: Pod,
  { clusterId, rootDir }: Pick<ConsumptionTools, "clusterId" | "rootDir">,
): readonly { readonly name: string; readonly folder: string }[] {
  return (pod.spec.volumes ?? [])
    .filter(({ emptyDir }) => emptyDir !== undefined && emptyDir.medium !== "Memory")
    .map(({ name }) => {
      const volume = volumeName(clusterId, pod.metadata.uid ?? "", name);
      return { name, folder: `${rootDir}/volumes/${volume}/_data` };
    });
}
