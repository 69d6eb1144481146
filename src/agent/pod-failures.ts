import { backoffMs, type BackoffPolicy } from "../base/backoff.ts";
import type { Millis } from "../base/clock.ts";
import { actionKey, type Action } from "./plan-pod.ts";
import { ActionError } from "./pod-services.ts";
import { SANDBOX, type Failure } from "./pod-view.ts";

/** What could not be made is tried again after a second, doubled each time. */
const MAKE_BACKOFF: BackoffPolicy = { baseMs: 1_000, maxMs: 30_000 };
/** Any other action that failed. */
const ACTION_BACKOFF: BackoffPolicy = { baseMs: 200, maxMs: 30_000 };

/** What a failure is called that does not say so itself. */
const FAILURE_REASONS: Readonly<Partial<Record<Action["kind"], string>>> = {
  "create-sandbox": "FailedCreatePodSandBox",
  "start-sandbox": "FailedCreatePodSandBox",
  "set-up-sandbox": "FailedCreatePodSandBox",
  "prepare-image": "ImageInspectError",
  create: "CreateContainerError",
  start: "RunContainerError",
};

const MAKING: readonly Action["kind"][] = [
  "create",
  "start",
  "create-sandbox",
  "start-sandbox",
  "set-up-sandbox",
  "prepare-image",
];

/** The actions of one pod that failed in a row, and when each may be tried again. */
export class PodFailures {
  readonly #failures = new Map<string, Failure & { readonly count: number }>();

  /** By whose failure it is: a container's name, `SANDBOX`, or the key of another action. */
  get all(): ReadonlyMap<string, Failure> {
    return this.#failures;
  }

  /** The action was carried out: what failed before is forgotten. */
  succeeded(action: Action): void {
    this.#failures.delete(failureTarget(action));
  }

  /** The action failed once more. */
  failed(action: Action, error: unknown, now: Millis): Failure {
    const target = failureTarget(action);
    const count = (this.#failures.get(target)?.count ?? 0) + 1;
    const policy = isMaking(action) ? MAKE_BACKOFF : ACTION_BACKOFF;
    const own = error instanceof ActionError ? error.reason : FAILURE_REASONS[action.kind];
    const failure = {
      reason: own ?? "Failed",
      message: error instanceof Error ? error.message : String(error),
      at: now,
      retryAt: now + backoffMs(policy, count),
      count,
    };
    this.#failures.set(target, failure);
    return failure;
  }
}

/** Whose failure it is: what the status shows it at. Pure. */
export function failureTarget(action: Action): string {
  switch (action.kind) {
    case "prepare-image":
    case "create":
    case "start":
      return action.container;
    case "create-sandbox":
    case "start-sandbox":
    case "set-up-sandbox":
      return SANDBOX;
    default:
      return actionKey(action);
  }
}

/** Making waits for what is not there yet; it ends when the pod must go. Pure. */
export function isMaking(action: Action): boolean {
  return MAKING.includes(action.kind);
}
