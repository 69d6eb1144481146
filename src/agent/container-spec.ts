import { shortHash } from "../base/hash.ts";
import { digestReference, pinnedReference, readPins } from "../model/image-pins.ts";
import { LABELS } from "../model/instance.ts";
import { isSafeSysctl, sysctlName } from "../model/sysctls.ts";
import type { StringMap } from "../model/meta.ts";
import type { Container, Pod } from "../model/kinds.gen.ts";
import { expand } from "./env.ts";
import { containerLog } from "./log-config.ts";
import { containerName, hostnameProblem, kernelHostname, podFqdn, podHostname } from "./names.ts";
import { podDns, type DnsContext } from "./pod-dns.ts";
import type { Allocatable } from "./pod-fields.ts";
import { sandboxMounts } from "./pod-volumes.ts";
import { SANDBOX, type ContainerRole } from "./pod-view.ts";
import { containerResources } from "./qos.ts";
import type { ContainerSpec, MountSpec } from "./runtime.ts";

/** What the kernel lets a container do, beyond Docker's usual rules. */
export type SecurityProfiles = Pick<ContainerSpec, "seccomp" | "appArmor">;

/** What is the same for all pods of a node. */
export interface NodeContext extends DnsContext {
  readonly clusterId: string;
  readonly nodeName: string;
  readonly hasAppArmor: boolean;
  readonly pauseImage: string;
  readonly memoryBytes: number;
  /** Most processes and threads in each container; absent: as many as the host bears. */
  readonly podPidsLimit?: number;
  /** Whether the host lets containers be spared by the kernel when memory runs out. */
  readonly mayLowerOomScore?: boolean;
  readonly allocatable: Allocatable;
  /** Whether the kernel has IPv6 at all: its switch cannot be set where it is not. */
  readonly hasIpv6: boolean;
}

/** Docker's default set has it; without it a pod cannot forge packets. `ping` works by `ping_group_range`. */
const DROPPED_BY_DEFAULT = "NET_RAW";
const SANDBOX_CPU_SHARES = 2;

/** Labels of every container and volume of a pod. Pure. */
export function podLabels(pod: Pod, node: NodeContext): StringMap {
  return {
    [LABELS.cluster]: node.clusterId,
    [LABELS.node]: node.nodeName,
    [LABELS.podUid]: pod.metadata.uid ?? "",
    [LABELS.podName]: pod.metadata.name,
    [LABELS.podNamespace]: pod.metadata.namespace ?? "",
  };
}

export interface SandboxQuestion {
  readonly pod: Pod;
  readonly node: NodeContext;
  readonly attempt: number;
  /** Its address; absent on the host's network. */
  readonly ip: string | undefined;
}

/** The sandbox of a pod: holds its namespaces, its name service and what it keeps in memory. Pure. */
export function sandboxSpec({ pod, node, attempt, ip }: SandboxQuestion): ContainerSpec {
  const dns = podDns(pod, node);
  const hosts = hostLines(pod, node, ip);
  const isHost = pod.spec.hostNetwork === true;
  return withLabels(
    {
      name: containerName(pod, SANDBOX, attempt),
      image: node.pauseImage,
      network: isHost
        ? { kind: "host", dns, hosts }
        : {
            kind: "none",
            dns,
            hosts,
            sysctls: {
              "net.ipv4.ping_group_range": "0 2147483647",
              ...(node.hasIpv6 ? { "net.ipv6.conf.all.disable_ipv6": "1" } : {}),
              ...(node.hasIpv6 ? { "net.ipv6.conf.default.disable_ipv6": "1" } : {}),
              ...podSysctls(pod),
            },
          },
      ...(isHost ? {} : { hostname: kernelHostname(pod, node.domain) }),
      env: [],
      mounts: sandboxMounts(pod, node.clusterId),
      groups: [],
      capabilitiesAdd: [],
      capabilitiesDrop: ["ALL"],
      privileged: false,
      noNewPrivileges: true,
      readOnlyRoot: false,
      cpuShares: SANDBOX_CPU_SHARES,
      cpuQuotaUs: 0,
      memoryBytes: 0,
      oomScoreAdj: 0,
      stdin: false,
      tty: false,
    },
    {
      ...podLabels(pod, node),
      [LABELS.container]: SANDBOX,
      [LABELS.role]: "sandbox",
      [LABELS.attempt]: String(attempt),
      ...(ip === undefined ? {} : { [LABELS.podIp]: ip }),
    },
  );
}

