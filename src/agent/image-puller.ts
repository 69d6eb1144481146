import { backoffMs, type BackoffPolicy } from "../base/backoff.ts";
import { shortHash } from "../base/hash.ts";
import type { Clock, Millis } from "../base/clock.ts";
import type { Container } from "../model/kinds.gen.ts";
import type { ImageState } from "./pod-view.ts";
import {
  RuntimeError,
  type ContainerRuntime,
  type ImageDetails,
  type PullProgress,
  type RegistryAuth,
} from "./runtime.ts";
import { Semaphore } from "./semaphore.ts";

export interface ImagePullerOptions {
  readonly runtime: ContainerRuntime;
  readonly clock: Clock;
  /** Ends all pulls: one pull serves many pods and must outlive each of them. */
  readonly signal: AbortSignal;
  readonly recorder?: ImageRecorder;
  /** Default: three. */
  readonly pullsAtATime?: number;
}

export type ImageResult =
  | { readonly kind: "present"; readonly details: ImageDetails }
  | (ImageState & { readonly kind: "failed" });

/** What people are told. */
export type TellImage = (
  type: "Normal" | "Warning",
  reason: "Pulling" | "Pulled" | "Failed" | "BackOff" | "ErrImageNeverPull" | "InspectFailed",
  message: string,
) => void;

export interface EnsureOptions {
  readonly tell: TellImage;
  /** Credentials for the image's registry; asked only when it is pulled. */
  readonly readAuths?: () => Promise<readonly RegistryAuth[]>;
  /** What the image's tag means for this release: `repository@sha256:…`. */
  readonly pinned?: string;
}

/** Told of each image that this node has pulled itself: only those are ever cleaned up. */
export interface ImageRecorder {
  pulled(details: ImageDetails, reference: string): void;
}

interface WantedImage {
  /** As the pod writes it. */
  readonly image: string;
  /** What is pulled: the image, or what it is pinned to. */
  readonly reference: string;
  readonly auths: readonly RegistryAuth[];
}

export const PULLS_AT_A_TIME = 3;
/** How often people are told how far a pull is. */
export const PROGRESS_EVERY_MS: Millis = 10_000;
const PULL_BACKOFF: BackoffPolicy = { baseMs: 10_000, maxMs: 300_000 };
const NEVER_RETRY_MS: Millis = 10_000;
/** A name that Docker takes: registry, path, tag, digest. */
const REFERENCE =
  /^(?:[a-zA-Z0-9](?:[a-zA-Z0-9.-]*[a-zA-Z0-9])?(?::\d+)?\/)?[a-z0-9]+(?:(?:\.|_{1,2}|-+)[a-z0-9]+)*(?:\/[a-z0-9]+(?:(?:\.|_{1,2}|-+)[a-z0-9]+)*)*(?::[\w][\w.-]{0,127})?(?:@[a-z0-9]+:[a-fA-F0-9]{32,})?$/;

interface Failed {
  readonly failures: number;
  readonly reason: "ErrImagePull" | "RegistryUnavailable";
  readonly message: string;
  readonly at: Millis;
  readonly retryAt: Millis;
}

/** Brings images to the host: one pull per image at a time, a few in parallel, with a growing wait after failures. */
export class ImagePuller {
  readonly #options: ImagePullerOptions;
  readonly #slots: Semaphore;
  readonly #pulls = new Map<string, Pull>();
  readonly #failed = new Map<string, Failed>();

  constructor(options: ImagePullerOptions) {
    this.#options = options;
    this.#slots = new Semaphore(options.pullsAtATime ?? PULLS_AT_A_TIME);
  }

