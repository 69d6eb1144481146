import * as fc from "fast-check";
import { expect, test } from "vitest";
import type { ApiObject } from "../../src/model/meta.ts";
import {
  decodeObject,
  encodeObject,
  replaceRevision,
  spliceRevision,
} from "../../src/store/object-codec.ts";

const object = {
  kind: "Pod",
  apiVersion: "v1",
  metadata: { resourceVersion: "7", name: "ä", namespace: "shop", labels: { a: "1,2" } },
  spec: { text: 'quote " and \\ and 😀' },
} as ApiObject;

test("what is kept begins with metadata, and has no resourceVersion", () => {
  expect(Buffer.from(encodeObject(object)).toString()).toBe(
    '{"metadata":{"name":"ä","namespace":"shop","labels":{"a":"1,2"}},"kind":"Pod","apiVersion":"v1","spec":{"text":"quote \\" and \\\\ and 😀"}}',
  );
});

test("the revision stands right behind that", () => {
  const spliced = spliceRevision(encodeObject(object), 123);
  expect(Buffer.from(spliced).toString()).toMatch(
    /^\{"metadata":\{"resourceVersion":"123","name":"ä"/,
  );
  expect(decodeObject(spliced)).toEqual({
    ...object,
    metadata: { ...object.metadata, resourceVersion: "123" },
  });
});

test("bytes are of their own memory, so that keeping them keeps nothing else", () => {
  const spliced = spliceRevision(encodeObject(object), 1);
  expect(spliced.buffer.byteLength).toBe(spliced.length);
});

test("whatever the metadata and the revision are, they come back", () => {
  const metadata = fc.record({
    name: fc.string({ minLength: 1 }),
    annotations: fc.dictionary(fc.string(), fc.string()),
  });
  const revision = fc.nat({ max: Number.MAX_SAFE_INTEGER });
  fc.assert(
    fc.property(metadata, revision, revision, fc.jsonValue(), (metadata, first, second, spec) => {
      const given = { apiVersion: "v1", kind: "Pod", metadata, spec };
      const kept = encodeObject(given);
      const spliced = spliceRevision(kept, first);
      const plain = JSON.parse(JSON.stringify(given)) as ApiObject;
      const at = (revision: number): unknown => ({
        ...plain,
        metadata: { ...plain.metadata, resourceVersion: String(revision) },
      });
      expect(decodeObject(spliced)).toEqual(at(first));
      expect(Buffer.compare(replaceRevision(spliced, second), spliceRevision(kept, second))).toBe(
        0,
      );
    }),
  );
});
