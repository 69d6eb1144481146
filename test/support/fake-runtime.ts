import { LABELS } from "../../src/model/instance.ts";
import type { StringMap } from "../../src/model/meta.ts";
import type { Clock, Millis } from "../../src/base/clock.ts";
import {
  RuntimeError,
  type ContainerRuntime,
  type ContainerSpec,
  type ExecOptions,
  type ExecResult,
  type ExecStreamOptions,
  type ImageDetails,
  type ListedContainer,
  type LogOptions,
  type ObservedContainer,
  type ObservedVolume,
  type ProcessStream,
  type RegistryAuth,
  type RuntimeEvent,
  type RuntimeInfo,
  type VolumeSpec,
} from "../../src/agent/runtime.ts";
import { fakeProcess } from "./fake-process.ts";

interface FakeContainer {
  readonly spec: ContainerSpec;
  observed: ObservedContainer;
  log: string;
}

/** How a fake container behaves, by its command line. */
export interface FakeProgram {
  /** Ends at once with this code. */
  readonly exits?: number;
  /** SIGTERM does nothing. */
  readonly isDeaf?: boolean;
  /** Cannot be started at all. */
  readonly cannotRun?: string;
  readonly logs?: string;
}

/** A container host in memory. Passes the same contract as the Docker driver. */
export class FakeRuntime implements ContainerRuntime {
  readonly images: Map<string, ImageDetails> = new Map();
  /** Images that a registry would have. */
  readonly registry: Map<string, ImageDetails> = new Map();
  /** Images that the registry gives to this user alone. */
  readonly owners: Map<string, string> = new Map();
  readonly calls: string[] = [];
  readonly archives: { readonly id: string; readonly path: string; readonly bytes: Uint8Array }[] =
    [];
  /** By first word of the command; else it runs until it is told to end. */
  readonly programs: Map<string, FakeProgram> = new Map();
  /** Answers a command in a container. */
  exec: ContainerRuntime["exec"] = (id, options, signal) => this.#exec(id, options, signal);
  /** Commands and attached streams that go on. */
  processes = 0;
  /** Called before each call, with its name; may wait or throw. */
  intercept: (call: string) => Promise<void> = () => Promise.resolve();
  /** Events are lost while true. */
  deaf = false;
  readonly #clock: Clock;
  readonly #containers = new Map<string, FakeContainer>();
  readonly #volumes = new Map<string, ObservedVolume>();
  readonly #listeners = new Set<(event: RuntimeEvent) => void>();
  #count = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  async info(): Promise<RuntimeInfo> {
    await this.#enter("info");
    return {
      version: "fake://1",
      osImage: "Fake Linux",
      kernelVersion: "6.1",
      rootDir: "/",
      cpus: 2,
      memoryBytes: 4 * 1024 ** 3,
      cgroupVersion: "2",
      rootless: false,
      hasAppArmor: false,
    };
  }

  async list(labels: StringMap): Promise<readonly ListedContainer[]> {
    await this.#enter("list");
    return [...this.#containers.values()]
      .map(({ observed }) => observed)
      .filter((one) => matches(one.labels, labels))
      .map(({ id, name, labels: own, state }) => ({ id, name, labels: own, state }));
  }

  async create(spec: ContainerSpec): Promise<{ readonly id: string }> {
    await this.#enter(`create ${spec.name}`);
    const standing = [...this.#containers.values()].find((one) => one.spec.name === spec.name);
    if (standing !== undefined) {
      if (standing.spec.labels[LABELS.specHash] === spec.labels[LABELS.specHash])
        return { id: standing.observed.id };
      this.#remove(standing);
    }
    const image = this.images.get(spec.image);
    if (image === undefined)
      throw new RuntimeError(
        "image-not-found",
        `Cannot create container "${spec.name}": image "${spec.image}" is not on the host`,
      );
    this.#count += 1;
    const id = `c${String(this.#count).padStart(4, "0")}`;
    const observed: ObservedContainer = {
      id,
      name: spec.name,
      labels: spec.labels,
      state: "created",
      image: spec.image,
      imageId: image.id,
    };
    this.#containers.set(id, { spec, observed, log: "" });
    return { id };
  }

  async start(id: string): Promise<void> {
    await this.#enter(`start ${this.nameOf(id)}`);
    const container = this.#find(id);
    if (container.observed.state === "running") return;
    const { network } = container.spec;
    if (
      network.kind === "container" &&
      this.#containers.get(network.id)?.observed.state !== "running"
    )
      throw new RuntimeError(
        "conflict",
        `Cannot start container "${id}": cannot join network of a non running container`,
      );
    const command = [...(container.spec.command ?? []), ...(container.spec.args ?? [])];
    const program = this.programs.get(command[0] ?? "") ?? {};
    if (program.cannotRun !== undefined) {
      container.observed = { ...container.observed, error: program.cannotRun, exitCode: 127 };
      throw new RuntimeError("cannot-run", `Cannot start container "${id}": ${program.cannotRun}`);
    }
    container.observed = withoutEnd({
      ...container.observed,
      state: "running",
      startedAt: this.#clock.now(),
      pid: 4_000_000 + this.#count,
    });
    container.log += program.logs ?? "";
    this.#tell("start", container);
    if (program.exits !== undefined) this.#end(container, program.exits);
  }

  async inspect(id: string): Promise<ObservedContainer | undefined> {
    await this.#enter("inspect");
    return this.#containers.get(id)?.observed;
  }

  async kill(id: string, signalName: string): Promise<void> {
    await this.#enter(`kill ${this.nameOf(id)} ${signalName}`);
    const container = this.#containers.get(id);
    if (container?.observed.state !== "running") return;
    const program = this.programs.get(container.spec.command?.[0] ?? "");
    if (signalName === "SIGKILL") this.#end(container, 137);
    else if (program?.isDeaf !== true) this.#end(container, 0);
  }

  async remove(id: string): Promise<void> {
    await this.#enter(`remove ${this.nameOf(id)}`);
    const container = this.#containers.get(id);
    if (container !== undefined) this.#remove(container);
  }

  async *logs(id: string, options: LogOptions): AsyncGenerator<Uint8Array> {
    await this.#enter(`logs ${id}`);
    const container = this.#find(id);
    const lines = container.log.split(/(?<=\n)/).filter((line) => line !== "");
    const wanted = options.tail === undefined ? lines : lines.slice(-options.tail);
    yield new TextEncoder().encode(wanted.join(""));
  }

  async openExec(id: string, options: ExecStreamOptions): Promise<ProcessStream> {
    await this.#enter(`openExec ${this.nameOf(id)} ${options.command.join(" ")}`);
    this.#requireRunning(id, "run a command in");
    return this.#process(options.command);
  }

  /** The process is a `cat`, whatever its command. */
  async attach(id: string): Promise<ProcessStream> {
    await this.#enter(`attach ${this.nameOf(id)}`);
    this.#requireRunning(id, "attach to");
    return this.#process(["cat"]);
  }

  #process(command: readonly string[]): ProcessStream {
    this.processes += 1;
    return fakeProcess(command, () => {
      this.processes -= 1;
    });
  }

  #requireRunning(id: string, purpose: string): void {
    if (this.#find(id).observed.state === "running") return;
    throw new RuntimeError("conflict", `Cannot ${purpose} container "${id}": it does not run`);
  }

  async image(reference: string): Promise<ImageDetails | undefined> {
    await this.#enter(`image ${reference}`);
    return this.images.get(reference);
  }

  async pull(reference: string, _signal?: AbortSignal, auth?: RegistryAuth): Promise<void> {
    await this.#enter(`pull ${reference}`);
    const owner = this.owners.get(reference);
    if (owner !== undefined && auth?.username !== owner)
      throw new RuntimeError("registry", `Cannot pull image "${reference}": unauthorized`);
    const found = this.registry.get(reference);
    if (found === undefined)
      throw new RuntimeError(
        "image-not-found",
        `Cannot pull image "${reference}": manifest unknown`,
      );
    this.images.set(reference, found);
  }

  async loadImage(archive: Uint8Array): Promise<void> {
    await this.#enter("loadImage");
    const text = Buffer.from(archive).toString("latin1");
    const reference = /"RepoTags":\["([^"]+)"\]/.exec(text)?.[1];
    if (reference === undefined)
      throw new RuntimeError("failed", "Cannot load an image: no manifest");
    this.images.set(reference, { id: `sha256:${reference}`, user: "", sizeBytes: archive.length });
  }

  async putArchive(id: string, path: string, bytes: Uint8Array): Promise<void> {
    await this.#enter(`putArchive ${this.nameOf(id)} ${path}`);
    this.#find(id);
    this.archives.push({ id, path, bytes });
  }

  async *events(
    labels: StringMap,
    _since: Millis,
    signal: AbortSignal,
  ): AsyncGenerator<RuntimeEvent> {
    const waiting: RuntimeEvent[] = [];
    let wake = (): void => undefined;
    const listener = (event: RuntimeEvent): void => {
      if (matches(event.labels, labels)) waiting.push(event);
      wake();
    };
    this.#listeners.add(listener);
    signal.addEventListener("abort", () => wake(), { once: true });
    try {
      while (!signal.aborted) {
        const next = waiting.shift();
        if (next !== undefined) yield next;
        else await new Promise<void>((resolve) => (wake = resolve));
      }
    } finally {
      this.#listeners.delete(listener);
    }
  }

  async createVolume(spec: VolumeSpec): Promise<{ readonly mountpoint: string }> {
    await this.#enter(`createVolume ${spec.name}`);
    const mountpoint = `/var/lib/fake/volumes/${spec.name}`;
    if (!this.#volumes.has(spec.name)) {
      const { name, labels } = spec;
      this.#volumes.set(name, { name, labels, mountpoint, tmpfs: spec.tmpfs !== undefined });
    }
    return { mountpoint };
  }

  async listVolumes(labels: StringMap): Promise<readonly ObservedVolume[]> {
    await this.#enter("listVolumes");
    return [...this.#volumes.values()].filter((one) => matches(one.labels, labels));
  }

  async removeVolume(name: string): Promise<void> {
    await this.#enter(`removeVolume ${name}`);
    this.#volumes.delete(name);
  }

  close(): void {}

  // What happens behind the agent's back.

  /** The newest container of that name in its pod. */
  find(containerName: string): ObservedContainer {
    const found = [...this.#containers.values()]
      .map(({ observed }) => observed)
      .filter((one) => one.labels[LABELS.container] === containerName)
      .toSorted((a, b) => Number(b.labels[LABELS.attempt]) - Number(a.labels[LABELS.attempt]))[0];
    if (found === undefined) throw new Error(`there is no container "${containerName}"`);
    return found;
  }

  specOf(containerName: string): ContainerSpec {
    return this.#find(this.find(containerName).id).spec;
  }

  running(): readonly string[] {
    return [...this.#containers.values()]
      .filter(({ observed }) => observed.state === "running")
      .map(
        ({ observed }) =>
          `${observed.labels[LABELS.container] ?? ""}#${observed.labels[LABELS.attempt] ?? ""}`,
      )
      .toSorted();
  }

  count(): number {
    return this.#containers.size;
  }

  die(containerName: string, exitCode: number): void {
    this.#end(this.#find(this.find(containerName).id), exitCode);
  }

  erase(containerName: string): void {
    this.#remove(this.#find(this.find(containerName).id));
  }

  private nameOf(id: string): string {
    return this.#containers.get(id)?.observed.labels[LABELS.container] ?? id;
  }

  async #exec(id: string, options: ExecOptions, _signal: AbortSignal): Promise<ExecResult> {
    await this.#enter(`exec ${this.nameOf(id)} ${options.command.join(" ")}`);
    if (this.#find(id).observed.state !== "running")
      throw new RuntimeError(
        "conflict",
        `Cannot run a command in container "${id}": it does not run`,
      );
    const [word] = options.command;
    return {
      exitCode: word === "false" ? 1 : 0,
      output: word === "echo" ? `${options.command.slice(1).join(" ")}\n` : "",
      timedOut: false,
    };
  }

  #find(id: string): FakeContainer {
    const container = this.#containers.get(id);
    if (container === undefined) throw new RuntimeError("not-found", `no such container: ${id}`);
    return container;
  }

  #end(container: FakeContainer, exitCode: number): void {
    const { pid: _pid, ...rest } = container.observed;
    container.observed = { ...rest, state: "exited", exitCode, finishedAt: this.#clock.now() };
    this.#tell("die", container);
  }

  #remove(container: FakeContainer): void {
    if (container.observed.state === "running") this.#end(container, 137);
    this.#containers.delete(container.observed.id);
    this.#tell("destroy", container);
  }

  #tell(kind: RuntimeEvent["kind"], { observed }: FakeContainer): void {
    const event = {
      kind,
      containerId: observed.id,
      labels: observed.labels,
      at: this.#clock.now(),
    };
    if (this.deaf) return;
    for (const listener of this.#listeners) listener(event);
  }

  async #enter(call: string): Promise<void> {
    this.calls.push(call);
    await this.intercept(call);
  }
}

function withoutEnd(container: ObservedContainer): ObservedContainer {
  const { exitCode: _exitCode, finishedAt: _finishedAt, ...rest } = container;
  return rest;
}

function matches(labels: StringMap, wanted: StringMap): boolean {
  return Object.entries(wanted).every(([key, value]) => labels[key] === value);
}
