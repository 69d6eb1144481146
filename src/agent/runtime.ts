import type { Millis } from "../base/clock.ts";
import type { StringMap } from "../model/meta.ts";
import type { StdioRequest } from "../model/tunnel.ts";
import type { OutputChunk } from "./log-demux.ts";

/** What the agent must know of its container host. */
export interface RuntimeInfo {
  /** For instance `docker://20.10.24`. */
  readonly version: string;
  readonly osImage: string;
  readonly kernelVersion: string;
  readonly rootDir: string;
  readonly cpus: number;
  readonly memoryBytes: number;
  readonly cgroupVersion: "1" | "2";
  readonly rootless: boolean;
  readonly hasAppArmor: boolean;
}

/** A container as a listing has it. */
export interface ListedContainer {
  readonly id: string;
  readonly name: string;
  readonly labels: StringMap;
  readonly state: ContainerRunState;
}

export type ContainerRunState = "created" | "running" | "exited";

/** A container as the host really has it, in our words rather than Docker's. */
export interface ObservedContainer extends ListedContainer {
  /** The image as the container was made from it. */
  readonly image: string;
  readonly imageId: string;
  /** In ms since the epoch, as the host says. Absent while it never ran. */
  readonly startedAt?: Millis;
  readonly finishedAt?: Millis;
  readonly exitCode?: number;
  readonly oomKilled?: boolean;
  /** Why it could not be started, in the host's words. */
  readonly error?: string;
  /** Process id of its first process in the host's namespace; only while it runs. */
  readonly pid?: number;
  /** What ends it kindly, as the image says; otherwise SIGTERM. */
  readonly stopSignal?: string;
  /** Its limits as they are now. Absent: the host does not tell. */
  readonly limits?: ContainerLimits;
  /** Folders that hold what it has written: its layer over the image, and its log. */
  readonly writtenIn?: { readonly layer?: string; readonly log?: string };
}

export interface DnsSpec {
  /** Empty: as the host resolves. */
  readonly servers: readonly string[];
  readonly search: readonly string[];
  readonly options: readonly string[];
}

export type NetworkSpec =
  /** A namespace of its own with nothing but `lo`. */
  | {
      readonly kind: "none";
      readonly dns: DnsSpec;
      /** Lines of `/etc/hosts`, `names:address`; names stand apart by tabs. */
      readonly hosts: readonly string[];
      readonly sysctls: StringMap;
    }
  | { readonly kind: "host"; readonly dns: DnsSpec; readonly hosts: readonly string[] }
  /** The namespace of the container with this id, its IPC namespace included. */
  | { readonly kind: "container"; readonly id: string };

/** Which mounts made later are seen: the host's in the container, or each other's. Absent: neither. */
export type MountPropagation = "rslave" | "rshared";

export type MountSpec =
  | {
      readonly kind: "volume";
      readonly volume: string;
      readonly target: string;
      readonly readOnly: boolean;
    }
  | {
      readonly kind: "bind";
      readonly source: string;
      readonly target: string;
      readonly readOnly: boolean;
      readonly propagation?: MountPropagation;
    };

export interface ContainerSpec {
  readonly name: string;
  readonly image: string;
  /** `LABELS.specHash` among them says what the container is made from: see `create`. */
  readonly labels: StringMap;
  readonly network: NetworkSpec;
  readonly hostname?: string;
  /** Replaces the image's entrypoint. */
  readonly command?: readonly string[];
  readonly args?: readonly string[];
  readonly workingDir?: string;
  readonly env: readonly string[];
  readonly mounts: readonly MountSpec[];
  /** `user` or `user:group`. */
  readonly user?: string;
  readonly groups: readonly string[];
  readonly capabilitiesAdd: readonly string[];
  readonly capabilitiesDrop: readonly string[];
  readonly privileged: boolean;
  readonly noNewPrivileges: boolean;
  readonly readOnlyRoot: boolean;
  /** `unconfined` or rules as JSON; absent: the host's usual ones. */
  readonly seccomp?: string;
  /** `unconfined` or the name of a profile; absent: the host's usual one. */
  readonly appArmor?: string;
  /** Whose processes it sees: the host's, those of the container whose network it joins, or another one's. */
  readonly pid?: "host" | "joined" | { readonly container: string };
  readonly ipc?: "host";
  readonly cpuShares: number;
  /** Of a period of 100 ms, in µs; 0 is no limit. */
  readonly cpuQuotaUs: number;
  /** 0 is no limit. Swap is never given. */
  readonly memoryBytes: number;
  readonly oomScoreAdj: number;
  /** SELinux label of its process, where the host has SELinux; absent: the host's choice. */
  readonly seLinux?: StringMap;
  /** Where its log goes; absent: to files of the host, which it rotates. */
  readonly log?: { readonly driver: string; readonly options: StringMap };
  /** Most processes and threads it may have; absent: no limit. */
  readonly pidsLimit?: number;
  readonly stdin: boolean;
  /** Closes standard input when the first client that had it leaves. */
  readonly stdinOnce?: boolean;
  readonly tty: boolean;
}

