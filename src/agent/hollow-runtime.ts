import type { Clock, Millis } from "../base/clock.ts";
import type { StringMap } from "../model/meta.ts";
import { LABELS } from "../model/instance.ts";
import { Chance, type HollowBehavior, type Span } from "./hollow-chance.ts";
import { hollowCommand, hollowProcess } from "./hollow-process.ts";
import {
  RuntimeError,
  type ContainerRuntime,
  type ContainerSpec,
  type ExecResult,
  type ImageDetails,
  type ListedContainer,
  type LogOptions,
  type ObservedContainer,
  type ObservedVolume,
  type ProcessStream,
  type RuntimeEvent,
  type RuntimeInfo,
  type VolumeSpec,
} from "./runtime.ts";

export interface HollowRuntimeOptions {
  readonly behavior: HollowBehavior;
  readonly clock: Clock;
  readonly cpus: number;
  readonly memoryBytes: number;
}

interface HollowContainer {
  readonly spec: Pick<ContainerSpec, "name" | "labels" | "command" | "args" | "network">;
  observed: ObservedContainer;
  /** Calls off what would end it by itself. */
  crash?: AbortController;
  isEnding?: boolean;
}

/** Beyond what any kernel gives: nothing real is ever taken for it. */
const FIRST_PID = 2 ** 23;
/** A command below this folder is not there. */
const MISSING = "/no/such/";
const SIGKILL_CODE = 137;
/** Made once: an abort without a reason makes a new error each time. */
const CALLED_OFF = new Error("The container has ended otherwise");

/**
 * A container host without containers: the same agent lives on it, thousands to a process. Containers run until they
 * are told to end; `echo`, `true` and `false` end by themselves.
 */
export class HollowRuntime implements ContainerRuntime {
  readonly #options: HollowRuntimeOptions;
  readonly #chance: Chance;
  readonly #images = new Map<string, ImageDetails>();
  readonly #containers = new Map<string, HollowContainer>();
  readonly #byName = new Map<string, HollowContainer>();
  readonly #volumes = new Map<string, ObservedVolume>();
  readonly #listeners = new Set<(event: RuntimeEvent) => void>();
  #made = 0;

  constructor(options: HollowRuntimeOptions) {
    this.#options = options;
    this.#chance = new Chance(options.behavior.seed);
  }

  info(): Promise<RuntimeInfo> {
    const { cpus, memoryBytes } = this.#options;
    return Promise.resolve({
      version: "hollow://1",
      osImage: "Hollow",
      kernelVersion: "0",
      rootDir: "/",
      cpus,
      memoryBytes,
      cgroupVersion: "2",
      rootless: false,
      hasAppArmor: false,
    });
  }

