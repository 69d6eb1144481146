import type { Millis } from "../base/clock.ts";
import type { StringMap } from "../model/meta.ts";
import { LABELS } from "../model/instance.ts";
import { DockerConnection, statusOf, type DockerRequest } from "./docker-connection.ts";
import { dockerExec } from "./docker-exec.ts";
import {
  imagesInUse,
  listImages,
  loadImage,
  pullImage,
  readImage,
  untagImage,
} from "./docker-images.ts";
import { negotiateVersion } from "./docker-version.ts";
import { attachDocker, openDockerExec } from "./docker-streams.ts";
import { createVolume, listVolumes, removeVolume } from "./docker-volumes.ts";
import {
  toCreateBody,
  toListed,
  toObserved,
  toUpdateBody,
  type DockerInspection,
  type DockerListing,
} from "./docker-words.ts";
import { demuxLog, jsonLines } from "./log-demux.ts";
import { readStampedLog } from "./stamped-log.ts";
import {
  RuntimeError,
  type ContainerRuntime,
  type ContainerSpec,
  type LogOptions,
  type ObservedContainer,
  type RuntimeEvent,
  type RuntimeInfo,
} from "./runtime.ts";

export interface DockerRuntimeOptions {
  /** Default: `DEFAULT_DOCKER_SOCKET`. */
  readonly socketPath?: string;
  /** How long a call that is neither a pull nor a stream may take. Default: two minutes. */
  readonly callLimitMs?: Millis;
}

export const DEFAULT_DOCKER_SOCKET = "/var/run/docker.sock";

/** A Docker Engine of API 1.41 or newer on this machine. Throws `RuntimeError` when none can be used. */
export async function openDockerRuntime(
  options: DockerRuntimeOptions,
  signal: AbortSignal,
): Promise<ContainerRuntime> {
  const socketPath = options.socketPath ?? DEFAULT_DOCKER_SOCKET;
  const version = await negotiateVersion(socketPath, signal);
  return dockerRuntime(new DockerConnection(socketPath, version, options.callLimitMs));
}

function dockerRuntime(docker: DockerConnection): ContainerRuntime {
  return {
    info: (signal) => readInfo(docker, signal),
    list: async (labels, signal) => {
      const found = await docker.call<readonly DockerListing[]>(
        {
          method: "GET",
          path: "/containers/json",
          query: { all: true, filters: { label: labelFilter(labels) } },
          purpose: "list containers",
        },
        signal,
      );
      return (found ?? []).map(toListed);
    },
    create: (spec, signal) => createContainer(docker, spec, signal),
    start: (id, signal) => startContainer(docker, id, signal),
    inspect: (id, signal) => inspectContainer(docker, id, signal),
    kill: async (id, signalName, signal) => {
      // 409: it does not run.
      await docker.call(
        {
          method: "POST",
          path: `/containers/${id}/kill`,
          query: { signal: signalName },
          purpose: `send ${signalName} to container "${id}"`,
          alreadySo: [404, 409],
        },
        signal,
      );
    },
    remove: (id, signal) => removeContainer(docker, id, signal),
    logs: (id, logOptions, signal) => readLogs(docker, id, logOptions, signal),
    exec: (id, execOptions, signal) => dockerExec(docker, id, execOptions, signal),
    openExec: (id, execOptions, signal) => openDockerExec(docker, id, execOptions, signal),
    attach: (id, stdio, signal) => attachDocker(docker, id, stdio, signal),
    image: (reference, signal) => readImage(docker, reference, signal),
    pull: (reference, signal, auth, onProgress) =>
      pullImage(docker, { reference, auth, onProgress }, signal),
    imageStore: {
      list: (signal) => listImages(docker, signal),
      inUse: (signal) => imagesInUse(docker, signal),
      untag: (reference, signal) => untagImage(docker, reference, signal),
    },
    update: async (id, limits, signal) => {
      await docker.call(
        {
          method: "POST",
          path: `/containers/${id}/update`,
          body: toUpdateBody(limits),
          purpose: `change the limits of container "${id}"`,
        },
        signal,
      );
    },
    loadImage: (archive, signal) => loadImage(docker, archive, signal),
    putArchive: async (id, path, archive, signal) => {
      await docker.call(
        {
          method: "PUT",
          path: `/containers/${id}/archive`,
          query: { path },
          archive,
          purpose: `write files into container "${id}"`,
        },
        signal,
      );
    },
    events: (labels, sinceMs, signal) => readEvents(docker, labels, sinceMs, signal),
    createVolume: (spec, signal) => createVolume(docker, spec, signal),
    listVolumes: (labels, signal) => listVolumes(docker, labels, signal),
    removeVolume: (name, signal) => removeVolume(docker, name, signal),
    close: () => docker.close(),
  };
}