export interface VolumeSpec {
  readonly name: string;
  readonly labels: StringMap;
  /** Held in memory; gone when the last container that mounts it stops. */
  readonly tmpfs?: { readonly sizeBytes?: number; readonly mode: string };
  /** Mode of the root of a volume on disk, and its group. */
  readonly mode?: number;
  readonly gid?: number;
  /** A volume that outlives pods: by which volume driver, with its options. Its root is touched only while empty. */
  readonly plugin?: { readonly driver: string; readonly options: StringMap };
}

export interface ObservedVolume {
  readonly name: string;
  readonly labels: StringMap;
  /** Where the host keeps it. */
  readonly mountpoint: string;
  readonly tmpfs: boolean;
}

export interface ImageDetails {
  readonly id: string;
  readonly user: string;
  readonly sizeBytes: number;
  /** Where registries have it, as `repository@sha256:…`; none of one that was built or loaded here. */
  readonly digests?: readonly string[];
}

/** How far a pull has come: of the layers whose size is known. */
export interface PullProgress {
  readonly doneBytes: number;
  readonly totalBytes: number;
}

/** An image as a listing has it. */
export interface ListedImage {
  readonly id: string;
  readonly sizeBytes: number;
  /** All its names: tags and digests. */
  readonly references: readonly string[];
}

/** What the images of a host can be cleaned up with. */
export interface ImageStore {
  list(signal: AbortSignal): Promise<readonly ListedImage[]>;
  /** Ids of the images that any container on the host was made from, whoever made it and whether or not it runs. */
  inUse(signal: AbortSignal): Promise<ReadonlySet<string>>;
  /** Takes one name from an image, and with the last one the image. One that is used stays, and is no error. */
  untag(reference: string, signal: AbortSignal): Promise<void>;
}

/** What of a running container can be changed. */
export interface ContainerLimits {
  readonly cpuShares: number;
  /** 0 is no limit. */
  readonly cpuQuotaUs: number;
  /** 0 is no limit. */
  readonly memoryBytes: number;
}

/** Who pulls, for a registry that asks. */
export interface RegistryAuth {
  readonly username: string;
  readonly password: string;
  /** In place of name and password. */
  readonly identityToken?: string;
  readonly serverAddress: string;
}

export interface LogOptions {
  readonly follow: boolean;
  readonly timestamps: boolean;
  readonly tail?: number;
  /** Only what was written after, in seconds since the epoch, with a fraction. */
  readonly since?: string;
}

export interface ExecOptions {
  readonly command: readonly string[];
  readonly timeoutMs: Millis;
  /** Output beyond is read and dropped. */
  readonly maxOutputBytes: number;
}

export interface ExecResult {
  /** Absent when it ran out of time: its process is ended then. */
  readonly exitCode?: number;
  readonly output: string;
  readonly timedOut: boolean;
}

export interface TerminalSize {
  readonly columns: number;
  readonly rows: number;
}

export interface ExecStreamOptions extends StdioRequest {
  readonly command: readonly string[];
  /** Of its terminal at the start. */
  readonly size?: TerminalSize | undefined;
}

/** A process with its streams at hand. Whoever opens one must call `hangUp` at its end. */
export interface ProcessStream {
  /** What it writes, as it is taken, up to its end. With a terminal all of it is stdout. */
  readonly output: AsyncIterable<OutputChunk>;
  /** Resolves when there is room for more. What nobody reads any more is dropped. */
  write(chunk: Uint8Array): Promise<void>;
  endInput(): void;
  /** Of its terminal; nothing when it has none, or does not run. */
  resize(size: TerminalSize, signal: AbortSignal): Promise<void>;
  /** Once the output has ended. `undefined` of a container's own process. */
  exitCode(signal: AbortSignal): Promise<number | undefined>;
  /** Lets go of it. A command that was run for this stream and goes on is ended; a container's own process is not. */
  hangUp(): Promise<void>;
}

