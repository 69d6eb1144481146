import { shortHash } from "../base/hash.ts";
import { compare } from "../base/order.ts";
import { APP_LABEL, APPLIED_ANNOTATION, SOURCE_ANNOTATION } from "../model/app.ts";
import type { ApiObject } from "../model/meta.ts";
import { diffLines } from "./diff-lines.ts";
import { pairItems } from "./diff-lists.ts";
import { isSecretName, MASK, maskText } from "./diff-secrets.ts";

/** One field that differs. Values are JSON texts; absent where the field is not there. */
export interface FieldChange {
  /** As users write it: `spec.template.spec.containers[name=web].image`; an item without a key by its place, `[0]`. */
  readonly path: string;
  readonly before?: string;
  readonly after?: string;
  /** Of a text of several lines: what differs in it. */
  readonly lines?: readonly string[];
}

/** Our own marks say where a thing comes from, not what it is. */
const OWN_MARKS: ReadonlySet<string> = new Set([
  APP_LABEL,
  SOURCE_ANNOTATION,
  APPLIED_ANNOTATION,
  // kubectl's: the whole object once more, with the values of a Secret.
  "kubectl.kubernetes.io/last-applied-configuration",
]);
/** What the store keeps of an object, not what anybody declared. */
const STORED_METADATA: ReadonlySet<string> = new Set([
  "uid",
  "resourceVersion",
  "generation",
  "creationTimestamp",
  "ownerReferences",
  "managedFields",
]);

/**
 * What differs between two versions of an object, by path. Values of Secrets, and what looks like one elsewhere, are
 * hidden. Pure.
 */
export function diffObjects(before: ApiObject, after: ApiObject): readonly FieldChange[] {
  const changes: FieldChange[] = [];
  const isSecret = after.kind === "Secret" || before.kind === "Secret";
  const at: Place = {
    path: "",
    field: "",
    isHidden: false,
    hides: isSecret ? HIDDEN_HALVES : NONE,
  };
  collect(visible(before), visible(after), at, changes);
  return changes.toSorted((a, b) => compare(a.path, b.path));
}

/** Where a value stands. */
interface Place {
  readonly path: string;
  /** Name of the field that it is in. */
  readonly field: string;
  /** Whether its value, and all below, is nobody's business. */
  readonly isHidden: boolean;
  /** Fields right below whose values are. */
  readonly hides: ReadonlySet<string>;
}

const NONE: ReadonlySet<string> = new Set();
const HIDDEN_HALVES: ReadonlySet<string> = new Set(["data", "stringData"]);
/** Maps whose keys are names that users give to values. */
const NAMING: ReadonlySet<string> = new Set(["data", "annotations", "parameters", "options"]);

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

function collect(before: unknown, after: unknown, at: Place, changes: FieldChange[]): void {
  if (isRecord(before) && isRecord(after)) {
    const isSecretItem = isSecretName(nameOf(after) ?? nameOf(before) ?? "");
    for (const key of new Set([...Object.keys(before), ...Object.keys(after)])) {
      const isHidden =
        at.isHidden ||
        at.hides.has(key) ||
        (isSecretItem && key === "value") ||
        (NAMING.has(at.field) && isSecretName(key));
      const place = { path: joinPath(at.path, key), field: key, isHidden, hides: NONE };
      collect(before[key], after[key], place, changes);
    }
    return;
  }
  if (Array.isArray(before) && Array.isArray(after)) {
    for (const item of pairItems(at.field, before, after))
      collect(item.before, item.after, { ...at, path: `${at.path}${item.label}` }, changes);
    return;
  }
  const isSame = text(before) === text(after);
  if (isSame || isEmpty(before, after)) return;
  changes.push({
    path: at.path,
    ...(before === undefined ? {} : { before: shown(before, at) }),
    ...(after === undefined ? {} : { after: shown(after, at) }),
    ...linesOf(before, after, at),
  });
}

/** The name of an item as `env` has them. */
function nameOf(item: Readonly<Record<string, unknown>>): string | undefined {
  return typeof item["name"] === "string" ? item["name"] : undefined;
}

function linesOf(before: unknown, after: unknown, at: Place): Pick<FieldChange, "lines"> {
  if (at.isHidden || typeof before !== "string" || typeof after !== "string") return {};
  if (!before.includes("\n") && !after.includes("\n")) return {};
  const lines = diffLines(maskText(before, told), maskText(after, told));
  return { lines: lines.map((line) => line.replaceAll(TOLD, MASK)) };
}

/** While lines are compared, two secrets are told apart. */
function told(secret: string): string {
  return `${MASK}\0${shortHash(secret)}\0`;
}

// oxlint-disable-next-line no-control-regex -- a character that no text of Kubernetes has
const TOLD = /\(hidden\)\0[a-z0-9]*\0/g;

/** A value as text, without what is nobody's business in it. */
function shown(value: unknown, { isHidden, field }: Place): string {
  return isHidden ? MASK : (text(masked(value, field)) ?? "");
}

function masked(value: unknown, field: string): unknown {
  if (typeof value === "string") return maskText(value);
  if (Array.isArray(value)) return value.map((item: unknown) => masked(item, field));
  if (!isRecord(value)) return value;
  const isSecretItem = isSecretName(nameOf(value) ?? "");
  const entries = Object.entries(value).map(([key, item]) => {
    const isHidden = (isSecretItem && key === "value") || (NAMING.has(field) && isSecretName(key));
    return [key, isHidden ? MASK : masked(item, key)];
  });
  return Object.fromEntries(entries) as unknown;
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
