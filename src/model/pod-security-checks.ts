import { compare } from "../base/order.ts";
import type { Container, Pod, PodSpec, SecurityContext } from "./kinds.gen.ts";

/** What a check of the Pod Security Standards looks at: a pod, or the template of pods. */
export interface CheckedPod {
  readonly metadata?: { readonly annotations?: Readonly<Record<string, string>> };
  readonly spec: PodSpec;
}

/** What a pod breaks, in Kubernetes' words: printed as `reason (detail)`. */
export interface Violation {
  readonly reason: string;
  readonly detail: string;
}

/** One control of the Pod Security Standards as of some minor version of Kubernetes. Pure. */
export type PodCheck = (pod: CheckedPod) => Violation | undefined;

/** A field that no manifest can state, but that objects of older clusters may carry. */
interface WithWindows {
  readonly windowsOptions?: { readonly hostProcess?: boolean };
}

/** All containers, in the order of their start. Pure. */
export function containersOf({ spec }: CheckedPod): readonly Container[] {
  return [...(spec.initContainers ?? []), ...spec.containers];
}

/** `"a", "b"`. Pure. */
export function quoted(words: readonly string[]): string {
  return words.map((word) => JSON.stringify(word)).join(", ");
}

/** `container "a"`, or `containers "a", "b"`. Pure. */
export function namedContainers(names: readonly string[]): string {
  return `${plural(names, "container")} ${quoted(names)}`;
}

export function plural(items: readonly unknown[], word: string): string {
  return items.length === 1 ? word : `${word}s`;
}

/** The words once each, in order. Pure. */
export function distinct(words: readonly string[]): readonly string[] {
  return [...new Set(words)].toSorted(compare);
}

export function namesWhere(
  pod: CheckedPod,
  isBad: (security: SecurityContext, container: Container) => boolean,
): readonly string[] {
  return containersOf(pod)
    .filter((container) => isBad(container.securityContext ?? {}, container))
    .map(({ name }) => name);
}

/** Who set something that must not be: the pod, some containers, or both. Pure. */
export function setters(isPod: boolean, names: readonly string[]): string | undefined {
  const found = [...(isPod ? ["pod"] : []), ...(names.length > 0 ? [namedContainers(names)] : [])];
  return found.length === 0 ? undefined : found.join(" and ");
}

const APP_ARMOR_ANNOTATION = "container.apparmor.security.beta.kubernetes.io/";

export function appArmorProfile(pod: CheckedPod): Violation | undefined {
  const isBad = (type: string | undefined): boolean =>
    type !== undefined && type !== "RuntimeDefault" && type !== "Localhost";
  const own = pod.spec.securityContext?.appArmorProfile?.type;
  const names = namesWhere(pod, ({ appArmorProfile: profile }) => isBad(profile?.type));
  const types = distinct(
    [own, ...containersOf(pod).map((one) => one.securityContext?.appArmorProfile?.type)].filter(
      (type) => type !== undefined && isBad(type),
    ) as readonly string[],
  );
  const annotations = Object.entries(pod.metadata?.annotations ?? {})
    .filter(([key]) => key.startsWith(APP_ARMOR_ANNOTATION))
    .filter(
      ([, value]) => !["", "runtime/default"].includes(value) && !value.startsWith("localhost/"),
    )
    .map(([key, value]) => `${key}=${JSON.stringify(value)}`)
    .toSorted(compare);
  const bad = [
    setters(isBad(own), names),
    ...(annotations.length === 0 ? [] : [plural(annotations, "annotation")]),
  ].filter((one) => one !== undefined);
  if (bad.length === 0) return undefined;
  const values = [...types, ...annotations];
  return {
    reason: plural(values, "forbidden AppArmor profile"),
    detail: `${bad.join(" and ")} must not set AppArmor profile type to ${quoted(values)}`,
  };
}

const BASELINE_CAPABILITIES: ReadonlySet<string> = new Set([
  "AUDIT_WRITE",
  "CHOWN",
  "DAC_OVERRIDE",
  "FOWNER",
  "FSETID",
  "KILL",
  "MKNOD",
  "NET_BIND_SERVICE",
  "SETFCAP",
  "SETGID",
  "SETPCAP",
  "SETUID",
  "SYS_CHROOT",
]);

