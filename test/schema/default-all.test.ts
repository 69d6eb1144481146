import { readdirSync, readFileSync } from "node:fs";
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { ApiObject } from "../../src/model/meta.ts";
import { isHarmful } from "../../src/schema/check-object.ts";
import { defaultObject } from "../../src/schema/default-object.ts";
import { asFields, isFields } from "../../src/schema/fields.ts";
import type { JsonSchema } from "../../src/schema/json-schema.ts";
import { readYaml } from "../../src/schema/read-yaml.ts";
import { AHEAD, AHEAD_FILES, checkAhead } from "../support/ahead.ts";

const CORPUS = new URL("../corpus/", import.meta.url);
const KINDS = new Set(
  AHEAD.flatMap(({ title, properties }) =>
    properties?.["kind"] === undefined || title === "List" ? [] : [title ?? ""],
  ),
);

/** Every object of the corpus of valid manifests. */
const VALUES = ["valid/", "charts/"].flatMap((folder) =>
  readdirSync(new URL(folder, CORPUS)).flatMap((name) =>
    readYaml(readFileSync(new URL(folder + name, CORPUS), "utf8"))
      .documents.map(({ value }) => value)
      .filter((value) => KINDS.has(String(asFields(value)["kind"]))),
  ),
);

describe("the corpus", () => {
  it("has a valid object of every kind that can be declared", () => {
    const met = new Set(VALUES.map((value) => String(asFields(value)["kind"])));
    const declarable = AHEAD_FILES.flatMap((schema) => {
      const { kind } = asFields(schema.properties);
      const name = asFields(kind)["const"];
      return schema["x-not-declarable"] === undefined && typeof name === "string" ? [name] : [];
    });
    // Apps come with their own tests; a List is only a wrapper.
    expect(
      declarable.filter((kind) => !met.has(kind) && kind !== "App" && kind !== "List"),
    ).toEqual([]);
  });
});

describe("defaultObject", () => {
  const objects = VALUES.map((value) => checkAhead(value, "default").object).filter(
    (object) => object !== undefined,
  );

  it("changes nothing the second time, and never its input, whatever the kind", () => {
    expect(objects.length).toBe(VALUES.length);
    for (const object of objects) {
      const frozen = deepFreeze(structuredClone(object));
      expect(defaultObject(frozen, "other")).toEqual(object);
    }
  });

  it("gives what the schemas take", () => {
    for (const object of objects) {
      const again = checkAhead(object, "default");
      expect(again.findings.filter(isHarmful)).toEqual([]);
      expect(again.object).toEqual(object);
    }
  });
});

/** Defaults that hold only beside other fields: the functions know, the schemas cannot say. */
const CONDITIONAL: readonly string[] = [
  "JobSpec.backoffLimit",
  "JobSpec.podReplacementPolicy",
  "RollingUpdateStatefulSetStrategy.partition",
];

describe("the default words of schemas/", () => {
  const { met, differences } = compareDefaults();

  it("say what the functions fill in", () => expect(differences).toEqual([]));

  it("are all met", () => {
    const all = AHEAD_FILES.flatMap(statedDefaults);
    expect(all.length).toBeGreaterThan(50);
    expect(all.filter((name) => !met.has(name) && !NOT_MET.test(name))).toEqual([]);
  });
});

/** Types that no manifest of the corpus states: of Berth's own kinds, and of those that are read only or converted. */
const NOT_MET = /^(?:App|Release|Endpoint|Event|Lease|Node|Taint|HorizontalPodAutoscalerSpecV1)/;

