import { readdirSync, readFileSync } from "node:fs";
import * as kubernetes from "@kubernetes/client-node";
import { describe, expect, it } from "vitest";
import type { JsonSchema } from "../../src/schema/json-schema.ts";

/*
 * Kubernetes 1.33 as its generated client knows it, against schemas/: each field is there, in one state, of the same
 * type, and none is ours alone unless it is named here.
 */

const FOLDER = new URL("../../schemas/", import.meta.url);

const FILES: ReadonlyMap<string, JsonSchema> = new Map(
  readdirSync(FOLDER, { recursive: true })
    .map(String)
    .filter((name) => /^(?:shared\/)?[^/]+\.json$/.test(name) && name !== "known-kinds.json")
    .map((name) => [name, JSON.parse(readFileSync(new URL(name, FOLDER), "utf8")) as JsonSchema]),
);

/** Kinds of Berth's own, and the wrapper that a manifest is taken out of. */
const NOT_OF_KUBERNETES = ["berth.dev.v1.App.json", "berth.dev.v1.Release.json", "v1.List.json"];

/** Fields that only schemas/ have, with their place as `Type.field`. */
const OURS: Readonly<Record<string, string>> = {
  "V2HorizontalPodAutoscalerStatus.history": "what was wished for lately, for the windows",
  "V1ObjectMeta.clusterName": "Kubernetes had it until 1.24",
  "V1Container.restartPolicyRules": "Kubernetes 1.34",
  "V1EnvVarSource.fileKeyRef": "Kubernetes 1.34",
  "V1PodSpec.hostnameOverride": "Kubernetes 1.34",
  "V1PodSpec.workloadRef": "Kubernetes 1.35",
};

/** Conditions of all kinds share one type here; in Kubernetes each kind lacks some of its fields. */
const CONDITION = /^V\d\w*Condition$/;

/** `Type.field` that schemas/ leave out. */
const LEFT_OUT: readonly string[] = [];

interface Attribute {
  readonly baseName: string;
  readonly type: string;
  readonly format: string;
}

type Model = { readonly attributeTypeMap: readonly Attribute[] };

const MODELS = kubernetes as unknown as Readonly<Record<string, Model | undefined>>;

interface Place {
  readonly schema: JsonSchema;
  readonly file: string;
}

/** The schema that a `$ref` names, with what stands beside the reference. */
function resolved({ schema, file }: Place): Place {
  if (schema.$ref === undefined) return { schema, file };
  const [name = "", pointer = ""] = schema.$ref.split("#");
  const target = name === "" ? file : new URL(name, `file:///${file}`).pathname.slice(1);
  const root = FILES.get(target);
  const found = pointer === "" ? root : root?.$defs?.[pointer.replace("/$defs/", "")];
  if (found === undefined) throw new Error(`${file}: there is no ${schema.$ref}`);
  const { $ref: _, ...beside } = schema;
  const inner = resolved({ schema: found, file: target });
  const properties = { ...inner.schema.properties };
  for (const [name, more] of Object.entries(beside.properties ?? {})) {
    const there = properties[name];
    properties[name] =
      typeof there === "object" && typeof more === "object" ? { ...there, ...more } : more;
  }
  return {
    file: inner.file,
    schema: {
      ...inner.schema,
      ...beside,
      ...(inner.schema.properties === undefined ? {} : { properties }),
    },
  };
}

class Comparison {
  readonly differences = new Set<string>();
  readonly met = new Set<string>();
  #seen = new Set<string>();

  compare(place: Place, type: string, where: string): void {
    const list = /^Array<(.+)>$/.exec(type)?.[1];
    const value = /^\{ \[key: string\]: (.+); \}$/.exec(type)?.[1];
    const target = resolved(place);
    if (list !== undefined) this.#compareList(target, list, where);
    else if (value !== undefined) this.#compareMap(target, value, where);
    else if (MODELS[type]?.attributeTypeMap !== undefined) this.#compareModel(target, type, where);
    else this.#compareScalar(target.schema, type, where);
  }