export function capabilitiesBaseline(pod: CheckedPod): Violation | undefined {
  return addedBeyond(pod, BASELINE_CAPABILITIES, "non-default capabilities");
}

/** What is added beside the allowed ones, in the words that baseline and restricted share. Pure. */
export function addedBeyond(
  pod: CheckedPod,
  allowed: ReadonlySet<string>,
  reason: string,
): Violation | undefined {
  const beyond = ({ capabilities }: SecurityContext): readonly string[] =>
    (capabilities?.add ?? []).filter((name) => !allowed.has(name));
  const names = namesWhere(pod, (security) => beyond(security).length > 0);
  if (names.length === 0) return undefined;
  const added = distinct(containersOf(pod).flatMap((one) => beyond(one.securityContext ?? {})));
  const detail = `${namedContainers(names)} must not include ${quoted(added)} in securityContext.capabilities.add`;
  return { reason, detail };
}

export function hostNamespaces({ spec }: CheckedPod): Violation | undefined {
  const found = (["hostNetwork", "hostPID", "hostIPC"] as const).filter(
    (field) => spec[field] === true,
  );
  if (found.length === 0) return undefined;
  return {
    reason: "host namespaces",
    detail: found.map((field) => `${field}=true`).join(", "),
  };
}

export function hostPathVolumes({ spec }: CheckedPod): Violation | undefined {
  const names = (spec.volumes ?? [])
    .filter(({ hostPath }) => hostPath !== undefined)
    .map(({ name }) => name);
  if (names.length === 0) return undefined;
  return { reason: "hostPath volumes", detail: `${plural(names, "volume")} ${quoted(names)}` };
}

export function hostPorts(pod: CheckedPod): Violation | undefined {
  const portsOf = ({ ports = [] }: Container): readonly number[] =>
    ports.flatMap(({ hostPort = 0 }) => (hostPort === 0 ? [] : [hostPort]));
  const names = namesWhere(pod, (_security, container) => portsOf(container).length > 0);
  if (names.length === 0) return undefined;
  const ports = distinct(containersOf(pod).flatMap((one) => portsOf(one).map(String)));
  const uses = names.length === 1 ? "uses" : "use";
  const detail = `${namedContainers(names)} ${uses} ${plural(ports, "hostPort")} ${ports.join(", ")}`;
  return { reason: "hostPort", detail };
}

export function privileged(pod: CheckedPod): Violation | undefined {
  const names = namesWhere(pod, (security) => security.privileged === true);
  if (names.length === 0) return undefined;
  const detail = `${namedContainers(names)} must not set securityContext.privileged=true`;
  return { reason: "privileged", detail };
}

export function procMount(pod: CheckedPod): Violation | undefined {
  const typeOf = (security: SecurityContext): string => security.procMount ?? "Default";
  const names = namesWhere(pod, (security) => typeOf(security) !== "Default");
  if (names.length === 0) return undefined;
  const types = distinct(
    containersOf(pod)
      .map((one) => typeOf(one.securityContext ?? {}))
      .filter((type) => type !== "Default"),
  );
  const detail = `${namedContainers(names)} must not set securityContext.procMount to ${quoted(types)}`;
  return { reason: "procMount", detail };
}

const SELINUX_TYPES: readonly string[] = ["", "container_t", "container_init_t", "container_kvm_t"];

