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

/** Longest host name that the kernel takes. */
const MAX_KERNEL_HOSTNAME = 64;

/** The pod's full name in the cluster's DNS; `undefined` without a subdomain. Pure. */
export function podFqdn(pod: Pod, domain: string): string | undefined {
  const { subdomain } = pod.spec;
  if (subdomain === undefined || subdomain === "") return undefined;
  return `${podHostname(pod)}.${subdomain}.${pod.metadata.namespace ?? ""}.svc.${domain}`;
}

/** What `hostname` says in the pod. Pure. */
export function kernelHostname(pod: Pod, domain: string): string {
  const full = pod.spec.setHostnameAsFQDN === true ? podFqdn(pod, domain) : undefined;
  return full ?? podHostname(pod);
}

/** Why the kernel would not take the pod's host name; `undefined` when it does. Pure. */
export function hostnameProblem(pod: Pod, domain: string): string | undefined {
  const { length } = kernelHostname(pod, domain);
  if (length <= MAX_KERNEL_HOSTNAME) return undefined;
  return (
    `Failed to construct FQDN from Pod hostname and cluster domain, FQDN ${kernelHostname(pod, domain)} is too long ` +
    `(${MAX_KERNEL_HOSTNAME} characters is the max, ${length} characters requested)`
  );
}

/** The host name that the pod's containers see. Pure. */
export function podHostname(pod: Pod): string {
  return (pod.spec.hostname ?? pod.metadata.name).slice(0, MAX_HOSTNAME).replace(/[-.]+$/, "");
}