interface DockerInfo {
  readonly ServerVersion: string;
  readonly OperatingSystem: string;
  readonly KernelVersion: string;
  readonly DockerRootDir: string;
  readonly NCPU: number;
  readonly MemTotal: number;
  readonly CgroupVersion?: string;
  readonly SecurityOptions?: readonly string[];
}

async function readInfo(docker: DockerConnection, signal: AbortSignal): Promise<RuntimeInfo> {
  const info = await docker.call<DockerInfo>(
    { method: "GET", path: "/info", purpose: "ask the Docker Engine about itself" },
    signal,
  );
  if (info === undefined) throw new RuntimeError("failed", "Cannot read the Docker Engine's info");
  return {
    version: `docker://${info.ServerVersion}`,
    osImage: info.OperatingSystem,
    kernelVersion: info.KernelVersion,
    rootDir: info.DockerRootDir,
    cpus: info.NCPU,
    memoryBytes: info.MemTotal,
    cgroupVersion: info.CgroupVersion === "2" ? "2" : "1",
    hasAppArmor: info.SecurityOptions?.includes("name=apparmor") === true,
    rootless: info.SecurityOptions?.includes("name=rootless") === true,
  };
}

/** A name may be taken by what is not ours, or by the daemon's memory of what is gone: then another one is tried. */
const NAMES_TO_TRY = 3;

async function createContainer(
  docker: DockerConnection,
  spec: ContainerSpec,
  signal: AbortSignal,
): Promise<{ readonly id: string }> {
  try {
    for (let tried = 0; tried < NAMES_TO_TRY; tried += 1) {
      const name = tried === 0 ? spec.name : `${spec.name}_${tried}`;
      const id = await createNamed(docker, { ...spec, name }, signal);
      if (id !== undefined) return { id };
    }
  } catch (error) {
    throw asImageError(error, spec);
  }
  throw new RuntimeError("conflict", `Cannot create container "${spec.name}": the name is taken`);
}

/** `undefined` when the name is taken, and not by something of ours that may go. */
async function createNamed(
  docker: DockerConnection,
  spec: ContainerSpec,
  signal: AbortSignal,
): Promise<string | undefined> {
  const wanted: DockerRequest = {
    method: "POST",
    path: "/containers/create",
    query: { name: spec.name },
    body: toCreateBody(spec, docker.apiVersion),
    purpose: `create container "${spec.name}"`,
    alreadySo: [409],
  };
  const made = await docker.call<{ readonly Id: string }>(wanted, signal);
  if (made !== undefined) return made.Id;
  const standing = await inspectContainer(docker, spec.name, signal);
  if (standing !== undefined) {
    const { labels } = standing;
    if (labels[LABELS.cluster] !== spec.labels[LABELS.cluster]) return undefined;
    const isSame = labels[LABELS.specHash] === spec.labels[LABELS.specHash];
    // What has ended is not started again: a sandbox would come back with an empty network.
    if (isSame && standing.state !== "exited") return standing.id;
    await removeContainer(docker, standing.id, signal);
  }
  return (await docker.call<{ readonly Id: string }>(wanted, signal))?.Id;
}

/** A 404 on create names the image, or the container whose namespaces were to be joined. */
function asImageError(error: unknown, spec: ContainerSpec): unknown {
  const isImage =
    error instanceof RuntimeError &&
    error.code === "not-found" &&
    /no such image/i.test(error.message);
  return isImage
    ? new RuntimeError(
        "image-not-found",
        `Cannot create container "${spec.name}": image "${spec.image}" is not on the host`,
        { cause: error },
      )
    : error;
}

