import { canonicalJson } from "../base/hash.ts";
import { isJsonObject } from "./body.ts";
import { ApiFailure, badRequest, tooLarge } from "./failure.ts";

/** Operations that one patch may have, as in Kubernetes. */
export const MAX_OPERATIONS = 10_000;
/** What all copies of one patch may add: each could double the object. */
const MAX_COPIED_BYTES = 3 * 1024 * 1024;

/** An operation of RFC 6902; `path` and `from` are JSON pointers. */
export type JsonPatchOperation =
  | { readonly op: "add" | "replace" | "test"; readonly path: string; readonly value: unknown }
  | { readonly op: "remove"; readonly path: string }
  | { readonly op: "move" | "copy"; readonly path: string; readonly from: string };

/** The body of a JSON Patch. Throws 400 or 413. Pure. */
export function parseJsonPatch(body: unknown): readonly JsonPatchOperation[] {
  if (!Array.isArray(body)) throw badRequest("a JSON Patch is a list of operations");
  if (body.length > MAX_OPERATIONS) {
    throw tooLarge(
      `a JSON Patch may have at most ${MAX_OPERATIONS} operations: it has ${body.length}`,
    );
  }
  return body.map(parseOperation);
}

/** The document as the operations leave it, all of them or none (RFC 6902). Changes no argument. Throws 413 or 422. Pure. */
export function applyJsonPatch(
  document: unknown,
  operations: readonly JsonPatchOperation[],
): unknown {
  let result = document;
  let copied = 0;
  for (const operation of operations) {
    if (operation.op === "copy") {
      copied += JSON.stringify(valueAt(result, operation.from)).length;
      if (copied > MAX_COPIED_BYTES) {
        throw tooLarge(`the copies of a JSON Patch may add at most ${MAX_COPIED_BYTES} bytes`);
      }
    }
    result = applyOperation(result, operation);
  }
  return result;
}

const WITH_VALUE: ReadonlySet<unknown> = new Set(["add", "replace", "test"]);
const WITH_FROM: ReadonlySet<unknown> = new Set(["move", "copy"]);

function parseOperation(operation: unknown, index: number): JsonPatchOperation {
  const refuse = (why: string): never => {
    throw badRequest(`operation ${index} of the JSON Patch ${why}`);
  };
  if (!isJsonObject(operation)) return refuse("is no object");
  const { op, path, from } = operation;
  if (!isPointer(path)) return refuse(`has no path that begins with "/": ${JSON.stringify(path)}`);
  if (WITH_VALUE.has(op)) {
    if (!Object.hasOwn(operation, "value")) return refuse("has no value");
  } else if (WITH_FROM.has(op)) {
    if (!isPointer(from))
      return refuse(`has no from that begins with "/": ${JSON.stringify(from)}`);
    if (op === "move" && path.startsWith(`${from}/`)) return refuse("moves a value into itself");
  } else if (op !== "remove") {
    return refuse(`is unknown: ${JSON.stringify(op)}`);
  }
  return operation as unknown as JsonPatchOperation;
}

function isPointer(path: unknown): path is string {
  return typeof path === "string" && (path === "" || path.startsWith("/"));
}

function applyOperation(document: unknown, operation: JsonPatchOperation): unknown {
  const { path } = operation;
  switch (operation.op) {
    case "add":
      return edit(document, path, { kind: "add", value: operation.value });
    case "replace":
      return edit(document, path, { kind: "replace", value: operation.value });
    case "remove":
      return edit(document, path, { kind: "remove" });
    case "copy":
      return edit(document, path, { kind: "add", value: valueAt(document, operation.from) });
    case "move": {
      const value = valueAt(document, operation.from);
      return edit(edit(document, operation.from, { kind: "remove" }), path, { kind: "add", value });
    }
    case "test":
      if (canonicalJson(valueAt(document, path)) === canonicalJson(operation.value)) {
        return document;
      }
      throw failed(`testing value ${path} failed`);
    default:
      return operation satisfies never;
  }
}

function partsOf(pointer: string): readonly string[] {
  const parts = pointer.split("/").slice(1);
  return parts.map((part) => part.replaceAll("~1", "/").replaceAll("~0", "~"));
}

function valueAt(document: unknown, pointer: string): unknown {
  let value = document;
  for (const part of partsOf(pointer)) {
    if (Array.isArray(value)) value = value[placeIn(value, part, pointer)] as unknown;
    else if (isJsonObject(value) && Object.hasOwn(value, part)) value = value[part];
    else throw missing(pointer);
  }
  return value;
}

type Edit =
  | { readonly kind: "add" | "replace"; readonly value: unknown }
  | { readonly kind: "remove" };

/** A copy of the document with one place of it edited. */
function edit(document: unknown, pointer: string, change: Edit): unknown {
  const parts = partsOf(pointer);
  if (parts.length === 0) {
    if (change.kind === "remove") throw failed("the whole document cannot be removed");
    return change.value;
  }
  return editAt(document, parts, { pointer, change });
}

interface Target {
  readonly pointer: string;
  readonly change: Edit;
}

function editAt(value: unknown, parts: readonly string[], target: Target): unknown {
  const [part = "", ...rest] = parts;
  if (Array.isArray(value)) return editList(value, part, rest, target);
  if (!isJsonObject(value)) throw missing(target.pointer);
  const fields = new Map(Object.entries(value));
  const { change, pointer } = target;
  if (rest.length === 0 && change.kind === "add") fields.set(part, change.value);
  else if (!fields.has(part)) throw missing(pointer);
  else if (rest.length > 0) fields.set(part, editAt(fields.get(part), rest, target));
  else if (change.kind === "remove") fields.delete(part);
  else fields.set(part, change.value);
  return Object.fromEntries(fields);
}

function editList(
  list: readonly unknown[],
  part: string,
  rest: readonly string[],
  target: Target,
): unknown {
  const { change, pointer } = target;
  if (rest.length === 0 && change.kind === "add") {
    const index = part === "-" ? list.length : placeIn(list, part, pointer, list.length);
    return list.toSpliced(index, 0, change.value);
  }
  const index = placeIn(list, part, pointer);
  if (rest.length > 0) return list.with(index, editAt(list[index], rest, target));
  return change.kind === "remove" ? list.toSpliced(index, 1) : list.with(index, change.value);
}

/** An index that is there, or up to `last`. Throws 422. */
function placeIn(
  list: readonly unknown[],
  part: string,
  pointer: string,
  last = list.length - 1,
): number {
  const index = /^(0|[1-9]\d{0,8})$/.test(part) ? Number(part) : -1;
  if (index >= 0 && index <= last) return index;
  throw failed(`${JSON.stringify(part)} in ${pointer} is no place of a list of ${list.length}`);
}

function missing(pointer: string): ApiFailure {
  return failed(`the path ${pointer} does not exist`);
}

function failed(why: string): ApiFailure {
  return new ApiFailure(
    422,
    "Invalid",
    `the server rejected our request due to an error in our request: ${why}`,
  );
}
