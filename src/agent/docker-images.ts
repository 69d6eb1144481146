import type { Millis } from "../base/clock.ts";
import type { DockerConnection } from "./docker-connection.ts";
import { jsonLines } from "./log-demux.ts";
import {
  RuntimeError,
  type ImageDetails,
  type ListedImage,
  type PullProgress,
  type RegistryAuth,
} from "./runtime.ts";

interface DockerImage {
  readonly Id: string;
  readonly Size: number;
  readonly Config: { readonly User?: string } | null;
  readonly RepoDigests?: readonly string[] | null;
}

interface DockerImageListing {
  readonly Id: string;
  readonly Size: number;
  readonly RepoTags?: readonly string[] | null;
  readonly RepoDigests?: readonly string[] | null;
}

interface Progress {
  readonly error?: string;
  /** What later versions say in place of `error`. */
  readonly errorDetail?: { readonly message?: string };
  readonly id?: string;
  readonly status?: string;
  readonly progressDetail?: { readonly current?: number; readonly total?: number };
}

export interface PullQuestion {
  readonly reference: string;
  readonly auth?: RegistryAuth | undefined;
  readonly onProgress?: ((progress: PullProgress) => void) | undefined;
  /** Default: two minutes. */
  readonly noProgressLimitMs?: Millis;
}

/** A pull may take long, but not without any progress. */
const NO_PROGRESS_LIMIT_MS = 120_000;
const LOAD_LIMIT_MS = 300_000;
const REMOVE_LIMIT_MS = 300_000;
/** The daemon's words for a registry that is not there, or has no answer. */
const UNAVAILABLE =
  /connection refused|no such host|i\/o timeout|deadline exceeded|connection reset|no route to host|network is unreachable|TLS handshake timeout|unexpected EOF|: EOF$|request canceled|received unexpected HTTP status: 5\d\d|no progress for/i;
const NOT_FOUND =
  /manifest unknown|not found|repository does not exist|pull access denied|no such image/i;

export async function readImage(
  docker: DockerConnection,
  reference: string,
  signal: AbortSignal,
): Promise<ImageDetails | undefined> {
  const found = await docker.call<DockerImage>(
    {
      method: "GET",
      path: `/images/${reference}/json`,
      purpose: `look for image "${reference}"`,
      alreadySo: [404],
    },
    signal,
  );
  return found === undefined
    ? undefined
    : {
        id: found.Id,
        user: found.Config?.User ?? "",
        sizeBytes: found.Size,
        digests: found.RepoDigests ?? [],
      };
}

export async function listImages(
  docker: DockerConnection,
  signal: AbortSignal,
): Promise<readonly ListedImage[]> {
  const found = await docker.call<readonly DockerImageListing[]>(
    { method: "GET", path: "/images/json", query: { digests: true }, purpose: "list images" },
    signal,
  );
  return (found ?? []).map(({ Id: id, Size: sizeBytes, RepoTags: tags, RepoDigests: digests }) => ({
    id,
    sizeBytes,
    references: [...(tags ?? []), ...(digests ?? [])].filter((one) => !one.includes("<none>")),
  }));
}

export async function imagesInUse(
  docker: DockerConnection,
  signal: AbortSignal,
): Promise<ReadonlySet<string>> {
  const found = await docker.call<readonly { readonly ImageID: string }[]>(
    { method: "GET", path: "/containers/json", query: { all: true }, purpose: "list containers" },
    signal,
  );
  return new Set((found ?? []).map(({ ImageID: id }) => id));
}

export async function untagImage(
  docker: DockerConnection,
  reference: string,
  signal: AbortSignal,
): Promise<void> {
  await docker.call(
    {
      method: "DELETE",
      path: `/images/${reference}`,
      purpose: `remove image "${reference}"`,
      // 409: a container uses it.
      alreadySo: [404, 409],
      limitMs: REMOVE_LIMIT_MS,
    },
    signal,
  );
}

