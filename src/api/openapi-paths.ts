import { apiVersionOf } from "../model/resources.ts";
import type { Resource } from "../model/resources.ts";
import { COMMON_NAMES, SCHEMA_PREFIX, listName } from "./openapi-names.ts";
import type { Part } from "./openapi-schema.ts";
import { SCALE_KIND } from "./scale.ts";

const JSON_TYPE = "application/json";
const MERGE_PATCH = "application/merge-patch+json";
const STRATEGIC_MERGE_PATCH = "application/strategic-merge-patch+json";
const EVICTION = { group: "policy", version: "v1", kind: "Eviction" };

/** Parameters of a query, by name: type and what it does. */
const PARAMETERS: Readonly<Record<string, readonly [type: string, description: string]>> = {
  allowWatchBookmarks: ["boolean", "Send now and then how far the watch has come."],
  container: ["string", "Name of the container, where the pod has several."],
  continue: ["string", "Go on after the part of the list that gave this."],
  dryRun: ["string", "With All, nothing is stored."],
  fieldManager: ["string", "Who writes."],
  fieldSelector: ["string", "Only objects with these values in these fields."],
  fieldValidation: ["string", "What becomes of fields that are unknown: Ignore, Warn or Strict."],
  follow: ["boolean", "Go on with what is written later."],
  force: ["boolean", "Take over fields of other managers; for apply patches alone."],
  labelSelector: ["string", "Only objects with these labels."],
  limit: ["integer", "So many objects in one part of the list."],
  limitBytes: ["integer", "So many bytes at most."],
  previous: ["boolean", "Of the container before the last restart."],
  resourceVersion: ["string", "The state to start from."],
  resourceVersionMatch: ["string", "Whether that very state is meant, or any that is not older."],
  sendInitialEvents: ["boolean", "Begin the watch with the objects that are there."],
  sinceSeconds: ["integer", "Not older than so many seconds."],
  tailLines: ["integer", "The last so many lines."],
  timeoutSeconds: ["integer", "End the watch after so many seconds."],
  timestamps: ["boolean", "Begin each line with its time."],
  watch: ["boolean", "Send changes as they happen."],
};

const LIST_QUERY: readonly string[] = [
  "allowWatchBookmarks",
  "continue",
  "fieldSelector",
  "labelSelector",
  "limit",
  "resourceVersion",
  "resourceVersionMatch",
  "sendInitialEvents",
  "timeoutSeconds",
  "watch",
];
const WRITE_QUERY: readonly string[] = ["dryRun", "fieldManager", "fieldValidation"];
const STREAM_QUERIES: Readonly<Record<"exec" | "attach" | "portforward", readonly string[]>> = {
  exec: ["command", "container", "stdin", "stdout", "stderr", "tty"],
  attach: ["container", "stdin", "stdout", "stderr", "tty"],
  portforward: ["ports"],
};
const LOG_QUERY: readonly string[] = [
  "container",
  "follow",
  "limitBytes",
  "previous",
  "sinceSeconds",
  "tailLines",
  "timestamps",
];

const TOKEN_KIND = {
  group: "authentication.k8s.io",
  version: "v1",
  kind: "TokenRequest",
} as const;

/** One thing that can be done at a path. */
interface Doing {
  /** As operation ids begin. */
  readonly verb: string;
  readonly action: string;
  readonly query: readonly string[];
  /** Component of the body, and its media types. */
  readonly body?: readonly [component: string, types: readonly string[]];
  /** Component of the answer; a text when absent. */
  readonly answer?: string;
  readonly code?: string;
  readonly gvk?: Part;
}

/** Paths of one resource, with what can be done at each. `component` is the name of its kind's schema. Pure. */
export function pathsOf(
  resource: Resource,
  component: string,
): readonly (readonly [string, Part])[] {
  const { plural, namespaced, subresources } = resource;
  const root = `/${resource.group === "" ? "api" : "apis"}/${apiVersionOf(resource)}`;
  const collection = `${root}${namespaced ? "/namespaces/{namespace}" : ""}/${plural}`;
  const item = `${collection}/{name}`;
  const [list, create] = collectionDoings(component);
  const at = (path: string, doings: Readonly<Record<string, Doing>>, suffix: string) =>
    [path, toPathItem(path, resource, doings, suffix)] as const;
  return [
    ...(namespaced ? [at(`${root}/${plural}`, { get: list }, "ForAllNamespaces")] : []),
    at(collection, { get: list, post: create }, ""),
    at(item, itemDoings(resource, component), ""),
    ...subresources.map((name) =>
      at(`${item}/${name}`, subresourceDoings(resource, component, name), titled(name)),
    ),
  ];
}