async function startContainer(
  docker: DockerConnection,
  id: string,
  signal: AbortSignal,
): Promise<void> {
  try {
    await docker.call(
      {
        method: "POST",
        path: `/containers/${id}/start`,
        purpose: `start container "${id}"`,
        alreadySo: [304],
      },
      signal,
    );
  } catch (error) {
    const isOurs = error instanceof RuntimeError && !signal.aborted;
    if (!isOurs || statusOf(error.cause) === undefined) throw error;
    if (/no such container/i.test(error.message)) throw error;
    if (/cannot join network/i.test(error.message)) {
      throw new RuntimeError("conflict", error.message, { cause: error });
    }
    throw new RuntimeError("cannot-run", error.message, { cause: error });
  }
}

async function inspectContainer(
  docker: DockerConnection,
  id: string,
  signal: AbortSignal,
): Promise<ObservedContainer | undefined> {
  const found = await docker.call<DockerInspection>(
    {
      method: "GET",
      path: `/containers/${id}/json`,
      purpose: `inspect container "${id}"`,
      alreadySo: [404],
    },
    signal,
  );
  return found === undefined ? undefined : toObserved(found);
}

async function removeContainer(
  docker: DockerConnection,
  id: string,
  signal: AbortSignal,
): Promise<void> {
  // 409: its removal is in progress already.
  await docker.call(
    {
      method: "DELETE",
      path: `/containers/${id}`,
      query: { force: true, v: true },
      purpose: `remove container "${id}"`,
      alreadySo: [404, 409],
    },
    signal,
  );
}

async function* readLogs(
  docker: DockerConnection,
  id: string,
  options: LogOptions,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  const purpose = `read the log of container "${id}"`;
  const inspection = await docker.call<DockerInspection>(
    { method: "GET", path: `/containers/${id}/json`, purpose },
    signal,
  );
  const isTerminal = inspection?.Config.Tty === true;
  const timestamps = options.timestamps || (options.follow && !isTerminal);
  const stream = await docker.stream(
    "stream",
    {
      method: "GET",
      path: `/containers/${id}/logs`,
      query: {
        stdout: true,
        stderr: true,
        follow: options.follow,
        timestamps,
        tail: options.tail === undefined ? "all" : String(options.tail),
        ...(options.since === undefined ? {} : { since: options.since }),
      },
      purpose,
    },
    signal,
  );
  if (stream === undefined) return;
  try {
    // A terminal's log has no frames.
    if (isTerminal) yield* stream;
    else if (!timestamps) yield* demuxLog(stream);
    else {
      const { timestamps: keepStamps, follow: dropRepeats } = options;
      yield* readStampedLog(stream, { keepStamps, dropRepeats });
    }
  } finally {
    stream.destroy();
  }
}

interface DockerEvent {
  readonly Action: string;
  readonly Actor: { readonly ID: string; readonly Attributes: StringMap };
  readonly timeNano: number;
}

/** The daemon opens the stream at once, also when nothing happens. */
const EVENTS_OPEN_LIMIT_MS: Millis = 30_000;
const EVENT_KINDS = ["start", "die", "oom", "destroy"] as const;

async function* readEvents(
  docker: DockerConnection,
  labels: StringMap,
  sinceMs: number,
  signal: AbortSignal,
): AsyncGenerator<RuntimeEvent> {
  const stream = await docker.stream(
    "stream",
    {
      method: "GET",
      path: "/events",
      query: {
        since: (sinceMs / 1000).toFixed(3),
        filters: { label: labelFilter(labels), type: ["container"], event: EVENT_KINDS },
      },
      purpose: "follow the Docker Engine's events",
      limitMs: EVENTS_OPEN_LIMIT_MS,
    },
    signal,
  );
  if (stream === undefined) return;
  try {
    for await (const event of jsonLines<DockerEvent>(stream)) {
      const kind = EVENT_KINDS.find((known) => known === event.Action);
      if (kind === undefined) continue;
      yield {
        kind,
        containerId: event.Actor.ID,
        labels: event.Actor.Attributes,
        at: event.timeNano / 1e6,
      };
    }
  } finally {
    stream.destroy();
  }
}

function labelFilter(labels: StringMap): readonly string[] {
  return Object.entries(labels).map(([key, value]) => `${key}=${value}`);
}
