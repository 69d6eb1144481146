import { compare } from "../base/order.ts";
import { APP_LABEL, APPLIED_ANNOTATION, SOURCE_ANNOTATION } from "../model/app.ts";
import type { ApiObject } from "../model/meta.ts";

/** One field that differs. Values are JSON texts; absent where the field is not there. */
export interface FieldChange {
  /** As users write it: `spec.template.spec.containers[0].image`. */
  readonly path: string;
  readonly before?: string;
  readonly after?: string;
}

/** Our own marks say where a thing comes from, not what it is. */
const OWN_MARKS: ReadonlySet<string> = new Set([APP_LABEL, SOURCE_ANNOTATION, APPLIED_ANNOTATION]);
/** What the store keeps of an object, not what anybody declared. */
const STORED_METADATA: ReadonlySet<string> = new Set([
  "uid",
  "resourceVersion",
  "generation",
  "creationTimestamp",
  "ownerReferences",
  "managedFields",
]);
const MASK = "(hidden)";

/** What differs between two versions of an object, by path. Values of Secrets are hidden. Pure. */
export function diffObjects(before: ApiObject, after: ApiObject): readonly FieldChange[] {
  const changes: FieldChange[] = [];
  collect(visible(before), visible(after), "", changes);
  const isSecret = after.kind === "Secret" || before.kind === "Secret";
  const shown = isSecret ? changes.map(hideValue) : changes;
  return shown.toSorted((a, b) => compare(a.path, b.path));
}

function hideValue(change: FieldChange): FieldChange {
  if (!/^(data|stringData)\b/.test(change.path)) return change;
  return {
    path: change.path,
    ...(change.before === undefined ? {} : { before: MASK }),
    ...(change.after === undefined ? {} : { after: MASK }),
  };
}

/** The object without status and without what others than its author put into its metadata. */
function visible(object: ApiObject): unknown {
  const { status: _, ...rest } = object as ApiObject & { readonly status?: unknown };
  const metadata = Object.fromEntries(
    Object.entries(object.metadata)
      .filter(([key]) => !STORED_METADATA.has(key))
      .map(([key, value]) => [
        key,
        key === "labels" || key === "annotations" ? withoutOwn(value) : value,
      ]),
  );
  return { ...rest, metadata };
}

function withoutOwn(map: unknown): unknown {
  const entries = Object.entries(map ?? {}).filter(([key]) => !OWN_MARKS.has(key));
  return Object.fromEntries(entries);
}

function collect(before: unknown, after: unknown, path: string, changes: FieldChange[]): void {
  if (isRecord(before) && isRecord(after)) {
    for (const key of new Set([...Object.keys(before), ...Object.keys(after)])) {
      collect(before[key], after[key], joinPath(path, key), changes);
    }
    return;
  }
  if (Array.isArray(before) && Array.isArray(after)) {
    for (let index = 0; index < Math.max(before.length, after.length); index += 1) {
      collect(before[index], after[index], `${path}[${index}]`, changes);
    }
    return;
  }
  const [left, right] = [text(before), text(after)];
  if (left === right || isEmpty(before, after)) return;
  changes.push({
    path,
    ...(left === undefined ? {} : { before: left }),
    ...(right === undefined ? {} : { after: right }),
  });
}

/** An empty map or list says as much as none. */
function isEmpty(before: unknown, after: unknown): boolean {
  const isNothing = (value: unknown): boolean =>
    value === undefined ||
    (typeof value === "object" && value !== null && Object.keys(value).length === 0);
  return isNothing(before) && isNothing(after);
}

function joinPath(path: string, key: string): string {
  const plain = /^[A-Za-z_][\w-]*$/.test(key);
  if (!plain) return `${path}[${JSON.stringify(key)}]`;
  return path === "" ? key : `${path}.${key}`;
}

function text(value: unknown): string | undefined {
  return value === undefined ? undefined : JSON.stringify(value);
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
