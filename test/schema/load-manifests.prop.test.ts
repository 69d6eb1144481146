import { readdirSync, readFileSync } from "node:fs";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { ApiObject } from "../../src/model/meta.ts";
import { checkObject } from "../../src/schema/check-object.ts";
import { defaultObject } from "../../src/schema/default-object.ts";
import { loadManifests } from "../../src/schema/load-manifests.ts";
import { readYaml } from "../../src/schema/read-yaml.ts";

const VALID = new URL("../corpus/valid/", import.meta.url);
const TEXTS = readdirSync(VALID)
  .toSorted()
  .map((name) => readFileSync(new URL(name, VALID), "utf8"));
const VALUES = TEXTS.flatMap((text) => readYaml(text).documents.map((document) => document.value));
const OBJECTS = TEXTS.flatMap((text) =>
  load(new TextEncoder().encode(text)).manifests.map((manifest) => manifest.object),
);
/** Above what any input of these sizes takes, on a busy machine too: a hang is what it must tell. */
const TIME_LIMIT_MS = 5000;

function load(content: Uint8Array): ReturnType<typeof loadManifests> {
  return loadManifests([{ path: "a.yaml", content }], { namespace: "default" });
}

/** Whatever the bytes are: an answer, soon, in which every problem has a place in the file. */
function expectAnswer(content: Uint8Array): void {
  const started = performance.now();
  const { manifests, problems, warnings } = load(content);
  expect(performance.now() - started).toBeLessThan(TIME_LIMIT_MS);
  expect(manifests.length === 0 || problems.length === 0).toBe(true);
  const lines = new TextDecoder().decode(content).split("\n");
  for (const { at, code, message } of [...problems, ...warnings]) {
    expect(code).toMatch(/^[a-z-]+\/[a-z-]+$/);
    expect(message).not.toMatch(/undefined|\[object/);
    expect(at.line).toBeGreaterThanOrEqual(1);
    expect(at.line).toBeLessThanOrEqual(lines.length);
    expect(at.column).toBeGreaterThanOrEqual(1);
  }
}

describe("defaultObject", () => {
  it("changes nothing the second time, and never its input", () => {
    expect(OBJECTS.length).toBeGreaterThan(20);
    for (const object of OBJECTS) {
      const frozen = deepFreeze(structuredClone(object));
      expect(defaultObject(frozen, "other")).toEqual(object);
    }
  });

  it("gives what the schema takes as it is", () => {
    for (const object of OBJECTS) {
      const again = checkObject(object, "default");
      expect(again.findings.filter(({ code }) => code !== "security/root")).toEqual([]);
      expect(again.object).toEqual(object);
    }
  });
});

describe("loadManifests", { timeout: 60_000 }, () => {
  it("answers to random bytes", () => {
    fc.assert(fc.property(fc.uint8Array({ maxLength: 300 }), expectAnswer), { numRuns: 200 });
  });

  it("answers to random pieces of YAML", () => {
    const piece = fc.constantFrom(
      ..."- |? |: |[|]|{|}|,|#|&a |*a|!|!!str |'|\"|>|%|@|`|<<: |---|...|\t|\n|\n  |\n    | |~|null|0|1e9|.inf|.nan|kind: Pod|apiVersion: v1|metadata: |name: a|items: |\u0000|\uFEFF|\u2028|€".split(
        "|",
      ),
      "|",
    );
    const text = fc.array(piece, { maxLength: 60 }).map((parts) => parts.join(""));
    fc.assert(
      fc.property(text, (sample) => expectAnswer(new TextEncoder().encode(sample))),
      { numRuns: 400 },
    );
  });

  it("answers to valid manifests with a few bytes changed", () => {
    const edit = fc.record({
      at: fc.nat(5000),
      remove: fc.nat(6),
      insert: fc.constantFrom(
        "",
        " ",
        "\n",
        "\t",
        ":",
        "- ",
        '"',
        "{",
        "]",
        "*x",
        "&x ",
        "0",
        "null",
      ),
    });
    fc.assert(
      fc.property(
        fc.constantFrom(...TEXTS),
        fc.array(edit, { minLength: 1, maxLength: 4 }),
        (text, edits) => {
          let changed = text;
          for (const { at, remove, insert } of edits) {
            const place = at % (changed.length + 1);
            changed = changed.slice(0, place) + insert + changed.slice(place + remove);
          }
          expectAnswer(new TextEncoder().encode(changed));
        },
      ),
      { numRuns: 300 },
    );
  });
});

describe("checkObject", { timeout: 60_000 }, () => {
  const anything = fc.oneof(
    fc.constantFrom<unknown>(null, "", "a", "1", -1, 0.5, 1e300, Number.NaN, true, [], {}, [null], {
      a: null,
    }),
    fc.jsonValue({ maxDepth: 2 }),
  );

  it("answers to valid objects with any of their values exchanged", () => {
    const values = VALUES.filter((value) => isObject(value) && value["kind"] !== "List");
    fc.assert(
      fc.property(fc.constantFrom(...values), fc.nat(), anything, (value, seed, replacement) => {
        const changed = replaceOne(value, seed, replacement);
        const { object, findings } = checkObject(changed, "default");
        for (const { message } of findings) expect(message).not.toMatch(/undefined|\[object/);
        if (object === undefined) expect(findings).not.toEqual([]);
        else expect(defaultObject(object, "default")).toEqual(object);
      }),
      { numRuns: 600 },
    );
  });

  it("answers to any value", () => {
    fc.assert(
      fc.property(fc.anything(), (value) => {
        expect(checkObject(value, "default").findings).not.toEqual([]);
      }),
      { numRuns: 200 },
    );
  });
});

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null;
}

/** A copy in which one value, chosen by `seed`, is another one, or is gone. */
function replaceOne(value: unknown, seed: number, replacement: unknown): unknown {
  if (typeof value !== "object" || value === null) return replacement;
  const keys = Object.keys(value);
  const key = keys[seed % Math.max(keys.length, 1)];
  if (key === undefined || (seed % 7 === 0 && !Array.isArray(value))) return replacement;
  const rest = Math.floor(seed / Math.max(keys.length, 1));
  const inner = replaceOne((value as Readonly<Record<string, unknown>>)[key], rest, replacement);
  if (Array.isArray(value))
    return value.map((item: unknown, index) => (String(index) === key ? inner : item));
  return seed % 5 === 0
    ? Object.fromEntries(Object.entries(value).filter(([name]) => name !== key))
    : { ...value, [key]: inner };
}

function deepFreeze(value: ApiObject): ApiObject {
  const freeze = (part: unknown): void => {
    if (typeof part !== "object" || part === null) return;
    Object.values(part).forEach(freeze);
    Object.freeze(part);
  };
  freeze(value);
  return value;
}
