import { unreachable } from "../base/assert.ts";
import { parseTime, type Millis } from "../base/clock.ts";
import type { StringMap } from "../model/meta.ts";
import { compareVersions } from "./docker-version.ts";
import type {
  ContainerLimits,
  ContainerRunState,
  ContainerSpec,
  DnsSpec,
  ListedContainer,
  MountSpec,
  NetworkSpec,
  ObservedContainer,
} from "./runtime.ts";

/** The parts of Docker's answers that are read here. */
export interface DockerListing {
  readonly Id: string;
  readonly Names: readonly string[];
  readonly Labels: StringMap | null;
  readonly State: string;
}

export interface DockerInspection {
  readonly Id: string;
  readonly Name: string;
  readonly Image: string;
  readonly Config: {
    readonly Image: string;
    readonly Labels: StringMap | null;
    readonly StopSignal?: string;
    readonly Tty?: boolean;
  };
  readonly State: {
    readonly Status: string;
    readonly Pid: number;
    readonly ExitCode: number;
    readonly OOMKilled: boolean;
    readonly Error: string;
    readonly StartedAt: string;
    readonly FinishedAt: string;
  };
  readonly HostConfig?: {
    readonly CpuShares?: number;
    readonly CpuPeriod?: number;
    readonly CpuQuota?: number;
    readonly Memory?: number;
  };
  readonly GraphDriver?: { readonly Data?: { readonly UpperDir?: string } | null };
  readonly ResolvConfPath?: string;
}

/**
 * Kubelet's: ten megabytes in five files, which the daemon rotates itself. Not the driver "local": Engine 20.10 loses
 * the end of each line that is longer than 16 KiB, so that the next one is joined to it.
 */
const LOG_CONFIG = { Type: "json-file", Config: { "max-size": "10m", "max-file": "5" } };
const CPU_PERIOD_US = 100_000;
/** A limit can be raised, but not taken away again: this one is as good as none. */
const NO_MEMORY_LIMIT = 2 ** 52;