/** Lines of `/etc/hosts`: the pod's own, then its aliases. */
function hostLines(pod: Pod, { domain }: NodeContext, ip: string | undefined): readonly string[] {
  const names = [podFqdn(pod, domain), podHostname(pod)].filter((name) => name !== undefined);
  const aliases = (pod.spec.hostAliases ?? []).filter(({ hostnames = [] }) => hostnames.length > 0);
  return [
    ...(ip === undefined ? [] : [`${names.join("\t")}:${ip}`]),
    ...aliases.map((alias) => `${alias.hostnames?.join("\t") ?? ""}:${alias.ip}`),
  ];
}

function podSysctls(pod: Pod): StringMap {
  const wanted = pod.spec.securityContext?.sysctls ?? [];
  return Object.fromEntries(wanted.map(({ name, value }) => [sysctlName(name), value]));
}

/** Why the node does not make the pod's sandbox, whatever the API let through; `undefined` when it does. Pure. */
export function sandboxProblem(pod: Pod, node: NodeContext): string | undefined {
  const names = Object.keys(podSysctls(pod));
  const unsafe = names.find((name) => !isSafeSysctl(name));
  if (unsafe !== undefined) return `forbidden sysctl: "${unsafe}" not allowlisted`;
  const isHost = pod.spec.hostNetwork === true;
  const shared = names.find((name) => isHost && name.startsWith("net."));
  if (shared !== undefined)
    return `forbidden sysctl: "${shared}" not allowed with host net enabled`;
  return isHost ? undefined : hostnameProblem(pod, node.domain);
}

export interface MemberQuestion {
  readonly pod: Pod;
  readonly node: NodeContext;
  readonly container: Container;
  readonly role: ContainerRole;
  readonly attempt: number;
  readonly crashes: number;
  readonly sandboxId: string;
  /** The container whose processes it sees; absent: those that the pod says. */
  readonly targetId?: string | undefined;
  readonly env: ReadonlyMap<string, string>;
  readonly mounts: readonly MountSpec[];
  readonly profiles: SecurityProfiles;
  /** User of the image, empty for root. */
  readonly imageUser: string;
  /** Where registries have the image. */
  readonly imageDigests?: readonly string[];
}

/** A container of a pod, which joins the sandbox. Pure. */
export function memberSpec(question: MemberQuestion): ContainerSpec {
  const { pod, node, container, env, imageUser } = question;
  const digest = digestReference(container.image, question.imageDigests ?? []);
  const security = container.securityContext ?? {};
  const user = userOf(pod, container, imageUser);
  const { command, args, workingDir } = container;
  const log = containerLog(pod, container.name);
  const seLinux = { ...pod.spec.securityContext?.seLinuxOptions, ...security.seLinuxOptions };
  const { fsGroup, supplementalGroups = [] } = pod.spec.securityContext ?? {};
  const groups = [...supplementalGroups, ...(fsGroup === undefined ? [] : [fsGroup])];
  return withLabels(
    {
      name: containerName(pod, container.name, question.attempt),
      image: pinnedReference(container.image, readPins(pod.metadata)),
      network: { kind: "container", id: question.sandboxId },
      ...(command === undefined ? {} : { command: command.map((part) => expand(part, env)) }),
      ...(args === undefined ? {} : { args: args.map((part) => expand(part, env)) }),
      ...(workingDir === undefined ? {} : { workingDir }),
      env: [...env].map(([name, value]) => `${name}=${value}`),
      mounts: question.mounts,
      ...(user === undefined ? {} : { user }),
      groups: groups.map(String),
      ...capabilities(container),
      privileged: security.privileged === true,
      noNewPrivileges: security.allowPrivilegeEscalation === false,
      readOnlyRoot: security.readOnlyRootFilesystem === true,
      ...question.profiles,
      ...namespaces(pod),
      ...(question.targetId === undefined ? {} : { pid: { container: question.targetId } }),
      ...containerResources(pod.spec, container, node),
      ...(log === undefined ? {} : { log }),
      ...(Object.keys(seLinux).length === 0 ? {} : { seLinux }),
      ...(node.podPidsLimit === undefined ? {} : { pidsLimit: node.podPidsLimit }),
      stdin: container.stdin === true,
      ...(container.stdinOnce === true ? { stdinOnce: true } : {}),
      tty: container.tty === true,
    },
    {
      ...podLabels(pod, node),
      [LABELS.container]: container.name,
      [LABELS.role]: question.role,
      [LABELS.attempt]: String(question.attempt),
      [LABELS.crashes]: String(question.crashes),
      [LABELS.sandbox]: question.sandboxId,
      ...(digest === undefined ? {} : { [LABELS.imageDigest]: digest }),
    },
  );
}