  list(labels: StringMap): Promise<readonly ListedContainer[]> {
    const found = [...this.#containers.values()]
      .map(({ observed }) => observed)
      .filter((one) => hasLabels(one.labels, labels))
      .map(({ id, name, labels: own, state }) => ({ id, name, labels: own, state }));
    return Promise.resolve(found);
  }

  async create(wanted: ContainerSpec, signal: AbortSignal): Promise<{ readonly id: string }> {
    await this.#take(this.#options.behavior.create, signal);
    const standing = this.#byName.get(wanted.name);
    if (standing !== undefined) {
      const isSame = standing.spec.labels[LABELS.specHash] === wanted.labels[LABELS.specHash];
      if (isSame && standing.observed.state !== "exited") return { id: standing.observed.id };
      this.#remove(standing);
    }
    const image = this.#images.get(wanted.image);
    if (image === undefined)
      throw new RuntimeError(
        "image-not-found",
        `Cannot create container "${wanted.name}": image "${wanted.image}" is not on the host`,
      );
    const { name, labels, command, args, network } = wanted;
    this.#made += 1;
    const id = `${this.#options.behavior.seed.toString(16).padStart(8, "0")}${this.#made.toString(16).padStart(56, "0")}`;
    const spec = {
      name,
      labels,
      network,
      ...(command === undefined ? {} : { command }),
      ...(args === undefined ? {} : { args }),
    };
    const container: HollowContainer = {
      spec,
      observed: { id, name, labels, state: "created", image: wanted.image, imageId: image.id },
    };
    this.#containers.set(id, container);
    this.#byName.set(name, container);
    return { id };
  }

  async start(id: string, signal: AbortSignal): Promise<void> {
    await this.#take(this.#options.behavior.start, signal);
    const { spec, observed } = this.#find(id);
    if (observed.state === "running") return;
    const { network } = spec;
    if (network.kind === "container" && !this.#runs(network.id))
      throw new RuntimeError(
        "conflict",
        `Cannot start container "${id}": cannot join network of a container that does not run`,
      );
    const command = commandOf(spec);
    if (command[0]?.startsWith(MISSING) === true)
      throw this.#refuse(id, `"${command[0]}": no such file or directory`);
    if (this.#chance.happens(this.#options.behavior.startFails))
      throw new RuntimeError("failed", `Cannot start container "${id}": the simulated host fails`);
    this.#run(this.#find(id));
  }

  inspect(id: string): Promise<ObservedContainer | undefined> {
    return Promise.resolve(this.#containers.get(id)?.observed ?? this.#byName.get(id)?.observed);
  }

  kill(id: string, signalName: string): Promise<void> {
    const container = this.#containers.get(id);
    if (container?.observed.state !== "running") return Promise.resolve();
    if (signalName === "SIGKILL") this.#end(container, SIGKILL_CODE);
    else if (container.isEnding !== true) {
      container.isEnding = true;
      void this.#endIn(container, this.#chance.within(this.#options.behavior.stop), 0);
    }
    return Promise.resolve();
  }

  remove(id: string): Promise<void> {
    const container = this.#containers.get(id);
    if (container !== undefined) this.#remove(container);
    return Promise.resolve();
  }

  async *logs(id: string, options: LogOptions, signal: AbortSignal): AsyncGenerator<Uint8Array> {
    signal.throwIfAborted();
    const { spec } = this.#find(id);
    const lines = hollowCommand(commandOf(spec))
      .output.split(/(?<=\n)/)
      .filter((one) => one !== "");
    const wanted = options.tail === undefined ? lines : lines.slice(-options.tail);
    yield new TextEncoder().encode(wanted.join(""));
    while (options.follow && this.#runs(id)) await this.#untilEvent(id, signal);
  }

  async exec(
    id: string,
    { command }: { readonly command: readonly string[] },
    signal: AbortSignal,
  ): Promise<ExecResult> {
    this.#requireRunning(id, "run a command in");
    await this.#take(this.#options.behavior.probe, signal);
    const { output, exitCode = 0 } = hollowCommand(command);
    const hasFailed = this.#chance.happens(this.#options.behavior.probeFails);
    return { exitCode: hasFailed ? 1 : exitCode, output, timedOut: false };
  }

  openExec(
    id: string,
    { command }: { readonly command: readonly string[] },
  ): Promise<ProcessStream> {
    return this.#attached(id, "run a command in", command);
  }

  attach(id: string): Promise<ProcessStream> {
    return this.#attached(id, "attach to", ["cat"]);
  }

  /** There is nobody at the pod's address. */
  async probe(id: string, signal: AbortSignal): Promise<void> {
    this.#requireRunning(id, "probe");
    await this.#take(this.#options.behavior.probe, signal);
    if (this.#chance.happens(this.#options.behavior.probeFails))
      throw new Error("the simulated container does not answer");
  }

  image(reference: string): Promise<ImageDetails | undefined> {
    return Promise.resolve(this.#images.get(reference));
  }

  async pull(reference: string, signal: AbortSignal): Promise<void> {
    await this.#take(this.#options.behavior.pull, signal);
    if (this.#chance.happens(this.#options.behavior.pullFails))
      throw new RuntimeError(
        "registry-unavailable",
        `Cannot pull image "${reference}": the simulated registry fails`,
      );
    this.#images.set(reference, { id: `sha256:${reference}`, user: "", sizeBytes: 1 });
  }

  loadImage(archive: Uint8Array): Promise<void> {
    const text = Buffer.from(archive).toString("latin1");
    const reference = /"RepoTags":\["([^"]+)"\]/.exec(text)?.[1];
    if (reference === undefined)
      throw new RuntimeError("failed", "Cannot load an image: no manifest");
    this.#images.set(reference, { id: `sha256:${reference}`, user: "", sizeBytes: archive.length });
    return Promise.resolve();
  }

  putArchive(id: string): Promise<void> {
    this.#find(id);
    return Promise.resolve();
  }

  async *events(
    labels: StringMap,
    _sinceMs: Millis,
    signal: AbortSignal,
  ): AsyncGenerator<RuntimeEvent> {
    const waiting: RuntimeEvent[] = [];
    let wake = (): void => undefined;
    const listener = (event: RuntimeEvent): void => {
      if (hasLabels(event.labels, labels)) waiting.push(event);
      wake();
    };
    const abort = (): void => wake();
    this.#listeners.add(listener);
    signal.addEventListener("abort", abort, { once: true });
    try {
      while (!signal.aborted) {
        const next = waiting.shift();
        if (next !== undefined) yield next;
        else await new Promise<void>((resolve) => (wake = resolve));
      }
    } finally {
      this.#listeners.delete(listener);
      signal.removeEventListener("abort", abort);
    }
  }

  createVolume({ name, labels, tmpfs }: VolumeSpec): Promise<{ readonly mountpoint: string }> {
    const mountpoint = `/hollow/volumes/${name}`;
    if (!this.#volumes.has(name))
      this.#volumes.set(name, { name, labels, mountpoint, tmpfs: tmpfs !== undefined });
    return Promise.resolve({ mountpoint });
  }

  listVolumes(labels: StringMap): Promise<readonly ObservedVolume[]> {
    return Promise.resolve(
      [...this.#volumes.values()].filter((one) => hasLabels(one.labels, labels)),
    );
  }

  removeVolume(name: string): Promise<void> {
    this.#volumes.delete(name);
    return Promise.resolve();
  }

  close(): void {
    for (const { crash } of this.#containers.values()) crash?.abort(CALLED_OFF);
  }

  #take(span: Span, signal: AbortSignal): Promise<void> {
    return this.#options.clock.sleep(this.#chance.within(span), signal);
  }

  #runs(id: string): boolean {
    return this.#containers.get(id)?.observed.state === "running";
  }

  #find(id: string): HollowContainer {
    const container = this.#containers.get(id);
    if (container === undefined)
      throw new RuntimeError("not-found", `Cannot find container "${id}": there is none`);
    return container;
  }

  #requireRunning(id: string, purpose: string): void {
    if (this.#runs(id)) return;
    throw new RuntimeError("conflict", `Cannot ${purpose} container "${id}": it does not run`);
  }

  // Async, so that a container that does not run is a rejection.
  async #attached(id: string, purpose: string, command: readonly string[]): Promise<ProcessStream> {
    this.#requireRunning(id, purpose);
    return hollowProcess(command);
  }

  #refuse(id: string, error: string): RuntimeError {
    const container = this.#find(id);
    container.observed = { ...container.observed, error, exitCode: 127 };
    return new RuntimeError("cannot-run", `Cannot start container "${id}": ${error}`);
  }

  #run(container: HollowContainer): void {
    const { clock, behavior } = this.#options;
    const { exitCode: _code, finishedAt: _end, ...rest } = container.observed;
    container.observed = {
      ...rest,
      state: "running",
      startedAt: clock.now(),
      pid: FIRST_PID + this.#made,
    };
    container.isEnding = false;
    this.#tell("start", container);
    const { exitCode } = hollowCommand(commandOf(container.spec));
    const isSandbox = container.spec.labels[LABELS.role] === "sandbox";
    const crashMs = isSandbox ? undefined : this.#chance.untilNext(behavior.crashesPerHour);
    if (exitCode !== undefined) this.#end(container, exitCode);
    else if (crashMs !== undefined) void this.#endIn(container, crashMs, 1);
  }

  async #endIn(container: HollowContainer, ms: Millis, exitCode: number): Promise<void> {
    container.crash?.abort(CALLED_OFF);
    const crash = new AbortController();
    container.crash = crash;
    await this.#options.clock.sleep(ms, crash.signal).then(
      () => this.#end(container, exitCode),
      () => undefined,
    );
  }

  #end(container: HollowContainer, exitCode: number): void {
    if (container.observed.state !== "running") return;
    container.crash?.abort(CALLED_OFF);
    delete container.crash;
    const { pid: _pid, ...rest } = container.observed;
    const finishedAt = this.#options.clock.now();
    container.observed = { ...rest, state: "exited", exitCode, finishedAt };
    this.#tell("die", container);
  }

  #remove(container: HollowContainer): void {
    this.#end(container, SIGKILL_CODE);
    this.#containers.delete(container.observed.id);
    this.#byName.delete(container.spec.name);
    this.#tell("destroy", container);
  }

  #tell(kind: RuntimeEvent["kind"], { observed }: HollowContainer): void {
    const { id: containerId, labels } = observed;
    const event = { kind, containerId, labels, at: this.#options.clock.now() };
    for (const listener of this.#listeners) listener(event);
  }

  async #untilEvent(id: string, signal: AbortSignal): Promise<void> {
    const labels = this.#find(id).observed.labels;
    for await (const event of this.events(labels, 0, signal)) if (event.containerId === id) return;
    signal.throwIfAborted();
  }
}

function commandOf({ command, args }: Pick<ContainerSpec, "command" | "args">): readonly string[] {
  return [...(command ?? []), ...(args ?? [])];
}

function hasLabels(labels: StringMap, wanted: StringMap): boolean {
  for (const key in wanted) if (labels[key] !== wanted[key]) return false;
  return true;
}
