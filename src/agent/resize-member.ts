import type { Action } from "./plan-pod.ts";
import { ActionError, type PodHandle } from "./pod-services.ts";

/** Changes what a running container may use, and looks at what it has then. */
export async function resizeMember(
  handle: PodHandle,
  { id, limits }: Action & { readonly kind: "resize" },
): Promise<void> {
  const { runtime } = handle.services;
  if (runtime.update === undefined)
    throw new ActionError("Error", "the container runtime cannot change limits");
  await runtime.update(id, limits, handle.signal);
  await handle.observe(id);
}
