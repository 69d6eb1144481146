import { unreachable } from "../base/assert.ts";
import type { Millis } from "../base/clock.ts";
import { createMember, prepareImage, startMember } from "./member-actions.ts";
import type { Action } from "./plan-pod.ts";
import type { PodHandle } from "./pod-services.ts";
import { resizeMember } from "./resize-member.ts";
import {
  createSandbox,
  releaseSandbox,
  removePod,
  setUpSandbox,
  startSandbox,
  withdraw,
} from "./sandbox-actions.ts";
import { stopMember } from "./stop-member.ts";

/** What the pod's owner knows, and is told, beyond the handle. */
export interface ActionOwner {
  /** A pod that is deleted meanwhile may have less. */
  graceMs(wanted: Millis): Millis;
  sandboxIds(): readonly string[];
  /** No node sends to the pod any more. */
  withdrawn(): void;
  /** Nothing is left of the pod. */
  removed(): void;
}

/** Does what the plan asks for. Throws what the action throws. */
export async function carryOut(
  action: Action,
  handle: PodHandle,
  owner: ActionOwner,
): Promise<void> {
  switch (action.kind) {
    case "withdraw":
      await withdraw(handle);
      return owner.withdrawn();
    case "create-sandbox":
      return await createSandbox(handle, action.attempt);
    case "start-sandbox":
      return await startSandbox(handle, action.id);
    case "set-up-sandbox":
      return await setUpSandbox(handle, action.id);
    case "prepare-image":
      return await prepareImage(handle, action.container);
    case "create":
      return await createMember(handle, action);
    case "start":
      return await startMember(handle, action);
    case "stop":
      return await stopMember(handle, action, () => owner.graceMs(action.graceMs));
    case "resize":
      return await resizeMember(handle, action);
    case "remove":
      await handle.services.runtime.remove(action.id, handle.signal);
      return handle.drop(action.id);
    case "release-sandbox":
      return await releaseSandbox(handle, owner.sandboxIds());
    case "remove-pod":
      await removePod(handle);
      return owner.removed();
    default:
      return unreachable(action);
  }
}
