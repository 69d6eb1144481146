import type { Pod } from "../model/kinds.gen.ts";

/** Longest part of a name that comes from a user: the pod's uid keeps it unique when it is cut. */
const MAX_PART = 63;
/** Longest host name that Linux takes. */
const MAX_HOSTNAME = 63;

/** The Docker name of one attempt at a container: making it twice finds the first. Pure. */
export function containerName(pod: Pod, container: string, attempt: number): string {
  const { name, namespace, uid } = pod.metadata;
  const parts = [container, name, namespace ?? ""].map((part) => part.slice(0, MAX_PART));
  return ["berth", ...parts, uid ?? "", attempt].join("_");
}

/** The Docker name of a pod's volume. Pure. */
export function volumeName(clusterId: string, podUid: string, volume: string): string {
  return `berth_${clusterId}_${podUid}_${volume}`;
}

/** The host name that the pod's containers see. Pure. */
export function podHostname(pod: Pod): string {
  return (pod.spec.hostname ?? pod.metadata.name).slice(0, MAX_HOSTNAME).replace(/[-.]+$/, "");
}
