import type { DockerConnection } from "./docker-connection.ts";
import { jsonLines } from "./log-demux.ts";
import { RuntimeError, type ImageDetails, type RegistryAuth } from "./runtime.ts";

interface DockerImage {
  readonly Id: string;
  readonly Size: number;
  readonly Config: { readonly User?: string } | null;
}

interface Progress {
  readonly error?: string;
}

/** A pull may take long, but not without any progress. */
const NO_PROGRESS_LIMIT_MS = 120_000;
const LOAD_LIMIT_MS = 300_000;
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
    : { id: found.Id, user: found.Config?.User ?? "", sizeBytes: found.Size };
}

export async function pullImage(
  docker: DockerConnection,
  { reference, auth }: { readonly reference: string; readonly auth: RegistryAuth | undefined },
  signal: AbortSignal,
): Promise<void> {
  const purpose = `pull image "${reference}"`;
  const stalled = new AbortController();
  const bounded = AbortSignal.any([signal, stalled.signal]);
  const watchdog = setTimeout(() => stalled.abort(), NO_PROGRESS_LIMIT_MS);
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
        watchdog.refresh();
        if (progress.error !== undefined) throw pullError(purpose, progress.error, undefined);
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
        "registry",
        `Cannot ${purpose}: no progress for ${NO_PROGRESS_LIMIT_MS / 1000} s`,
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

function encodeAuth({ username, password, identityToken, serverAddress }: RegistryAuth): string {
  const token = identityToken === undefined ? {} : { identitytoken: identityToken };
  const text = JSON.stringify({ username, password, ...token, serveraddress: serverAddress });
  return Buffer.from(text).toString("base64url");
}

function pullError(purpose: string, message: string, cause: unknown): RuntimeError {
  const code = NOT_FOUND.test(message) ? "image-not-found" : "registry";
  return new RuntimeError(code, `Cannot ${purpose}: ${message}`, { cause });
}

/** Without a tag Docker would pull all of them. */
function withTag(reference: string): string {
  const last = reference.slice(reference.lastIndexOf("/") + 1);
  return last.includes(":") || last.includes("@") ? reference : `${reference}:latest`;
}