  /** The image of a container, pulled if its policy says so. Rejects only when the runtime cannot be asked. */
  async ensure(
    { image, imagePullPolicy: policy }: Container,
    signal: AbortSignal,
    { tell, readAuths = () => Promise.resolve([]), pinned = image }: EnsureOptions,
  ): Promise<ImageResult> {
    const { runtime, clock } = this.#options;
    const now = clock.now();
    if (!REFERENCE.test(image)) {
      const message = `Failed to apply default image tag "${image}": couldn't parse image name "${image}": invalid reference format`;
      tell("Warning", "InspectFailed", message);
      return {
        kind: "failed",
        reason: "InvalidImageName",
        message,
        at: now,
        retryAt: now + PULL_BACKOFF.maxMs,
      };
    }
    const details = await runtime.image(pinned, signal);
    if (details !== undefined && policy !== "Always") {
      tell("Normal", "Pulled", `Container image "${image}" already present on machine`);
      return { kind: "present", details };
    }
    if (policy === "Never") {
      const message = `Container image "${image}" is not present with pull policy of Never`;
      tell("Warning", "ErrImageNeverPull", message);
      return {
        kind: "failed",
        reason: "ErrImageNeverPull",
        message,
        at: now,
        retryAt: now + NEVER_RETRY_MS,
      };
    }
    const wanted = { image, reference: pinned, auths: await readAuths() };
    return await this.#pullAndLook(wanted, signal, tell);
  }

  async #pullAndLook(
    wanted: WantedImage,
    signal: AbortSignal,
    tell: TellImage,
  ): Promise<ImageResult> {
    const { image, reference } = wanted;
    const { runtime, clock, recorder } = this.#options;
    const before = this.#failed.get(keyOf(wanted));
    if (before !== undefined && clock.now() < before.retryAt) {
      tell("Normal", "BackOff", `Back-off pulling image "${image}"`);
      const { reason, message, at, retryAt } = before;
      return { kind: "failed", reason, message, at, retryAt };
    }
    tell("Normal", "Pulling", `Pulling image "${image}"`);
    const askedAt = clock.monotonic();
    const pull = this.#pull(wanted);
    const listener = progressTeller(image, clock, tell);
    pull.listeners.add(listener);
    try {
      await abortable(pull.work, signal);
    } catch (error) {
      signal.throwIfAborted();
      return this.#fail(wanted, error, tell);
    } finally {
      pull.listeners.delete(listener);
    }
    this.#failed.delete(keyOf(wanted));
    const details = await runtime.image(reference, signal);
    if (details === undefined) {
      return this.#fail(wanted, new Error("the image is not there after the pull"), tell);
    }
    recorder?.pulled(details, reference);
    const endedAt = pull.endedAt ?? clock.monotonic();
    const took = formatDuration(endedAt - (pull.startedAt ?? askedAt));
    const all = formatDuration(clock.monotonic() - askedAt);
    tell(
      "Normal",
      "Pulled",
      `Successfully pulled image "${image}" in ${took} (${all} including waiting). Image size: ${details.sizeBytes} bytes.`,
    );
    return { kind: "present", details };
  }

  #fail(wanted: WantedImage, error: unknown, tell: TellImage): ImageResult {
    const { image } = wanted;
    const { clock } = this.#options;
    const { reason, message } = pullFailure(wanted, error);
    const current = this.#failed.get(keyOf(wanted));
    // Several pods may have waited for one pull: it failed once.
    const at = clock.now();
    const known = current !== undefined && at < current.retryAt ? current : undefined;
    const failures = known?.failures ?? (current?.failures ?? 0) + 1;
    const failed = known ?? {
      failures,
      reason,
      message,
      at,
      retryAt: at + backoffMs(PULL_BACKOFF, failures),
    };
    this.#failed.set(keyOf(wanted), failed);
    tell("Warning", "Failed", `Failed to pull image "${image}": ${message}`);
    tell("Warning", "Failed", `Error: ${reason}`);
    return {
      kind: "failed",
      reason,
      message,
      at: failed.at,
      retryAt: failed.retryAt,
    };
  }

  #pull(wanted: WantedImage): Pull {
    const key = keyOf(wanted);
    const running = this.#pulls.get(key);
    if (running !== undefined) return running;
    const { signal, clock } = this.#options;
    const pull: Pull = { listeners: new Set(), work: Promise.resolve() };
    pull.work = this.#slots
      .run(0, signal, () => {
        pull.startedAt = clock.monotonic();
        return this.#tryEach(wanted, (progress) => {
          for (const listener of pull.listeners) listener(progress);
        });
      })
      .finally(() => {
        pull.endedAt = clock.monotonic();
        this.#pulls.delete(key);
      });
    this.#pulls.set(key, pull);
    return pull;
  }

  /** As nobody when there are no credentials; else as each in turn, until one is let in. */
  async #tryEach(
    { reference, auths }: WantedImage,
    onProgress: (progress: PullProgress) => void,
  ): Promise<void> {
    const { runtime, signal } = this.#options;
    const [first, ...others] = auths;
    let failure: unknown;
    for (const auth of [first, ...others]) {
      try {
        return await runtime.pull(reference, signal, auth, onProgress);
      } catch (error) {
        signal.throwIfAborted();
        failure = error;
        // Nobody else is answered there either.
        if (isUnavailable(error)) break;
      }
    }
    throw failure;
  }
}