/** Why a container that must not run as root might; `undefined` when it cannot. Pure. */
export function rootProblem(pod: Pod, container: Container, imageUser: string): string | undefined {
  const must = container.securityContext?.runAsNonRoot ?? pod.spec.securityContext?.runAsNonRoot;
  if (must !== true) return undefined;
  const about = `(pod: "${pod.metadata.name}_${pod.metadata.namespace ?? ""}(${pod.metadata.uid ?? ""})", container: ${container.name})`;
  const asked = container.securityContext?.runAsUser ?? pod.spec.securityContext?.runAsUser;
  if (asked === 0) return `container's runAsUser breaks non-root policy ${about}`;
  if (asked !== undefined) return undefined;
  const user = imageUser.split(":")[0] ?? "";
  if (user === "" || user === "0" || user === "root") {
    return `container has runAsNonRoot and image will run as root ${about}`;
  }
  return /^\d+$/.test(user)
    ? undefined
    : `container has runAsNonRoot and image has non-numeric user (${user}), cannot verify user is non-root ${about}`;
}

function namespaces({ spec }: Pod): Pick<ContainerSpec, "pid" | "ipc"> {
  return {
    ...(spec.shareProcessNamespace === true ? { pid: "joined" } : {}),
    ...(spec.hostPID === true ? { pid: "host" } : {}),
    ...(spec.hostIPC === true ? { ipc: "host" } : {}),
  };
}

function userOf(pod: Pod, container: Container, imageUser: string): string | undefined {
  const user = container.securityContext?.runAsUser ?? pod.spec.securityContext?.runAsUser;
  const group = container.securityContext?.runAsGroup ?? pod.spec.securityContext?.runAsGroup;
  if (group === undefined) return user === undefined ? undefined : String(user);
  const owner = user === undefined ? imageUser.split(":")[0] || "0" : String(user);
  return `${owner}:${group}`;
}

function capabilities(container: Container): {
  readonly capabilitiesAdd: readonly string[];
  readonly capabilitiesDrop: readonly string[];
} {
  const strip = (name: string): string => name.replace(/^CAP_/, "");
  const add = (container.securityContext?.capabilities?.add ?? []).map(strip);
  const drop = (container.securityContext?.capabilities?.drop ?? []).map(strip);
  const keepsRaw =
    container.securityContext?.privileged === true ||
    [...add, ...drop].some((name) => name === DROPPED_BY_DEFAULT || name === "ALL");
  return {
    capabilitiesAdd: add,
    capabilitiesDrop: keepsRaw ? drop : [...drop, DROPPED_BY_DEFAULT],
  };
}

function withLabels(spec: Omit<ContainerSpec, "labels">, labels: StringMap): ContainerSpec {
  return { ...spec, labels: { ...labels, [LABELS.specHash]: shortHash(spec) } };
}
