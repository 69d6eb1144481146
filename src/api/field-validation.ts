import type { ApiObject, ObjectMeta } from "../model/meta.ts";
import type { Resource } from "../model/resources.ts";
import { checkObject, isHarmful } from "../schema/check-object.ts";
import { defaultObject } from "../schema/default-object.ts";
import { formatPath } from "../schema/finding.ts";
import type { Finding } from "../schema/finding.ts";
import { withoutField } from "../schema/validate-object.ts";
import { badRequest, invalid } from "./failure.ts";
import type { StatusCause } from "./failure.ts";

/** What becomes of fields that a kind does not have. */
export type FieldValidation = "Strict" | "Warn" | "Ignore";

export interface ValidatedObject {
  /** As the schema has it: with every default, without what it ignores. */
  readonly object: ApiObject;
  /** For the person who writes. */
  readonly warnings: readonly string[];
}

/** The mode of a request; as in Kubernetes `Warn` when it says nothing. Throws 422. Pure. */
export function parseFieldValidation(text: string | null): FieldValidation {
  if (text === null || text === "") return "Warn";
  if (text === "Strict" || text === "Warn" || text === "Ignore") return text;
  throw invalid({ kind: "Options", group: "meta.k8s.io" }, "", [
    {
      field: "fieldValidation",
      message: `Unsupported value: ${JSON.stringify(text)}: supported values: "Ignore", "Strict", "Warn"`,
    },
  ]);
}

/**
 * An object that somebody writes past Git, checked and defaulted by the very schema of manifests. What the stored object
 * has against it already, since Berth itself wrote it there, is no fault of the new one. Throws 400 or 422. Pure.
 */
export function validateWrite(
  resource: Resource,
  written: ApiObject,
  stored: ApiObject | undefined,
  mode: FieldValidation,
): ValidatedObject {
  const stated = bareObject(written);
  const first = check(stated);
  const unknown = first.findings.filter(({ code }) => code === "field/unknown");
  if (unknown.length > 0 && mode === "Strict") throw strictDecoding(resource, unknown);
  let bare = stated;
  for (const { path } of unknown) bare = withoutField(bare, path) as ApiObject;
  const checked = unknown.length > 0 ? check(bare) : first;
  const harmful = checked.findings.filter(isHarmful);
  const known = harmful.length === 0 || stored === undefined ? NONE : faultsOf(stored);
  const fresh = harmful.filter((finding) => !known.has(faultOf(finding)));
  if (fresh.length > 0) throw invalid(resource, written.metadata.name, fresh.map(toCause));
  const object = checked.object ?? defaultObject(bare, written.metadata.namespace ?? "");
  const said = mode === "Warn" ? unknown.map(unknownField) : [];
  const ignored = checked.findings.filter((finding) => !isHarmful(finding) && !isSystem(finding));
  return {
    object: withServerFields(object, written.metadata),
    warnings: [...said, ...ignored.map(toText)],
  };
}

const NONE: ReadonlySet<string> = new Set();

function check(object: ApiObject): ReturnType<typeof checkObject> {
  return checkObject(object, object.metadata.namespace ?? "");
}

function isEmpty(value: unknown): boolean {
  return typeof value === "object" && value !== null && Object.keys(value).length === 0;
}

/** What people state: the rest of the metadata is the server's, and owners only exist past Git. */
function bareObject(object: ApiObject): ApiObject {
  const { status: _, ...rest } = object as ApiObject & { readonly status?: unknown };
  const metadata = Object.fromEntries(
    Object.entries(object.metadata).filter(
      ([name, value]) => !NOT_STATED.has(name) && !isEmpty(value),
    ),
  ) as unknown as ObjectMeta;
  return { ...rest, metadata } as ApiObject;
}

const SERVER_FIELDS: readonly (keyof ObjectMeta)[] = [
  "uid",
  "resourceVersion",
  "generation",
  "creationTimestamp",
  "deletionTimestamp",
  "deletionGracePeriodSeconds",
  "ownerReferences",
];
/** Clients send these along; Berth does not keep them. */
const DROPPED: readonly string[] = ["generateName", "managedFields", "selfLink"];
const NOT_STATED: ReadonlySet<string> = new Set([...SERVER_FIELDS, ...DROPPED]);

function withServerFields(object: ApiObject, metadata: ObjectMeta): ApiObject {
  const fields = SERVER_FIELDS.map((name) => [name, metadata[name]] as const);
  const given = Object.fromEntries(fields.filter(([, value]) => value !== undefined));
  return { ...object, metadata: { ...object.metadata, ...given } };
}

function faultsOf(stored: ApiObject): ReadonlySet<string> {
  return new Set(check(bareObject(stored)).findings.map(faultOf));
}

function faultOf({ code, message }: Finding): string {
  return `${code} ${message}`;
}

/** `kubectl create` sends an empty status along; nobody needs to hear of it. */
function isSystem({ path }: Finding): boolean {
  return path[0] === "status";
}

function strictDecoding(resource: Resource, unknown: readonly Finding[]): Error {
  const { kind, version } = resource;
  const list = unknown.map(unknownField).join(", ");
  const what = `${kind} in version "${version}" cannot be handled as a ${kind}`;
  return badRequest(`${what}: strict decoding error: ${list}${hintsOf(unknown)}`);
}

function unknownField({ path }: Finding): string {
  return `unknown field ${JSON.stringify(formatPath(path))}`;
}

function hintsOf(findings: readonly Finding[]): string {
  const hints = findings.flatMap(({ hint }) => (hint === undefined ? [] : [hint]));
  return hints.length === 0 ? "" : ` (${hints.join("; ")})`;
}

function toCause(finding: Finding): StatusCause & {
  readonly field: string;
  readonly message: string;
} {
  const field = formatPath(finding.path);
  const { reason, word } = CAUSES[finding.code] ?? INVALID;
  return { reason, field: field === "" ? "<root>" : field, message: `${word}: ${toText(finding)}` };
}

interface CauseWords {
  readonly reason: string;
  readonly word: string;
}

const INVALID: CauseWords = { reason: "FieldValueInvalid", word: "Invalid value" };
const FORBIDDEN: CauseWords = { reason: "FieldValueForbidden", word: "Forbidden" };

const CAUSES: Readonly<Partial<Record<Finding["code"], CauseWords>>> = {
  "field/required": { reason: "FieldValueRequired", word: "Required value" },
  "field/value": { reason: "FieldValueNotSupported", word: "Unsupported value" },
  "list/duplicate": { reason: "FieldValueDuplicate", word: "Duplicate value" },
  "field/not-allowed": FORBIDDEN,
  "field/not-yet": FORBIDDEN,
  "field/refused": FORBIDDEN,
  "kind/not-yet": FORBIDDEN,
};

function toText({ message, hint }: Finding): string {
  return hint === undefined ? message : `${message}; ${hint}`;
}
