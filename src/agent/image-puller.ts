import { backoffMs, type BackoffPolicy } from "../base/backoff.ts";
import type { Clock, Millis } from "../base/clock.ts";
import type { Container } from "../model/kinds.gen.ts";
import type { ImageState } from "./pod-view.ts";
import { RuntimeError, type ContainerRuntime, type ImageDetails } from "./runtime.ts";
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
  async ensure(container: Container, signal: AbortSignal, tell: TellImage): Promise<ImageResult> {
    const { image, imagePullPolicy: policy } = container;
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
    return await this.#pullAndLook(image, signal, tell);
  }

  async #pullAndLook(image: string, signal: AbortSignal, tell: TellImage): Promise<ImageResult> {
    const { runtime, clock } = this.#options;
    const before = this.#failed.get(image);
    if (before !== undefined && clock.now() < before.retryAt) {
      tell("Normal", "BackOff", `Back-off pulling image "${image}"`);
      const { message, at, retryAt } = before;
      return { kind: "failed", reason: "ErrImagePull", message, at, retryAt };
    }
    tell("Normal", "Pulling", `Pulling image "${image}"`);
    const startedAt = clock.monotonic();
    try {
      await abortable(this.#pull(image), signal);
    } catch (error) {
      signal.throwIfAborted();
      return this.#fail(image, error, tell);
    }
    this.#failed.delete(image);
    const details = await runtime.image(image, signal);
    if (details === undefined) {
      return this.#fail(image, new Error("the image is not there after the pull"), tell);
    }
    const tookS = ((clock.monotonic() - startedAt) / 1000).toFixed(3);
    tell(
      "Normal",
      "Pulled",
      `Successfully pulled image "${image}" in ${tookS}s. Image size: ${details.sizeBytes} bytes.`,
    );
    return { kind: "present", details };
  }

  #fail(image: string, error: unknown, tell: TellImage): ImageResult {
    const { clock } = this.#options;
    const why = error instanceof Error ? error.message : String(error);
    const kind =
      error instanceof RuntimeError && error.code === "image-not-found" ? "not found" : "registry";
    const message = kind === "not found" ? `${why} (no such image, or no right to it)` : why;
    const current = this.#failed.get(image);
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
    this.#failed.set(image, failed);
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

  #pull(image: string): Promise<void> {
    const running = this.#pulls.get(image);
    if (running !== undefined) return running;
    const { runtime, signal } = this.#options;
    const pull = this.#slots
      .run(0, signal, () => runtime.pull(image, signal))
      .finally(() => this.#pulls.delete(image));
    this.#pulls.set(image, pull);
    return pull;
  }
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