/** The check with these types of SELinux allowed beside the first ones. Pure. */
export function seLinuxOptions(more: readonly string[]): PodCheck {
  const allowed = new Set([...SELINUX_TYPES, ...more]);
  type Options = Pod["spec"]["securityContext"];
  const optionsOf = (security: Options): { type?: string; user?: string; role?: string } =>
    security?.seLinuxOptions ?? {};
  const isBad = (security: Options): boolean => {
    const { type = "", user = "", role = "" } = optionsOf(security);
    return !allowed.has(type) || user !== "" || role !== "";
  };
  return (pod) => {
    const own = pod.spec.securityContext;
    const names = namesWhere(pod, (security) => isBad(security));
    const who = setters(isBad(own), names);
    if (who === undefined) return undefined;
    const all = [own, ...containersOf(pod).map((one) => one.securityContext)].map(optionsOf);
    const types = distinct(all.map(({ type = "" }) => type).filter((type) => !allowed.has(type)));
    const what = [
      ...(types.length === 0 ? [] : [`${plural(types, "type")} ${quoted(types)}`]),
      ...(all.some(({ user = "" }) => user !== "") ? ["user may not be set"] : []),
      ...(all.some(({ role = "" }) => role !== "") ? ["role may not be set"] : []),
    ];
    const detail = `${who} set forbidden securityContext.seLinuxOptions: ${what.join("; ")}`;
    return { reason: "seLinuxOptions", detail };
  };
}

/** Whether a seccomp profile is one that confines. Pure. */
export function isConfining(type: string | undefined): boolean {
  return type === "RuntimeDefault" || type === "Localhost";
}

export function seccompBaseline(pod: CheckedPod): Violation | undefined {
  const typeOf = (security: SecurityContext | PodSpec["securityContext"]): string | undefined =>
    security?.seccompProfile?.type;
  const isBad = (type: string | undefined): boolean => type !== undefined && !isConfining(type);
  const own = typeOf(pod.spec.securityContext);
  const who = setters(
    isBad(own),
    namesWhere(pod, (security) => isBad(typeOf(security))),
  );
  if (who === undefined) return undefined;
  const types = [own, ...containersOf(pod).map((one) => typeOf(one.securityContext))];
  const bad = distinct(types.filter((type) => type !== undefined).filter(isBad));
  const detail = `${who} must not set securityContext.seccompProfile.type to ${quoted(bad)}`;
  return { reason: "seccompProfile", detail };
}

const SECCOMP_ANNOTATIONS = {
  pod: "seccomp.security.alpha.kubernetes.io/pod",
  container: "container.seccomp.security.alpha.kubernetes.io/",
} as const;

/** Before the field there were annotations. */
export function seccompAnnotations(pod: CheckedPod): Violation | undefined {
  const annotations = pod.metadata?.annotations ?? {};
  const keys = [
    SECCOMP_ANNOTATIONS.pod,
    ...containersOf(pod).map(({ name }) => `${SECCOMP_ANNOTATIONS.container}${name}`),
  ];
  const bad = keys.flatMap((key) => {
    const value = annotations[key];
    const isGood =
      value === undefined ||
      ["runtime/default", "docker/default"].includes(value) ||
      value.startsWith("localhost/");
    return isGood ? [] : [`${key}=${JSON.stringify(value)}`];
  });
  if (bad.length === 0) return undefined;
  const detail = `forbidden ${plural(bad, "annotation")} ${distinct(bad).join(", ")}`;
  return { reason: "seccompProfile", detail };
}

const SYSCTLS: readonly string[] = [
  "kernel.shm_rmid_forced",
  "net.ipv4.ip_local_port_range",
  "net.ipv4.tcp_syncookies",
  "net.ipv4.ping_group_range",
  "net.ipv4.ip_unprivileged_port_start",
];

/** The check with these settings allowed beside the first ones. Pure. */
export function sysctls(more: readonly string[]): PodCheck {
  const allowed = new Set([...SYSCTLS, ...more]);
  return ({ spec }) => {
    const bad = (spec.securityContext?.sysctls ?? [])
      .map(({ name }) => name)
      .filter((name) => !allowed.has(name));
    return bad.length === 0 ? undefined : { reason: "forbidden sysctls", detail: bad.join(", ") };
  };
}

export function windowsHostProcess(pod: CheckedPod): Violation | undefined {
  const isBad = (security: object | undefined): boolean =>
    (security as WithWindows | undefined)?.windowsOptions?.hostProcess === true;
  const who = setters(
    isBad(pod.spec.securityContext),
    namesWhere(pod, (security) => isBad(security)),
  );
  if (who === undefined) return undefined;
  const detail = `${who} must not set securityContext.windowsOptions.hostProcess=true`;
  return { reason: "hostProcess", detail };
}
