import { readdirSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { mergePaths } from "../../src/api/openapi-merge-keys.ts";
import { createOpenApi } from "../../src/api/openapi.ts";
import type { OpenApi } from "../../src/api/openapi.ts";
import { readSchemaFiles } from "../../src/api/schema-files.ts";
import { RESOURCES, apiVersionOf } from "../../src/model/resources.ts";
import type { SchemaFiles } from "../../src/schema/schema-tree.ts";
import { SCHEMA_FILES } from "../support/schema-files.ts";

type Part = Readonly<Record<string, unknown>>;

interface Document {
  readonly components: { readonly schemas: Readonly<Record<string, Schema>> };
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
}

interface Schema extends Part {
  readonly description?: string;
  readonly type?: string;
  readonly properties?: Readonly<Record<string, Schema>>;
}

interface Operation extends Part {
  readonly operationId: string;
  readonly parameters: readonly { readonly name: string; readonly in: string }[];
  readonly requestBody?: { readonly content: Part };
  readonly responses: Part;
}

/** All of the bytes of the documents of OpenAPI 3 together: `kubectl` keeps them on disk. */
const MAX_BYTES = 1_000_000;
const METHODS = new Set(["get", "put", "post", "delete", "patch"]);
/** What OpenAPI 3.0 knows of JSON Schema. */
const SCHEMA_WORDS = new Set(
  (
    "$ref additionalProperties allOf default description enum format items maxItems maxLength maxProperties maximum " +
    "minItems minLength minProperties minimum oneOf properties required type"
  ).split(" "),
);
const TYPES = new Set(["array", "boolean", "integer", "number", "object", "string"]);

const openApi = createOpenApi("0.1.0", () => Promise.resolve(SCHEMA_FILES));
const names = [...new Set(RESOURCES.map(nameOf))];
const documents = new Map<string, Document>();
for (const name of names) documents.set(name, await read(openApi, `/openapi/v3/${name}`));

function nameOf(resource: (typeof RESOURCES)[number]): string {
  return `${resource.group === "" ? "api" : "apis"}/${apiVersionOf(resource)}`;
}

async function read<T>(from: OpenApi, path: string): Promise<T> {
  const made = await from.document(path);
  if (made === undefined) throw new Error(`there is no ${path}`);
  return JSON.parse(made.content.toString()) as T;
}

function schemaOf(name: string, component: string): Schema {
  const schema = documents.get(name)?.components.schemas[component];
  if (schema === undefined) throw new Error(`${name} has no ${component}`);
  return schema;
}

/** Every schema of a document, with the path to it. */
function* schemasOf(document: Document): Generator<readonly [string, Schema]> {
  for (const [name, schema] of Object.entries(document.components.schemas)) {
    yield* below(name, schema);
  }
}

function* below(path: string, schema: Schema): Generator<readonly [string, Schema]> {
  yield [path, schema];
  const { items, additionalProperties, allOf = [], oneOf = [], properties = {} } = schema;
  for (const [name, property] of Object.entries(properties))
    yield* below(`${path}.${name}`, property);
  for (const inner of [items, additionalProperties, ...(allOf as []), ...(oneOf as [])]) {
    if (typeof inner === "object" && inner !== null) yield* below(`${path}[]`, inner as Schema);
  }
}

describe("the index", () => {
  test("names each group and version with a hash, and a path that leads to its document", async () => {
    const { paths } = await read<{ paths: Record<string, { serverRelativeURL: string }> }>(
      openApi,
      "/openapi/v3",
    );
    expect(Object.keys(paths)).toEqual(names);
    for (const [name, { serverRelativeURL }] of Object.entries(paths)) {
      expect(serverRelativeURL).toMatch(new RegExp(`^/openapi/v3/${name}\\?hash=[0-9a-z]{24}$`));
    }
  });

  test("has another hash when a schema or the version is another", async () => {
    const [file = "", schema = {}] = [...SCHEMA_FILES][0] ?? [];
    const other: SchemaFiles = new Map([...SCHEMA_FILES, [file, { ...schema, description: "x" }]]);
    const indexOf = async (version: string, files: SchemaFiles): Promise<string> =>
      JSON.stringify(
        await read(
          createOpenApi(version, () => Promise.resolve(files)),
          "/openapi/v3",
        ),
      );
    const index = await indexOf("0.1.0", SCHEMA_FILES);
    expect(await indexOf("0.1.0", other)).not.toBe(index);
    expect(await indexOf("0.1.1", SCHEMA_FILES)).not.toBe(index);
    expect(await indexOf("0.1.0", new Map(SCHEMA_FILES))).toBe(index);
  });
});

describe("documents", () => {
  test("are read once and kept; what failed is tried again", async () => {
    let reads = 0;
    const failing = createOpenApi("0.1.0", () => {
      reads += 1;
      return reads === 1 ? Promise.reject(new Error("no disk")) : Promise.resolve(SCHEMA_FILES);
    });
    expect(reads).toBe(0);
    await expect(failing.document("/openapi/v3/apis/apps/v1")).rejects.toThrow("no disk");
    const first = await failing.document("/openapi/v3/apis/apps/v1");
    expect(await failing.document("/openapi/v3/apis/apps/v1")).toBe(first);
    expect(reads).toBe(2);
    expect(first?.tag).toMatch(/^"[0-9a-f]{64}"$/);
  });

  test.each(["/openapi/v3/apis/none/v1", "/openapi/v3/", "/openapi/v4", "/openapi/v3/apis/apps"])(
    "are not there at %s",
    (path) => expect(openApi.document(path)).toBeUndefined(),
  );

  test("are small together", async () => {
    let bytes = 0;
    for (const name of names) {
      bytes += (await openApi.document(`/openapi/v3/${name}`))?.content.length ?? 0;
    }
    expect(bytes).toBeLessThan(MAX_BYTES);
  });

  test("are made of the schemas that the package ships", async () => {
    const shipped = await readSchemaFiles();
    expect([...shipped.keys()].toSorted()).toEqual([...SCHEMA_FILES.keys()].toSorted());
  });
});

describe.each(names)("%s", (name) => {
  const document = documents.get(name) as Document;

  test("refers only to schemas that it has", () => {
    const text = JSON.stringify(document);
    const refs = [...text.matchAll(/"\$ref":"#\/components\/schemas\/([^"]+)"/g)].map(
      ([, to]) => to,
    );
    expect(refs.length).toBeGreaterThan(10);
    const have = new Set(Object.keys(document.components.schemas));
    expect(refs.filter((to) => !have.has(to ?? ""))).toEqual([]);
    // `$ref` is also the name of a field: of the schemas of custom kinds.
    const others = [...text.matchAll(/"\$ref":"([^"]+)"/g)].map(([, to]) => to);
    expect(others.filter((to) => to?.startsWith("#/components/schemas/") !== true)).toEqual([]);
  });

  test("says nothing that OpenAPI 3.0 does not know", () => {
    const wrong: string[] = [];
    for (const [path, schema] of schemasOf(document)) {
      for (const word of Object.keys(schema)) {
        if (!SCHEMA_WORDS.has(word) && !word.startsWith("x-kubernetes-"))
          wrong.push(`${path} ${word}`);
      }
      const { type, items, required, properties } = schema;
      if (type !== undefined && !TYPES.has(type)) wrong.push(`${path}: type ${type}`);
      if (type === "array" && typeof items !== "object") wrong.push(`${path}: no items`);
      if ("$ref" in schema && Object.keys(schema).length > 1)
        wrong.push(`${path}: words beside $ref`);
      for (const field of (required ?? []) as string[]) {
        if (!Object.hasOwn(properties ?? {}, field)) wrong.push(`${path}: requires ${field}`);
      }
    }
    expect(wrong).toEqual([]);
  });

  test("has operations with ids of their own, and every part of their paths as a parameter", () => {
    const ids: string[] = [];
    for (const [path, item] of Object.entries(document.paths)) {
      const places = [...path.matchAll(/\{(\w+)\}/g)].map(([, place]) => place);
      const stated = (item["parameters"] ?? []) as unknown as Operation["parameters"];
      expect(stated.map((parameter) => parameter.name)).toEqual(places);
      for (const [method, operation] of Object.entries(item)) {
        if (method === "parameters") continue;
        expect(METHODS).toContain(method);
        expect(Object.keys(operation.responses)).not.toEqual([]);
        expect(operation["x-kubernetes-group-version-kind"]).toBeDefined();
        ids.push(operation.operationId);
      }
    }
    expect(new Set(ids).size).toBe(ids.length);
  });

  test("has every kind of the group: its schema, its list, and patches that the server validates", () => {
    for (const resource of RESOURCES.filter((one) => nameOf(one) === name)) {
      const { group, version, kind, plural, namespaced } = resource;
      for (const wanted of [kind, `${kind}List`]) {
        const gvk = { group, version, kind: wanted };
        const found = Object.values(document.components.schemas).filter((schema) =>
          JSON.stringify(schema["x-kubernetes-group-version-kind"] ?? []).includes(
            JSON.stringify(gvk),
          ),
        );
        expect(found).toHaveLength(1);
      }
      const scope = namespaced ? "namespaces/{namespace}/" : "";
      const patches = Object.entries(document.paths)
        .filter(([path]) => path.startsWith(`/${name}/${scope}${plural}/{name}`))
        .flatMap(([, item]) => (item["patch"] === undefined ? [] : [item["patch"]]));
      expect(patches.length).toBeGreaterThan(0);
      for (const { parameters, requestBody } of patches) {
        expect(parameters.map((parameter) => parameter.name)).toContain("fieldValidation");
        const strategic = "application/strategic-merge-patch+json" in (requestBody?.content ?? {});
        expect(strategic).toBe(group !== "berth.dev");
      }
    }
  });
});

