import { isSameJson } from "../../base/same-json.ts";
import { isFields } from "../../schema/fields.ts";
import { alignLists } from "./align-lists.ts";

/** A value as it was, as it is to be, and as the author of the change stated that. */
export interface Change {
  readonly before: unknown;
  readonly after: unknown;
  /** `undefined`: left to its default. */
  readonly written: unknown;
}

/** The change of a field. Pure. */
export function changeOf({ before, after, written }: Change, key: string | number): Change {
  const at = (value: unknown): unknown => {
    if (Array.isArray(value))
      return typeof key === "number" ? (value as unknown[])[key] : undefined;
    return isFields(value) && Object.hasOwn(value, key) ? value[key] : undefined;
  };
  return { before: at(before), after: at(after), written: at(written) };
}

/** Names of the fields that change, in the order in which they are stated. Pure. */
export function changedKeys({ before, after, written }: Change): readonly string[] {
  const keys = new Set(
    [written, after, before].flatMap((map) => (isFields(map) ? Object.keys(map) : [])),
  );
  return [...keys].filter((key) => {
    const change = changeOf({ before, after, written }, key);
    return !isSameJson(change.before, change.after);
  });
}

/** What to write where nothing stands yet: of maps that were there by default only what changes. Pure. */
export function newValue({ before, after, written }: Change): unknown {
  if (!isFields(before) || !isFields(after) || !isFields(written)) return stated(written, after);
  const change = { before, after, written };
  const entries = changedKeys(change).map((key) => [key, newValue(changeOf(change, key))] as const);
  return Object.fromEntries(entries.filter(([, value]) => value !== undefined));
}

/** What is stated, without what is empty and without what came to nothing. Pure. */
export function stated(written: unknown, after: unknown): unknown {
  if (written === undefined || written === null) return undefined;
  if (Array.isArray(written)) {
    const items = written as readonly unknown[];
    const full = Array.isArray(after) && after.length === items.length ? (after as unknown[]) : [];
    return items.map((item, index) => (index in full ? stated(item, full[index]) : item));
  }
  if (!isFields(written)) return written;
  if (!isFields(after)) return written;
  const entries = Object.entries(written).map(
    ([key, value]) =>
      [key, Object.hasOwn(after, key) ? stated(value, after[key]) : undefined] as const,
  );
  return Object.fromEntries(entries.filter(([, value]) => value !== undefined));
}

/**
 * The declared value with a change that was made to another state of it: fields that others filled in stay out of it.
 * Pure.
 */
export function rebase(declared: unknown, before: unknown, after: unknown): unknown {
  if (isSameJson(before, after)) return declared;
  if ((declared === undefined || isFields(declared)) && isFields(before) && isFields(after)) {
    const known = declared ?? {};
    const keys = new Set([...Object.keys(known), ...Object.keys(after)]);
    const entries = [...keys].map((key) => {
      const change = changeOf({ before, after, written: known }, key);
      return [key, rebase(change.written, change.before, change.after)] as const;
    });
    return Object.fromEntries(entries.filter(([, value]) => value !== undefined));
  }
  if (Array.isArray(declared) && Array.isArray(before) && Array.isArray(after)) {
    if (declared.length !== before.length) return after;
    const origins = alignLists(before, after);
    return (after as readonly unknown[]).map((item, index) => {
      const from = origins[index];
      return from === undefined ? item : rebase(declared[from], before[from], item);
    });
  }
  return after;
}