/** Fields that defaulting has filled in, beside what the schema says of them. */
function compareDefaults(): { met: Set<string>; differences: string[] } {
  const met = new Set<string>();
  const differences: string[] = [];
  const byId = new Map(AHEAD_FILES.map((schema) => [schema.$id ?? "", schema]));
  const visit = (schema: JsonSchema, base: string, value: unknown, stated: unknown): void => {
    if (schema.$ref !== undefined) {
      const { href, hash } = new URL(schema.$ref, base);
      const id = href.replace(/#.*$/, "");
      const root = byId.get(id);
      const target = hash === "" ? root : root?.$defs?.[hash.replace("#/$defs/", "")];
      if (target !== undefined) visit(target, id, value, stated);
      return;
    }
    if (Array.isArray(value)) {
      const { items } = schema;
      if (items === undefined) return;
      value.forEach((item, index) => {
        visit(items, base, item, Array.isArray(stated) ? stated[index] : undefined);
      });
      return;
    }
    if (!isFields(value)) return;
    for (const [name, property] of Object.entries(schema.properties ?? {})) {
      if (typeof property !== "object") continue;
      const before = asFields(stated)[name];
      const label = `${schema.title ?? ""}.${name}`;
      if ("default" in property && property["x-ignored"] === undefined && before === undefined) {
        met.add(label);
        const same = JSON.stringify(value[name]) === JSON.stringify(property["default"]);
        if (!same && !CONDITIONAL.includes(label))
          differences.push(`${label}: ${JSON.stringify(value[name])}`);
      }
      if ("default" in property && before !== undefined) met.add(label);
      if (value[name] !== undefined) visit(property, base, value[name], before);
    }
  };
  for (const value of VALUES) {
    const { object } = checkAhead(value, "default");
    const { apiVersion, kind } = asFields(value);
    const isConverted = apiVersion !== object?.apiVersion;
    const id = `https://berth.dev/schemas/${String(apiVersion).replaceAll("/", ".")}.${String(kind)}.json`;
    const schema = byId.get(id);
    if (schema !== undefined && !isConverted) visit(schema, id, object, value);
  }
  return { met, differences };
}

function statedDefaults(schema: JsonSchema): string[] {
  const found: string[] = [];
  const walk = (node: unknown): void => {
    if (Array.isArray(node)) node.forEach(walk);
    if (!isFields(node)) return;
    for (const [name, property] of Object.entries(asFields(node["properties"]))) {
      if (isFields(property) && "default" in property && property["x-ignored"] === undefined)
        found.push(`${(node as JsonSchema).title ?? ""}.${name}`);
    }
    Object.values(node).forEach(walk);
  };
  walk(schema);
  return found;
}

describe("any valid manifest with a node of its tree changed", { timeout: 60_000 }, () => {
  const replacement = fc.constantFrom<unknown>(
    null,
    "",
    "a",
    "0",
    -1,
    0.5,
    1e300,
    true,
    [],
    {},
    [null],
    [{}],
    { a: null },
    "x".repeat(300),
  );

  it("is accepted, or refused with a field", () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...VALUES),
        fc.nat(),
        fc.constantFrom("delete", "rename", "replace", "swap"),
        replacement,
        (value, seed, how, other) => {
          const changed = mutate(value, { seed, how, other });
          if (!KINDS.has(String(asFields(changed)["kind"]))) return;
          if (asFields(changed)["apiVersion"] !== asFields(value)["apiVersion"]) return;
          const { object, findings } = checkAhead(changed, "default");
          for (const { message, path, code } of findings) {
            expect(message).not.toMatch(/undefined|\[object|NaN/);
            expect(code).toMatch(/^[a-z-]+\/[a-z-]+$/);
            expect(Array.isArray(path)).toBe(true);
          }
          if (object === undefined) expect(findings).not.toEqual([]);
          else expect(defaultObject(object, "default")).toEqual(object);
        },
      ),
      { numRuns: 800 },
    );
  });
});

interface Mutation {
  readonly seed: number;
  readonly how: string;
  readonly other: unknown;
}

/** A copy in which one node, chosen by the seed, is gone, renamed, replaced, or its parent. */
function mutate(value: unknown, { seed, how, other }: Mutation): unknown {
  const paths: (string | number)[][] = [];
  const walk = (node: unknown, path: (string | number)[]): void => {
    if (path.length > 0) paths.push(path);
    if (Array.isArray(node)) node.forEach((item, index) => walk(item, [...path, index]));
    else if (isFields(node))
      for (const [name, item] of Object.entries(node)) walk(item, [...path, name]);
  };
  walk(value, []);
  const path = paths[seed % paths.length] ?? [];
  const copy: unknown = structuredClone(value);
  let parent = copy as Record<string | number, unknown>;
  for (const part of path.slice(0, -1)) parent = parent[part] as typeof parent;
  const last = path.at(-1) ?? "";
  const own = parent[last];
  if (how === "replace") parent[last] = other;
  else if (how === "swap") parent[last] = [own];
  else if (Array.isArray(parent)) parent.splice(Number(last), 1);
  else {
    delete parent[last];
    if (how === "rename") parent[`${String(last)}x`] = own;
  }
  return copy;
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
