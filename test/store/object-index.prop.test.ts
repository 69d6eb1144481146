import * as fc from "fast-check";
import { expect, test } from "vitest";
import { CachedObject } from "../../src/store/cached-object.ts";
import { decodeObject } from "../../src/store/object-codec.ts";
import { ObjectIndex, type Place } from "../../src/store/object-index.ts";

const place = fc.record({
  shelf: fc.constantFrom("/core/pods/", "/apps/deployments/"),
  namespace: fc.constantFrom("a", "b", "a-b", "B"),
  name: fc.constantFrom("1", "10", "2", "x", "X", "é"),
});
const step = fc.record({ place, kind: fc.constantFrom("set", "set", "delete") });

test("whatever comes and goes, it is as a sorted map", () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const index = new ObjectIndex();
      const model = new Map<string, { readonly place: Place; readonly object: CachedObject }>();
      for (const { place, kind } of steps) {
        const key = `${place.shelf}\n${place.namespace}\n${place.name}`;
        const object = new CachedObject(new Uint8Array(), model.size, decodeObject);
        if (kind === "set") {
          index.set(place, object);
          model.set(key, { place, object });
        } else {
          index.delete(place);
          model.delete(key);
        }
        expect(index.get(place)).toBe(model.get(key)?.object);
        expect(index.size).toBe(model.size);
      }
      const all = [...model].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([, one]) => one);
      expect([...index.places()].length).toBe(model.size);
      for (const shelf of ["/core/pods/", "/apps/deployments/"]) {
        const ofShelf = all.filter((one) => one.place.shelf === shelf);
        expect(index.list(shelf)).toEqual(ofShelf.map((one) => one.object));
        for (const namespace of ["a", "b", "a-b", "B", "none"]) {
          const wanted = ofShelf.filter((one) => one.place.namespace === namespace);
          const found = index.list(shelf, namespace);
          expect(found.length).toBe(wanted.length);
          for (const [at, object] of found.entries()) expect(object).toBe(wanted[at]?.object);
        }
      }
    }),
  );
});