function collectionDoings(component: string): readonly [list: Doing, create: Doing] {
  return [
    { verb: "list", action: "list", query: LIST_QUERY, answer: listName(component) },
    {
      verb: "create",
      action: "post",
      query: WRITE_QUERY,
      body: [component, [JSON_TYPE]],
      answer: component,
      code: "201",
    },
  ];
}

function itemDoings(resource: Resource, component: string): Readonly<Record<string, Doing>> {
  return {
    ...stateDoings(resource, component),
    delete: {
      verb: "delete",
      action: "delete",
      query: ["dryRun"],
      body: [COMMON_NAMES.deleteOptions, [JSON_TYPE]],
      answer: COMMON_NAMES.status,
    },
  };
}

/** What an object and its status have in common. */
function stateDoings({ group }: Resource, component: string): Readonly<Record<string, Doing>> {
  // As for custom kinds: clients have no types of these, and merge them without keys.
  const patches = group === "berth.dev" ? [MERGE_PATCH] : [MERGE_PATCH, STRATEGIC_MERGE_PATCH];
  return {
    get: { verb: "read", action: "get", query: [], answer: component },
    put: {
      verb: "replace",
      action: "put",
      query: WRITE_QUERY,
      body: [component, [JSON_TYPE]],
      answer: component,
    },
    patch: {
      verb: "patch",
      action: "patch",
      query: [...WRITE_QUERY, "force"],
      body: [COMMON_NAMES.patch, patches],
      answer: component,
    },
  };
}

function subresourceDoings(
  resource: Resource,
  component: string,
  name: Resource["subresources"][number],
): Readonly<Record<string, Doing>> {
  switch (name) {
    case "log":
      return { get: { verb: "read", action: "get", query: LOG_QUERY } };
    case "exec":
    case "attach":
    case "portforward":
      return {
        get: { verb: "connect-get", action: "connect", query: STREAM_QUERIES[name] },
        post: { verb: "connect-post", action: "connect", query: STREAM_QUERIES[name] },
      };
    case "scale":
      return Object.fromEntries(
        Object.entries(stateDoings(resource, COMMON_NAMES.scale)).map(([method, doing]) => [
          method,
          { ...doing, gvk: SCALE_KIND },
        ]),
      );
    case "token":
      return {
        post: { verb: "create", action: "post", query: WRITE_QUERY, gvk: TOKEN_KIND, code: "201" },
      };
    case "eviction":
      return {
        post: {
          verb: "create",
          action: "post",
          query: WRITE_QUERY,
          body: [COMMON_NAMES.eviction, [JSON_TYPE]],
          answer: COMMON_NAMES.status,
          code: "201",
          gvk: EVICTION,
        },
      };
    default:
      return stateDoings(resource, component);
  }
}

function toPathItem(
  path: string,
  resource: Resource,
  doings: Readonly<Record<string, Doing>>,
  suffix: string,
): Part {
  const { kind, group, version } = resource;
  const isScoped = path.includes("{namespace}");
  const places = [...path.matchAll(/\{(\w+)\}/g)].map(([, name = ""]) => ({
    name,
    in: "path",
    required: true,
    schema: { type: "string" },
  }));
  const tag = [group === "" ? "core" : (group.split(".")[0] ?? ""), version].join("_");
  const id = `${tag.split("_").map(titled).join("")}${isScoped ? "Namespaced" : ""}${kind}${suffix}`;
  const operations = Object.entries(doings).map(([method, doing]) => [
    method,
    {
      tags: [tag],
      operationId: doing.verb + id,
      parameters: doing.query.map(toParameter),
      ...toBody(doing),
      responses: { [doing.code ?? "200"]: toAnswer(doing) },
      "x-kubernetes-action": doing.action,
      "x-kubernetes-group-version-kind": doing.gvk ?? { group, version, kind },
    },
  ]);
  return {
    ...Object.fromEntries(operations),
    ...(places.length > 0 ? { parameters: places } : {}),
  };
}

function toParameter(name: string): Part {
  const [type, description] = PARAMETERS[name] ?? ["string", ""];
  return { name, in: "query", description, schema: { type, uniqueItems: true } };
}

function toBody({ body }: Doing): Part {
  if (body === undefined) return {};
  const [component, types] = body;
  const schema = { $ref: SCHEMA_PREFIX + component };
  const content = Object.fromEntries(types.map((type) => [type, { schema }]));
  return { requestBody: { content, required: component !== COMMON_NAMES.deleteOptions } };
}

function toAnswer({ answer, code }: Doing): Part {
  const content =
    answer === undefined
      ? { "text/plain": { schema: { type: "string" } } }
      : { [JSON_TYPE]: { schema: { $ref: SCHEMA_PREFIX + answer } } };
  return { description: code === "201" ? "Created" : "OK", content };
}

function titled(word: string): string {
  return word.slice(0, 1).toUpperCase() + word.slice(1);
}