describe("schemas", () => {
  const models = new Set(
    readdirSync(
      new URL("../../node_modules/@kubernetes/client-node/dist/gen/models/", import.meta.url),
    )
      .filter((file) => file.endsWith(".d.ts"))
      .map((file) => file.replace(/\.d\.ts$/, "").replace(/^(?:[A-Z][a-z]+)?V\d+(?=[A-Z])/, "")),
  );
  // Not models there, but names all the same; the last came with Kubernetes 1.34.
  const own = new Set(["IntOrString", "Patch", "Quantity", "FileKeySelector"]);

  test("have the names that Kubernetes gives them", () => {
    const all = new Set(
      [...documents.values()].flatMap((one) => Object.keys(one.components.schemas)),
    );
    const foreign = [...all]
      .filter((name) => name.startsWith("io.k8s."))
      .map((name) => name.split(".").at(-1) ?? "")
      .filter((kind) => !models.has(kind) && !own.has(kind));
    expect(foreign).toEqual([]);
    expect([...all]).toEqual(
      expect.arrayContaining([
        "io.k8s.api.apps.v1.Deployment",
        "io.k8s.api.core.v1.PodTemplateSpec",
        "io.k8s.api.networking.v1.IngressSpec",
        "io.k8s.api.rbac.v1.PolicyRule",
        "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta",
        "dev.berth.v1.App",
      ]),
    );
  });

  test("say of what is not supported that it is not", () => {
    const states = new Map<string, Schema>();
    for (const document of documents.values()) {
      for (const [path, schema] of schemasOf(document)) states.set(path, schema);
    }
    const says = (path: string): string => states.get(path)?.description ?? "";
    const meta = "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta";
    expect(says(`${meta}.uid`)).toBe(
      "Tells objects of the same name apart. Ignored in manifests: written by the cluster.",
    );
    expect(says(`${meta}.generateName`)).toMatch(
      / Refused in manifests: an object in Git needs a name/,
    );
    expect(says(`${meta}.clusterName`)).toMatch(
      /^Refused in manifests: Kubernetes dropped this field/,
    );
    expect(says("io.k8s.api.core.v1.Container.readinessProbe")).toBe(
      "While it fails, no Service sends traffic to the pod. terminationGracePeriodSeconds is not to be set here.",
    );
  });

  test("say so of a field and of values whose turn has not come", async () => {
    const pod = SCHEMA_FILES.get("shared/pod.json") ?? {};
    const podSpec = pod.$defs?.["podSpec"] ?? {};
    const properties = {
      ...podSpec.properties,
      hostname: { description: "Its name.", type: "string", "x-not-yet": true },
      dnsPolicy: { enum: ["Default"], "x-not-yet-values": ["None"] },
    };
    const changed = { ...podSpec, properties, "x-not-yet": ["later"] };
    const files: SchemaFiles = new Map([
      ...SCHEMA_FILES,
      ["shared/pod.json", { ...pod, $defs: { ...pod.$defs, podSpec: changed } }],
    ]);
    const from = createOpenApi("0.1.0", () => Promise.resolve(files));
    const made = await read<Document>(from, "/openapi/v3/api/v1");
    const spec = made.components.schemas["io.k8s.api.core.v1.PodSpec"]?.properties ?? {};
    expect(spec["hostname"]?.description).toBe(
      "Its name. Not supported yet: a manifest with it is refused.",
    );
    expect(spec["later"]?.description).toBe("Not supported yet: a manifest with it is refused.");
    expect(spec["dnsPolicy"]).toEqual({
      description: "None is not supported yet.",
      type: "string",
      enum: ["Default"],
    });
  });

  test("hold numbers, quantities and what is either in Kubernetes' forms", () => {
    const spec = schemaOf("apis/apps/v1", "io.k8s.api.apps.v1.DeploymentSpec").properties;
    expect(spec?.["replicas"]).toMatchObject({ type: "integer", format: "int32", default: 1 });
    const rolling = schemaOf("apis/apps/v1", "io.k8s.api.apps.v1.RollingUpdateDeployment");
    const either = "#/components/schemas/io.k8s.apimachinery.pkg.util.intstr.IntOrString";
    expect(rolling.properties?.["maxSurge"]).toMatchObject({ allOf: [{ $ref: either }] });
    const resources = schemaOf("api/v1", "io.k8s.api.core.v1.ResourceRequirements").properties;
    const quantity = "#/components/schemas/io.k8s.apimachinery.pkg.api.resource.Quantity";
    expect(resources?.["limits"]).toMatchObject({
      type: "object",
      additionalProperties: { allOf: [{ $ref: quantity }] },
    });
    expect(schemaOf("api/v1", "io.k8s.api.core.v1.Secret").properties?.["data"]).toMatchObject({
      additionalProperties: { type: "string", format: "byte" },
    });
  });

  test("tell how lists are merged, of fields that are there", () => {
    const containers = schemaOf("api/v1", "io.k8s.api.core.v1.PodSpec").properties?.["containers"];
    expect(containers).toMatchObject({
      "x-kubernetes-patch-merge-key": "name",
      "x-kubernetes-patch-strategy": "merge",
      "x-kubernetes-list-type": "map",
      "x-kubernetes-list-map-keys": ["name"],
    });
    const have = new Set(
      [...documents.values()].flatMap((document) =>
        Object.entries(document.components.schemas).flatMap(([name, schema]) =>
          [name, ...Object.keys(schema.properties ?? {}).map((field) => `${name}.${field}`)].map(
            (path) => path.replace(/^io\.k8s\.(?:api\.|[^.]+\.pkg\.apis\.)/, ""),
          ),
        ),
      ),
    );
    expect(mergePaths().filter((path) => !have.has(path))).toEqual([]);
  });
});