export interface RuntimeEvent {
  readonly kind: "start" | "die" | "oom" | "destroy";
  readonly containerId: string;
  readonly labels: StringMap;
  /** In ms since the epoch, as the host says. */
  readonly at: Millis;
}

/**
 * What the agent needs from a container host, and no more.
 *
 * Every method may be repeated: after a crash the agent does not know whether its last call got through. So `create`
 * of a name whose container has the same digest returns that one, and what is started, killed or removed already is
 * no error. Every method throws `RuntimeError` and ends early, with the signal's reason, when `signal` aborts.
 */
export interface ContainerRuntime {
  info(signal: AbortSignal): Promise<RuntimeInfo>;
  /** All containers, running or not, that have all of the labels. */
  list(labels: StringMap, signal: AbortSignal): Promise<readonly ListedContainer[]>;
  /** Throws "image-not-found" when the image is not on the host. Another container of that name is removed first. */
  create(spec: ContainerSpec, signal: AbortSignal): Promise<{ readonly id: string }>;
  /** Throws "cannot-run" when the command cannot be started; the container stays. */
  start(id: string, signal: AbortSignal): Promise<void>;
  /** `undefined` when there is no such container. */
  inspect(id: string, signal: AbortSignal): Promise<ObservedContainer | undefined>;
  /** Sends a signal by name (`SIGTERM`). One that does not run has it already. */
  kill(id: string, signalName: string, signal: AbortSignal): Promise<void>;
  /** Kills it first if it runs. Anonymous volumes go too. */
  remove(id: string, signal: AbortSignal): Promise<void>;
  /** stdout and stderr as written. Ends with the container when following. */
  logs(id: string, options: LogOptions, signal: AbortSignal): AsyncIterable<Uint8Array>;
  exec(id: string, options: ExecOptions, signal: AbortSignal): Promise<ExecResult>;
  /** Runs a command with its streams at hand. The signal is for the start alone. */
  openExec(id: string, options: ExecStreamOptions, signal: AbortSignal): Promise<ProcessStream>;
  /** Joins the streams of a container that runs. The signal is for the start alone. */
  attach(id: string, options: StdioRequest, signal: AbortSignal): Promise<ProcessStream>;
  /** `undefined` when the host does not have it. */
  image(reference: string, signal: AbortSignal): Promise<ImageDetails | undefined>;
  /** Throws "image-not-found", "registry" or "registry-unavailable". Progress is told as often as the host does. */
  pull(
    reference: string,
    signal: AbortSignal,
    auth?: RegistryAuth,
    onProgress?: (progress: PullProgress) => void,
  ): Promise<void>;
  /** Answers probes over the network, where nobody is at the pods' addresses. Absent: they are dialled. */
  probe?(id: string, signal: AbortSignal): Promise<void>;
  /** Absent: images cannot be cleaned up. */
  readonly imageStore?: ImageStore;
  /** Changes the limits of a container without a restart. Absent: they cannot be changed. */
  update?(id: string, limits: ContainerLimits, signal: AbortSignal): Promise<void>;
  /** Loads an archive as `docker save` writes it. */
  loadImage(archive: Uint8Array, signal: AbortSignal): Promise<void>;
  /** Unpacks a tar into a folder of a running container, mounts included. */
  putArchive(id: string, path: string, archive: Uint8Array, signal: AbortSignal): Promise<void>;
  /** Changes of containers with the labels since `sinceMs`, until `signal` aborts or the host goes away. Hints only. */
  events(labels: StringMap, sinceMs: Millis, signal: AbortSignal): AsyncIterable<RuntimeEvent>;
  createVolume(spec: VolumeSpec, signal: AbortSignal): Promise<{ readonly mountpoint: string }>;
  listVolumes(labels: StringMap, signal: AbortSignal): Promise<readonly ObservedVolume[]>;
  removeVolume(name: string, signal: AbortSignal): Promise<void>;
  close(): void;
}

export type RuntimeErrorCode =
  /** No daemon answers at the socket. */
  | "unavailable"
  /** The daemon's socket may not be opened. */
  | "forbidden"
  | "not-found"
  | "image-not-found"
  | "registry"
  /** The registry cannot be reached, or is out of order. */
  | "registry-unavailable"
  | "cannot-run"
  | "conflict"
  | "timeout"
  | "unsupported"
  | "failed";

/** The container host said no. `message` begins with the action. */
export class RuntimeError extends Error {
  override readonly name = "RuntimeError";
  readonly code: RuntimeErrorCode;

  constructor(code: RuntimeErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}
