import type { Millis } from "../base/clock.ts";
import type { Container } from "../model/kinds.gen.ts";
import { findContainer } from "./member-actions.ts";
import type { Action } from "./plan-pod.ts";
import type { PodHandle } from "./pod-services.ts";
import { runHandler } from "./probe.ts";

/** After SIGKILL the host needs a moment; then it is looked at again. */
const KILL_LOOK_MS: Millis = 2_000;
/** preStop, or the wait for those that end before, has used up the grace: this much is left for SIGTERM. */
const LEAST_GRACE_MS: Millis = 2_000;

/**
 * Ends a container: preStop, then, once those that need it have ended, its stop signal, then SIGKILL once the grace is
 * over. A grace that is shortened meanwhile counts at once.
 */
export async function stopMember(
  handle: PodHandle,
  action: Action & { readonly kind: "stop" },
  graceMs: () => Millis,
): Promise<void> {
  const { services, pod, signal } = handle;
  const { clock, runtime } = services;
  const found = findContainer(pod, action.container);
  handle.tell("Normal", "Killing", action.message, {
    container: action.container,
    role: found?.role ?? "main",
  });
  const startedAt = clock.monotonic();
  const leftMs = (): Millis => graceMs() - (clock.monotonic() - startedAt);
  let leastMs = 0;
  if (found?.container.lifecycle?.preStop !== undefined && leftMs() > 0) {
    await runPreStop(handle, found.container, action.id, leftMs());
    leastMs = LEAST_GRACE_MS;
  }
  if (action.after.length > 0 && leftMs() > 0) {
    await waitForTurn(handle, action, leftMs);
    leastMs = LEAST_GRACE_MS;
  }
  const signalledAt = clock.monotonic();
  const remainingMs = (): Millis => Math.max(leftMs(), leastMs - (clock.monotonic() - signalledAt));
  if (remainingMs() > 0) {
    const stopSignal = stopSignalOf(handle, action.id, found?.container);
    if (await endsBy(handle, action, { stopSignal, remainingMs })) return;
    if (action.graceMs > 0) {
      handle.tell(
        "Warning",
        "GracePeriodExceeded",
        `Container ${action.container} did not end within ${Math.round(graceMs() / 1000)} s of ${stopSignal}: killing it. Does its first process pass the signal on?`,
        { container: action.container, role: found?.role ?? "main" },
      );
    }
  }
  await runtime.kill(action.id, "SIGKILL", signal);
  while (!(await handle.untilOver(action.id, KILL_LOOK_MS))) await handle.observe(action.id);
}

/** Resolves when those that end before it have ended, when it has ended itself, or when its grace is over. */
async function waitForTurn(
  handle: PodHandle,
  { id, after }: Action & { readonly kind: "stop" },
  leftMs: () => Millis,
): Promise<void> {
  const isTurn = (): boolean => after.every((other) => handle.isOver(other));
  while (!isTurn() && leftMs() > 0 && !handle.isOver(id)) await handle.untilChanged(leftMs());
}

/** Asks it to end, and says whether it did in time. */
async function endsBy(
  handle: PodHandle,
  { id }: Action & { readonly kind: "stop" },
  { stopSignal, remainingMs }: { readonly stopSignal: string; readonly remainingMs: () => Millis },
): Promise<boolean> {
  if (handle.isOver(id)) return true;
  await handle.services.runtime.kill(id, stopSignal, handle.signal);
  for (let left = remainingMs(); left > 0; left = remainingMs()) {
    if (handle.isOver(id)) return true;
    await handle.untilChanged(left);
  }
  // Its death may have gone unheard.
  await handle.observe(id);
  return handle.isOver(id);
}

/** The pod's word goes before the image's. */
function stopSignalOf(handle: PodHandle, id: string, container: Container | undefined): string {
  return container?.lifecycle?.stopSignal ?? handle.get(id)?.stopSignal ?? "SIGTERM";
}

async function runPreStop(
  handle: PodHandle,
  container: Container,
  id: string,
  timeoutMs: Millis,
): Promise<void> {
  const { services, signal } = handle;
  const hook = container.lifecycle?.preStop;
  if (hook === undefined) return;
  const target = { container, containerId: id, ip: handle.ip ?? services.hostIp };
  try {
    await runHandler(hook, target, services.probes, { timeoutMs, signal });
  } catch (error) {
    signal.throwIfAborted();
    const why = error instanceof Error ? error.message : String(error);
    handle.tell("Warning", "FailedPreStopHook", `PreStopHook failed: ${why}`, {
      container: container.name,
      role: "main",
    });
  }
}
