import type { ApiObject } from "../model/meta.ts";
import type { ObjectEvent, StoredObject } from "./object-store.ts";

export type Decode = (spliced: Uint8Array) => ApiObject;

/** An object as bytes; parsed when first looked at, once. */
export class CachedObject implements StoredObject {
  readonly bytes: Uint8Array;
  readonly revision: number;
  readonly #decode: Decode;
  #object: ApiObject | undefined;

  constructor(bytes: Uint8Array, revision: number, decode: Decode) {
    this.bytes = bytes;
    this.revision = revision;
    this.#decode = decode;
  }

  get object(): ApiObject {
    this.#object ??= this.#decode(this.bytes);
    return this.#object;
  }
}

/** A change whose objects are parsed only when somebody looks. */
export class CachedEvent implements ObjectEvent {
  readonly kind: ObjectEvent["kind"];
  readonly revision: number;
  readonly bytes: Uint8Array;
  readonly #current: CachedObject;
  readonly #previous: CachedObject | undefined;

  constructor(kind: ObjectEvent["kind"], current: CachedObject, previous?: CachedObject) {
    this.kind = kind;
    this.revision = current.revision;
    this.bytes = current.bytes;
    this.#current = current;
    this.#previous = previous;
  }

  get object(): ApiObject {
    return this.#current.object;
  }

  get previous(): ApiObject | undefined {
    return this.#previous?.object;
  }

  /** What the event holds in memory, beside what is parsed. */
  get size(): number {
    return this.bytes.length + (this.#previous?.bytes.length ?? 0);
  }
}
