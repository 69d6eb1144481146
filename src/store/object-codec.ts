import { invariant } from "../base/assert.ts";
import type { ApiObject } from "../model/meta.ts";

/** Every stored text begins with this, so that the revision can be put in without parsing. */
const PREFIX: Buffer = Buffer.from('{"metadata":{');
const REVISION_FIELD = '"resourceVersion":"';
const COMMA = 0x2c;

/** The object's JSON as it is kept: `metadata` first, without `resourceVersion`. */
export function encodeObject(object: ApiObject): Uint8Array {
  const { metadata, ...rest } = object;
  const { resourceVersion: _, ...kept } = metadata;
  invariant(kept.name !== "", "an object without a name cannot be stored");
  return Buffer.from(JSON.stringify({ metadata: kept, ...rest }));
}

/** The kept JSON with `resourceVersion` put in, as the API and the watchers get it. */
export function spliceRevision(kept: Uint8Array, revision: number): Uint8Array {
  return insertRevision(kept, PREFIX.length, revision);
}

/** JSON that `spliceRevision` made, with another revision. */
export function replaceRevision(spliced: Uint8Array, revision: number): Uint8Array {
  return insertRevision(spliced, spliced.indexOf(COMMA, PREFIX.length) + 1, revision);
}

/** The object of JSON that `spliceRevision` made. */
export function decodeObject(spliced: Uint8Array): ApiObject {
  const { buffer, byteOffset, byteLength } = spliced;
  return JSON.parse(Buffer.from(buffer, byteOffset, byteLength).toString()) as ApiObject;
}

/** The same, frozen to its depths: for tests, where nobody may change what is shared. */
export function decodeFrozenObject(spliced: Uint8Array): ApiObject {
  return deepFreeze(decodeObject(spliced));
}

/** Memory of its own, not of Node's pool: a kept object would hold the pool's whole slab. */
function insertRevision(source: Uint8Array, restAt: number, revision: number): Uint8Array {
  invariant(source[PREFIX.length - 1] === PREFIX.at(-1), "stored bytes that are not an object");
  const field = `${REVISION_FIELD}${revision}",`;
  const start = PREFIX.length + field.length;
  const target = Buffer.allocUnsafeSlow(start + source.length - restAt);
  PREFIX.copy(target);
  target.write(field, PREFIX.length, "latin1");
  target.set(source.subarray(restAt), start);
  return target;
}

function deepFreeze<T>(value: T): T {
  if (typeof value !== "object" || value === null) return value;
  for (const item of Object.values(value)) deepFreeze(item);
  return Object.freeze(value);
}