export function toListed(found: DockerListing): ListedContainer {
  return {
    id: found.Id,
    name: (found.Names[0] ?? found.Id).replace(/^\//, ""),
    labels: found.Labels ?? {},
    state: toRunState(found.State),
  };
}

export function toObserved(found: DockerInspection): ObservedContainer {
  const { State: state, Config: config } = found;
  const runState = toRunState(state.Status);
  const startedAt = toMillis(state.StartedAt);
  const finishedAt = runState === "exited" ? toMillis(state.FinishedAt) : undefined;
  const failed = runState === "created" && state.Error !== "";
  return {
    id: found.Id,
    name: found.Name.replace(/^\//, ""),
    labels: config.Labels ?? {},
    state: runState,
    image: config.Image,
    imageId: found.Image,
    ...(startedAt === undefined ? {} : { startedAt }),
    ...(finishedAt === undefined ? {} : { finishedAt }),
    ...(runState === "exited" || failed ? { exitCode: state.ExitCode } : {}),
    ...(state.OOMKilled ? { oomKilled: true } : {}),
    ...(state.Error === "" ? {} : { error: state.Error }),
    ...(runState === "running" && state.Pid > 0 ? { pid: state.Pid } : {}),
    ...(config.StopSignal === undefined || config.StopSignal === ""
      ? {}
      : { stopSignal: config.StopSignal }),
    ...limitsOf(found),
    writtenIn: writtenIn(found),
  };
}

function limitsOf({ HostConfig: host }: DockerInspection): Pick<ObservedContainer, "limits"> {
  if (host === undefined) return {};
  const { CpuShares: cpuShares = 0, CpuPeriod: period = 0, CpuQuota: quota = 0 } = host;
  const perPeriod = period === 0 ? quota : Math.round((quota * CPU_PERIOD_US) / period);
  return { limits: { cpuShares, cpuQuotaUs: perPeriod, memoryBytes: host.Memory ?? 0 } };
}

/** The daemon keeps a container's log, whatever its driver, in the folder that has its resolv.conf too. */
function writtenIn(found: DockerInspection): NonNullable<ObservedContainer["writtenIn"]> {
  const layer = found.GraphDriver?.Data?.UpperDir;
  const own = found.ResolvConfPath ?? "";
  const folder = own.slice(0, Math.max(0, own.lastIndexOf("/")));
  const isOwn = folder.endsWith(`/${found.Id}`);
  return { ...(layer === undefined ? {} : { layer }), ...(isOwn ? { log: folder } : {}) };
}

/** The body of `POST /containers/…/update`. Memory and swap change together: swap is never given. */
export function toUpdateBody(limits: ContainerLimits): Readonly<Record<string, unknown>> {
  const { cpuShares, cpuQuotaUs, memoryBytes } = limits;
  return {
    CpuShares: cpuShares,
    CpuPeriod: CPU_PERIOD_US,
    CpuQuota: cpuQuotaUs === 0 ? -1 : cpuQuotaUs,
    Memory: memoryBytes === 0 ? NO_MEMORY_LIMIT : memoryBytes,
    MemorySwap: memoryBytes === 0 ? -1 : memoryBytes,
  };
}

/** The body of `POST /containers/create`, as that version of the API takes it. Pure. */
export function toCreateBody(
  spec: ContainerSpec,
  apiVersion: string,
): Readonly<Record<string, unknown>> {
  return {
    Image: spec.image,
    Labels: spec.labels,
    Env: spec.env,
    ...(spec.hostname === undefined ? {} : { Hostname: spec.hostname }),
    ...(spec.command === undefined ? {} : { Entrypoint: spec.command }),
    ...(spec.args === undefined ? {} : { Cmd: spec.args }),
    ...(spec.workingDir === undefined ? {} : { WorkingDir: spec.workingDir }),
    ...(spec.user === undefined ? {} : { User: spec.user }),
    OpenStdin: spec.stdin,
    StdinOnce: spec.stdinOnce === true,
    Tty: spec.tty,
    // Probes are the agent's; the image's own check would only cost and restart.
    Healthcheck: { Test: ["NONE"] },
    HostConfig: {
      ...toNetwork(spec.network),
      RestartPolicy: { Name: "no" },
      LogConfig:
        spec.log === undefined ? LOG_CONFIG : { Type: spec.log.driver, Config: spec.log.options },
      Mounts: spec.mounts.map((mount) => toMount(mount, apiVersion)),
      GroupAdd: spec.groups,
      CapAdd: spec.capabilitiesAdd,
      CapDrop: spec.capabilitiesDrop,
      Privileged: spec.privileged,
      ReadonlyRootfs: spec.readOnlyRoot,
      SecurityOpt: toSecurityOptions(spec),
      ...toNamespaces(spec),
      CpuShares: spec.cpuShares,
      ...(spec.cpuQuotaUs === 0 ? {} : { CpuPeriod: CPU_PERIOD_US, CpuQuota: spec.cpuQuotaUs }),
      // Equal limits: no swap. Left at 0, Docker would give twice the memory.
      ...(spec.memoryBytes === 0 ? {} : { Memory: spec.memoryBytes, MemorySwap: spec.memoryBytes }),
      OomScoreAdj: spec.oomScoreAdj,
      ...(spec.pidsLimit === undefined ? {} : { PidsLimit: spec.pidsLimit }),
    },
  };
}

function toSecurityOptions(spec: ContainerSpec): readonly string[] {
  return [
    ...(spec.noNewPrivileges ? ["no-new-privileges"] : []),
    ...(spec.seccomp === undefined ? [] : [`seccomp=${spec.seccomp}`]),
    ...(spec.appArmor === undefined ? [] : [`apparmor=${spec.appArmor}`]),
    ...Object.entries(spec.seLinux ?? {}).map(([key, value]) => `label=${key}:${value}`),
  ];
}

/** After the network's, whose IPC namespace this may replace. */
function toNamespaces({ pid, ipc, network }: ContainerSpec): Readonly<Record<string, string>> {
  const joined = network.kind === "container" ? `container:${network.id}` : "";
  return {
    ...(pid === undefined ? {} : { PidMode: pidMode(pid, joined) }),
    ...(ipc === undefined ? {} : { IpcMode: ipc }),
  };
}

function pidMode(pid: NonNullable<ContainerSpec["pid"]>, joined: string): string {
  if (typeof pid === "object") return `container:${pid.container}`;
  return pid === "host" ? "host" : joined;
}

function toNetwork(network: NetworkSpec): Readonly<Record<string, unknown>> {
  switch (network.kind) {
    case "none":
      return {
        NetworkMode: "none",
        IpcMode: "shareable",
        ...toDns(network.dns),
        ExtraHosts: network.hosts,
        Sysctls: network.sysctls,
      };
    case "host":
      return {
        NetworkMode: "host",
        IpcMode: "shareable",
        ...toDns(network.dns),
        ExtraHosts: network.hosts,
      };
    case "container":
      return { NetworkMode: `container:${network.id}`, IpcMode: `container:${network.id}` };
    default:
      return unreachable(network);
  }
}

function toDns(dns: DnsSpec): Readonly<Record<string, unknown>> {
  if (dns.servers.length === 0) return { DnsSearch: dns.search, DnsOptions: dns.options };
  // The daemon would fill in the host's for what is empty: a dot is no domain, and an empty option is none.
  const search = dns.search.length === 0 ? ["."] : dns.search;
  const options = dns.options.length === 0 ? [""] : dns.options;
  return { Dns: dns.servers, DnsSearch: search, DnsOptions: options };
}

/** Since this version a read-only mount makes what is mounted below it read-only too, unless told otherwise. */
const RECURSIVE_READ_ONLY_SINCE = "1.44";

function toMount(mount: MountSpec, apiVersion: string): Readonly<Record<string, unknown>> {
  switch (mount.kind) {
    case "volume":
      return {
        Type: "volume",
        Source: mount.volume,
        Target: mount.target,
        ReadOnly: mount.readOnly,
        // As Kubernetes: what the image has at that path is hidden, not copied into the volume.
        VolumeOptions: { NoCopy: true },
      };
    case "bind":
      // Else propagation is left to the daemon: private, but rslave for what lies in its own folder, as volumes do.
      return {
        Type: "bind",
        Source: mount.source,
        Target: mount.target,
        ReadOnly: mount.readOnly,
        ...toBindOptions(mount, apiVersion),
      };
    default:
      return unreachable(mount);
  }
}

function toBindOptions(
  { propagation, readOnly }: MountSpec & { readonly kind: "bind" },
  apiVersion: string,
): Readonly<Record<string, unknown>> {
  // As Kubernetes: read-only is what is mounted, not what is mounted below it.
  const isFlat = readOnly && compareVersions(apiVersion, RECURSIVE_READ_ONLY_SINCE) >= 0;
  if (propagation === undefined && !isFlat) return {};
  return {
    BindOptions: {
      ...(propagation === undefined ? {} : { Propagation: propagation }),
      ...(isFlat ? { ReadOnlyNonRecursive: true } : {}),
    },
  };
}

function toRunState(state: string): ContainerRunState {
  switch (state) {
    case "created":
      return "created";
    case "running":
    case "paused":
    case "restarting":
      return "running";
    default:
      return "exited";
  }
}

/** Docker writes the year 1 for "never". */
function toMillis(time: string): Millis | undefined {
  return time.startsWith("0001-") ? undefined : parseTime(time);
}