/** One pull, for all who wait for it. */
interface Pull {
  readonly listeners: Set<(progress: PullProgress) => void>;
  work: Promise<void>;
  startedAt?: Millis;
  endedAt?: Millis;
}

function isUnavailable(error: unknown): boolean {
  return error instanceof RuntimeError && error.code === "registry-unavailable";
}

/** In Kubernetes' words. */
function pullFailure(
  { image, reference }: WantedImage,
  error: unknown,
): Pick<Failed, "reason" | "message"> {
  const why = error instanceof Error ? error.message : String(error);
  if (isUnavailable(error)) {
    const message = `image pull failed for ${image} because the registry is unavailable: ${why}`;
    return { reason: "RegistryUnavailable", message };
  }
  const isMissing = error instanceof RuntimeError && error.code === "image-not-found";
  const pin =
    reference === image
      ? ""
      : `; this release runs "${image}" as it was when it first ran, and the registry does not have that any more: change the template to take what the tag means now`;
  const message = isMissing ? `${why} (no such image, or no right to it${pin})` : why;
  return { reason: "ErrImagePull", message };
}

/** Says how far a pull is, now and then. */
function progressTeller(
  image: string,
  clock: Clock,
  tell: TellImage,
): (progress: PullProgress) => void {
  let toldAt = clock.monotonic();
  return ({ doneBytes, totalBytes }) => {
    if (totalBytes === 0 || clock.monotonic() - toldAt < PROGRESS_EVERY_MS) return;
    toldAt = clock.monotonic();
    const percent = Math.floor((doneBytes / totalBytes) * 100);
    const mib = (bytes: number): string => (bytes / 2 ** 20).toFixed(1);
    tell(
      "Normal",
      "Pulling",
      `Pulling image "${image}": ${percent} %, ${mib(doneBytes)} of ${mib(totalBytes)} MiB`,
    );
  };
}

/** As Go prints a duration that is cut to milliseconds: `234ms`, `1.2s`, `1m2.3s`. Pure. */
export function formatDuration(ms: Millis): string {
  const whole = Math.max(0, Math.trunc(ms));
  if (whole === 0) return "0s";
  if (whole < 1000) return `${whole}ms`;
  const seconds = `${(whole % 60_000) / 1000}s`;
  const minutes = Math.floor(whole / 60_000);
  if (minutes === 0) return seconds;
  const hours = Math.floor(minutes / 60);
  return hours === 0 ? `${minutes}m${seconds}` : `${hours}h${minutes % 60}m${seconds}`;
}

/** What one's credentials do not open, another's may: each has its own pull, and its own failures. */
function keyOf({ reference, auths }: WantedImage): string {
  return auths.length === 0 ? reference : `${reference} ${shortHash(auths)}`;
}

/** Waits for work that goes on without us when `signal` aborts. */
async function abortable<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  const { promise, reject } = Promise.withResolvers<never>();
  const abort = (): void => reject(signal.reason);
  signal.addEventListener("abort", abort, { once: true });
  promise.catch(() => undefined);
  try {
    signal.throwIfAborted();
    return await Promise.race([work, promise]);
  } finally {
    signal.removeEventListener("abort", abort);
    work.catch(() => undefined);
  }
}
