import { backoffMs, type BackoffPolicy } from "../base/backoff.ts";
import { shortHash } from "../base/hash.ts";
import type { Clock, Millis } from "../base/clock.ts";
import type { Container } from "../model/kinds.gen.ts";
import type { ImageState } from "./pod-view.ts";
import {
  RuntimeError,
  type ContainerRuntime,
  type ImageDetails,
  type RegistryAuth,
} from "./runtime.ts";
import { Semaphore } from "./semaphore.ts";

export interface ImagePullerOptions {
  readonly runtime: ContainerRuntime;
  readonly clock: Clock;
  /** Ends all pulls: one pull serves many pods and must outlive each of them. */
  readonly signal: AbortSignal;
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
}

interface WantedImage {
  readonly image: string;
  readonly auths: readonly RegistryAuth[];
}

const PULLS_AT_A_TIME = 3;
const PULL_BACKOFF: BackoffPolicy = { baseMs: 10_000, maxMs: 300_000 };
const NEVER_RETRY_MS: Millis = 10_000;
/** A name that Docker takes: registry, path, tag, digest. */
const REFERENCE =
  /^(?:[a-zA-Z0-9](?:[a-zA-Z0-9.-]*[a-zA-Z0-9])?(?::\d+)?\/)?[a-z0-9]+(?:(?:\.|_{1,2}|-+)[a-z0-9]+)*(?:\/[a-z0-9]+(?:(?:\.|_{1,2}|-+)[a-z0-9]+)*)*(?::[\w][\w.-]{0,127})?(?:@[a-z0-9]+:[a-fA-F0-9]{32,})?$/;

interface Failed {
  readonly failures: number;
  readonly message: string;
  readonly at: Millis;
  readonly retryAt: Millis;
}

/** Brings images to the host: one pull per image at a time, a few in parallel, with a growing wait after failures. */
export class ImagePuller {
  readonly #options: ImagePullerOptions;
  readonly #slots = new Semaphore(PULLS_AT_A_TIME);
  readonly #pulls = new Map<string, Promise<void>>();
  readonly #failed = new Map<string, Failed>();

  constructor(options: ImagePullerOptions) {
    this.#options = options;
  }

  /** The image of a container, pulled if its policy says so. Rejects only when the runtime cannot be asked. */
  async ensure(
    { image, imagePullPolicy: policy }: Container,
    signal: AbortSignal,
    { tell, readAuths = () => Promise.resolve([]) }: EnsureOptions,
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
    const details = await runtime.image(image, signal);
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
    return await this.#pullAndLook({ image, auths: await readAuths() }, signal, tell);
  }

  async #pullAndLook(
    wanted: WantedImage,
    signal: AbortSignal,
    tell: TellImage,
  ): Promise<ImageResult> {
    const { image } = wanted;
    const { runtime, clock } = this.#options;
    const before = this.#failed.get(keyOf(wanted));
    if (before !== undefined && clock.now() < before.retryAt) {
      tell("Normal", "BackOff", `Back-off pulling image "${image}"`);
      const { message, at, retryAt } = before;
      return { kind: "failed", reason: "ErrImagePull", message, at, retryAt };
    }
    tell("Normal", "Pulling", `Pulling image "${image}"`);
    const startedAt = clock.monotonic();
    try {
      await abortable(this.#pull(wanted), signal);
    } catch (error) {
      signal.throwIfAborted();
      return this.#fail(wanted, error, tell);
    }
    this.#failed.delete(keyOf(wanted));
    const details = await runtime.image(image, signal);
    if (details === undefined) {
      return this.#fail(wanted, new Error("the image is not there after the pull"), tell);
    }
    const tookS = ((clock.monotonic() - startedAt) / 1000).toFixed(3);
    tell(
      "Normal",
      "Pulled",
      `Successfully pulled image "${image}" in ${tookS}s. Image size: ${details.sizeBytes} bytes.`,
    );
    return { kind: "present", details };
  }

  #fail(wanted: WantedImage, error: unknown, tell: TellImage): ImageResult {
    const { image } = wanted;
    const { clock } = this.#options;
    const why = error instanceof Error ? error.message : String(error);
    const kind =
      error instanceof RuntimeError && error.code === "image-not-found" ? "not found" : "registry";
    const message = kind === "not found" ? `${why} (no such image, or no right to it)` : why;
    const current = this.#failed.get(keyOf(wanted));
    // Several pods may have waited for one pull: it failed once.
    const at = clock.now();
    const known = current !== undefined && at < current.retryAt ? current : undefined;
    const failures = known?.failures ?? (current?.failures ?? 0) + 1;
    const failed = known ?? {
      failures,
      message,
      at,
      retryAt: at + backoffMs(PULL_BACKOFF, failures),
    };
    this.#failed.set(keyOf(wanted), failed);
    tell("Warning", "Failed", `Failed to pull image "${image}": ${message}`);
    tell("Warning", "Failed", "Error: ErrImagePull");
    return {
      kind: "failed",
      reason: "ErrImagePull",
      message,
      at: failed.at,
      retryAt: failed.retryAt,
    };
  }

  #pull(wanted: WantedImage): Promise<void> {
    const key = keyOf(wanted);
    const running = this.#pulls.get(key);
    if (running !== undefined) return running;
    const { signal } = this.#options;
    const pull = this.#slots
      .run(0, signal, () => this.#tryEach(wanted))
      .finally(() => this.#pulls.delete(key));
    this.#pulls.set(key, pull);
    return pull;
  }

  /** As nobody when there are no credentials; else as each in turn, until one is let in. */
  async #tryEach({ image, auths }: WantedImage): Promise<void> {
    const { runtime, signal } = this.#options;
    const [first, ...others] = auths;
    let failure: unknown;
    for (const auth of [first, ...others]) {
      try {
        return await runtime.pull(image, signal, auth);
      } catch (error) {
        signal.throwIfAborted();
        failure = error;
      }
    }
    throw failure;
  }
}

/** What one's credentials do not open, another's may: each has its own pull, and its own failures. */
function keyOf({ image, auths }: WantedImage): string {
  return auths.length === 0 ? image : `${image} ${shortHash(auths)}`;
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
