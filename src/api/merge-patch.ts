import { isJsonObject } from "./body.ts";
import type { JsonObject } from "./body.ts";

/** RFC 7386: objects are merged, `null` removes, everything else replaces. Changes neither argument. Pure. */
export function applyMergePatch(target: unknown, patch: unknown): unknown {
  if (!isJsonObject(patch)) return patch;
  const result = new Map(isJsonObject(target) ? Object.entries(target) : []);
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) result.delete(key);
    else result.set(key, applyMergePatch(result.get(key), value));
  }
  return Object.fromEntries(result);
}

/**
 * Whether a strategic merge patch says the same as a merge patch does: without lists, whose merge keys differ by
 * field, and without directives. Pure.
 */
export function isPlainMerge(patch: JsonObject): boolean {
  return Object.entries(patch).every(([key, value]) => {
    if (key.startsWith("$") || Array.isArray(value)) return false;
    return !isJsonObject(value) || isPlainMerge(value);
  });
}
