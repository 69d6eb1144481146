import type { ApiObject, StringMap } from "../model/meta.ts";

/**
 * The annotations of a workload that its revisions carry too, so that history can tell the cause of a change: all but
 * those that are about the object itself, or that each keeps on its own. Pure.
 */
export function carriedAnnotations({ metadata }: ApiObject): StringMap {
  return Object.fromEntries(
    Object.entries(metadata.annotations ?? {}).filter(
      ([key]) =>
        !key.startsWith("berth.dev/") &&
        !key.startsWith("deployment.kubernetes.io/") &&
        key !== "kubectl.kubernetes.io/last-applied-configuration",
    ),
  );
}