export async function pullImage(
  docker: DockerConnection,
  { reference, auth, onProgress, noProgressLimitMs = NO_PROGRESS_LIMIT_MS }: PullQuestion,
  signal: AbortSignal,
): Promise<void> {
  const purpose = `pull image "${reference}"`;
  const stalled = new AbortController();
  const bounded = AbortSignal.any([signal, stalled.signal]);
  const watchdog = setTimeout(() => stalled.abort(), noProgressLimitMs);
  const layers = new Map<string, PullProgress>();
  try {
    const stream = await docker.stream(
      "pull",
      {
        method: "POST",
        path: "/images/create",
        query: { fromImage: withTag(reference) },
        purpose,
        ...(auth === undefined ? {} : { headers: { "X-Registry-Auth": encodeAuth(auth) } }),
      },
      bounded,
    );
    if (stream === undefined) return;
    try {
      for await (const progress of jsonLines<Progress>(stream)) {
        const failure = progress.errorDetail?.message ?? progress.error;
        if (failure !== undefined) throw pullError(purpose, failure, undefined);
        // To try the same again is no progress.
        if (progress.status?.startsWith("Retrying") !== true) watchdog.refresh();
        if (onProgress !== undefined && noteLayer(layers, progress)) onProgress(sumOf(layers));
      }
    } finally {
      stream.destroy();
    }
    // An aborted stream may just end.
    bounded.throwIfAborted();
  } catch (error) {
    if (signal.aborted) throw signal.reason;
    if (stalled.signal.aborted) {
      throw new RuntimeError(
        "registry-unavailable",
        `Cannot ${purpose}: no progress for ${noProgressLimitMs / 1000} s`,
        { cause: error },
      );
    }
    const isAnswer =
      error instanceof RuntimeError && (error.code === "not-found" || error.code === "failed");
    throw isAnswer
      ? pullError(purpose, error.message.replace(`Cannot ${purpose}: `, ""), error)
      : error;
  } finally {
    clearTimeout(watchdog);
  }
}

export async function loadImage(
  docker: DockerConnection,
  archive: Uint8Array,
  signal: AbortSignal,
): Promise<void> {
  await docker.call(
    {
      method: "POST",
      path: "/images/load",
      query: { quiet: true },
      archive,
      purpose: "load an image",
      limitMs: LOAD_LIMIT_MS,
    },
    signal,
  );
}

/** Whether a line told how far the download of a layer is. */
function noteLayer(
  layers: Map<string, PullProgress>,
  { id, status, progressDetail }: Progress,
): boolean {
  if (id === undefined) return false;
  const known = layers.get(id);
  if (status === "Downloading" && progressDetail?.total !== undefined) {
    const { current = 0, total } = progressDetail;
    layers.set(id, { doneBytes: Math.min(current, total), totalBytes: total });
    return true;
  }
  const isDone = status === "Download complete" || status === "Pull complete";
  if (!isDone || known === undefined || known.doneBytes === known.totalBytes) return false;
  layers.set(id, { ...known, doneBytes: known.totalBytes });
  return true;
}

function sumOf(layers: ReadonlyMap<string, PullProgress>): PullProgress {
  let doneBytes = 0;
  let totalBytes = 0;
  for (const layer of layers.values()) {
    doneBytes += layer.doneBytes;
    totalBytes += layer.totalBytes;
  }
  return { doneBytes, totalBytes };
}

function encodeAuth({ username, password, identityToken, serverAddress }: RegistryAuth): string {
  const token = identityToken === undefined ? {} : { identitytoken: identityToken };
  const text = JSON.stringify({ username, password, ...token, serveraddress: serverAddress });
  const encoded = Buffer.from(text).toString("base64url");
  // The daemon wants its padding, which Node leaves out; without, it takes no credentials and says nothing.
  return encoded.padEnd(Math.ceil(encoded.length / 4) * 4, "=");
}

function pullError(purpose: string, message: string, cause: unknown): RuntimeError {
  const code = UNAVAILABLE.test(message)
    ? "registry-unavailable"
    : NOT_FOUND.test(message)
      ? "image-not-found"
      : "registry";
  return new RuntimeError(code, `Cannot ${purpose}: ${message}`, { cause });
}

/** Without a tag Docker would pull all of them. */
function withTag(reference: string): string {
  const last = reference.slice(reference.lastIndexOf("/") + 1);
  return last.includes(":") || last.includes("@") ? reference : `${reference}:latest`;
}