describe("OpenAPI 2", () => {
  test("has the definitions and paths of all documents, and refers to them alone", async () => {
    const v2 = await read<{ swagger: string; definitions: Part; paths: Part }>(
      openApi,
      "/openapi/v2",
    );
    expect(v2.swagger).toBe("2.0");
    const all = [...documents.values()];
    const components = new Set(all.flatMap((one) => Object.keys(one.components.schemas)));
    expect(new Set(Object.keys(v2.definitions))).toEqual(components);
    expect(Object.keys(v2.paths)).toEqual(all.flatMap((one) => Object.keys(one.paths)));
    const text = JSON.stringify(v2);
    expect(text).not.toContain("#/components/");
    for (const word of ["oneOf", "allOf", "requestBody", "content"]) {
      expect(text).not.toMatch(new RegExp(`"${word}":[[{]"?\\$?(?:ref|application)`));
    }
    for (const [, to = ""] of text.matchAll(/"#\/definitions\/([^"]+)"/g)) {
      expect(components.has(to)).toBe(true);
    }
    const patch = (v2.paths["/apis/apps/v1/namespaces/{namespace}/deployments/{name}"] as Part)[
      "patch"
    ];
    expect(patch).toMatchObject({
      consumes: expect.arrayContaining(["application/merge-patch+json"]),
      parameters: expect.arrayContaining([
        expect.objectContaining({ name: "fieldValidation", in: "query", type: "string" }),
        expect.objectContaining({ name: "body", in: "body" }),
      ]),
    });
  });
});