  #compareList({ schema, file }: Place, type: string, where: string): void {
    if (schema.type === "array") {
      this.compare({ schema: schema.items ?? {}, file }, type, `${where}[]`);
    } else this.differences.add(`${where} must be a list`);
  }

  #compareMap({ schema, file }: Place, type: string, where: string): void {
    const { additionalProperties: values } = schema;
    if (schema["x-map"] === true) {
      for (const property of Object.values(schema.properties ?? {})) {
        if (typeof property === "object") this.compare({ schema: property, file }, type, where);
      }
    } else if (schema.type === "object" && typeof values === "object") {
      this.compare({ schema: values, file }, type, `${where}.*`);
    } else this.differences.add(`${where} must be a map`);
  }

  #compareModel(place: Place, type: string, where: string): void {
    const { schema, file } = place;
    const key = `${type} ${file} ${schema.title ?? where}`;
    if (this.#seen.has(key)) return;
    this.#seen.add(key);
    if (schema.type !== "object") {
      this.differences.add(`${where} must be a map (${type})`);
      return;
    }
    const listed = [
      ...(Array.isArray(schema["x-not-yet"]) ? (schema["x-not-yet"] as string[]) : []),
      ...(typeof schema["x-refused"] === "object" ? Object.keys(schema["x-refused"]) : []),
    ];
    const described = schema.properties ?? {};
    const attributes = MODELS[type]?.attributeTypeMap ?? [];
    for (const { baseName, type: fieldType, format } of attributes) {
      const field = described[baseName];
      const at = `${where}.${baseName}`;
      if (field === undefined) {
        if (listed.includes(baseName)) continue;
        if (LEFT_OUT.includes(`${type}.${baseName}`)) this.met.add(`${type}.${baseName}`);
        else this.differences.add(`${at} is missing (${type})`);
      } else if (typeof field === "object") {
        if (stateWords(field).length > 1) this.differences.add(`${at} is in two states`);
        if (listed.includes(baseName)) this.differences.add(`${at} is told twice`);
        // What is inside of a refused field is refused with it, and need not be described.
        if (typeof field["x-refused"] === "string" && isOpaque(field)) continue;
        this.compare({ schema: field, file }, withFormat(fieldType, format), at);
      }
    }
    const known = new Set(attributes.map(({ baseName }) => baseName));
    for (const name of [...Object.keys(described), ...listed]) {
      if (known.has(name) || CONDITION.test(type)) continue;
      if (OURS[`${type}.${name}`] === undefined) {
        this.differences.add(`${where}.${name} is no field of ${type}`);
      } else this.met.add(`${type}.${name}`);
    }
  }

  #compareScalar(schema: JsonSchema, type: string, where: string): void {
    const allowed = SCALARS[type];
    const ours = typesOf(schema);
    if (allowed === undefined || allowed.some((set) => set === ours)) return;
    this.differences.add(`${where} is ${ours}, and must be ${allowed.join(" or ")}`);
  }
}

function stateWords(field: JsonSchema): readonly string[] {
  return [
    ...(field["x-not-yet"] === true ? ["not yet"] : []),
    ...(typeof field["x-ignored"] === "string" ? ["ignored"] : []),
    ...(typeof field["x-refused"] === "string" ? ["refused"] : []),
  ];
}

function isOpaque({ type, properties }: JsonSchema): boolean {
  return type === "object" && properties === undefined;
}

function withFormat(type: string, format: string): string {
  return type === "string" && format === "int-or-string" ? "IntOrString" : type;
}

/** Types of Kubernetes' client and what they may be in a schema; what is not listed may be anything. */
const SCALARS: Readonly<Record<string, readonly string[]>> = {
  boolean: ["boolean"],
  Date: ["date-time"],
  IntOrString: ["integer,string"],
  V1MicroTime: ["date-time"],
  number: ["integer", "number"],
  string: ["string", "number,string", "date-time"],
};

function typesOf(schema: JsonSchema): string {
  if (schema.format === "date-time") return "date-time";
  const values = schema.enum ?? (schema.const === undefined ? undefined : [schema.const]);
  const types = values?.map((value) => typeof value) ?? [schema.type ?? "anything"].flat();
  return [...new Set(types)].toSorted().join(",");
}

/** The client's name of a kind's type. */
function modelName(apiVersion: string, kind: string): string {
  const version = (apiVersion.split("/").at(-1) ?? "").toUpperCase();
  return kind === "Event" ? "CoreV1Event" : `${version}${kind}`;
}

const ROOTS = [...FILES].flatMap(([file, schema]) => {
  const { apiVersion, kind } = (schema.properties ?? {}) as Record<string, JsonSchema | undefined>;
  if (apiVersion === undefined || kind === undefined || NOT_OF_KUBERNETES.includes(file)) return [];
  return [{ file, schema, model: modelName(String(apiVersion.const), String(kind.const)) }];
});

const met = new Set<string>();

describe("schemas/ beside Kubernetes 1.33", () => {
  it.each(ROOTS)("$file has the fields of $model, and no others", ({ file, schema, model }) => {
    expect(MODELS[model], model).toBeDefined();
    const comparison = new Comparison();
    comparison.compare({ schema, file }, model, schema.title ?? "");
    expect([...comparison.differences]).toEqual([]);
    for (const name of comparison.met) met.add(name);
  });

  it("names no exception that is none", () => {
    expect([...met].toSorted()).toEqual([...Object.keys(OURS), ...LEFT_OUT].toSorted());
  });
});
