import type { Resource } from "../model/resources.ts";
import { COMMON_NAMES, SCHEMA_PREFIX, listName } from "./openapi-names.ts";
import type { Components, Part } from "./openapi-schema.ts";
import { SCALE_KIND } from "./scale.ts";

const API_FIELDS: Part = {
  apiVersion: {
    description: "Group and version of the kind: says which schema the object follows.",
    type: "string",
  },
  kind: { description: "What the object is.", type: "string" },
};

const text = (description: string): Part => ({ description, type: "string" });
const count = (description: string): Part => ({ description, type: "integer", format: "int64" });
const common = (name: keyof typeof COMMON_NAMES, description: string): Part => ({
  description,
  allOf: [{ $ref: SCHEMA_PREFIX + COMMON_NAMES[name] }],
});

const LIST_META: Part = {
  description: "Where a list stands in time, and where it goes on.",
  type: "object",
  properties: {
    continue: text("Asks for the next part of a list that came in parts."),
    remainingItemCount: count("How many objects follow this part."),
    resourceVersion: text("The state that the list shows: a watch goes on from there."),
    selfLink: text("Kubernetes no longer fills it."),
  },
};

const PRECONDITIONS: Part = {
  description: "What must hold of an object for it to be deleted.",
  type: "object",
  properties: {
    resourceVersion: text("It has not changed since this version."),
    uid: text("It is the one with this uid, and not a later one of the same name."),
  },
};

const STATUS_DETAILS: Part = {
  description: "Which object it is about, and each single reason.",
  type: "object",
  properties: {
    causes: {
      description: "Each single reason, with the field that it is about.",
      type: "array",
      items: {
        type: "object",
        properties: {
          field: text("Path of the field."),
          message: text("A sentence for people."),
          reason: text("One CamelCase word for programs."),
        },
      },
    },
    group: text("Group of the resource."),
    kind: text("Plural of the resource."),
    name: text("Name of the object."),
    retryAfterSeconds: count("After so many seconds it may be tried again."),
    uid: text("Uid of the object."),
  },
};

const STATUS: Part = {
  description: "How a request ended that answers with no object.",
  type: "object",
  properties: {
    ...API_FIELDS,
    code: count("HTTP status."),
    details: STATUS_DETAILS,
    message: text("A sentence for people."),
    metadata: common("listMeta", "Of the list that was asked for."),
    reason: text("One CamelCase word for programs."),
    status: { ...text("Success or Failure."), enum: ["Success", "Failure"] },
  },
};

const EVICTION: Part = {
  description: "Asks for the end of a pod as far as budgets allow it.",
  type: "object",
  properties: {
    ...API_FIELDS,
    deleteOptions: common("deleteOptions", "How the pod is ended."),
    metadata: common("objectMeta", "Names the pod."),
  },
  "x-kubernetes-group-version-kind": [{ group: "policy", version: "v1", kind: "Eviction" }],
};

const SCALE: Part = {
  description: "How many pods there are to be, and are.",
  type: "object",
  properties: {
    ...API_FIELDS,
    metadata: common("objectMeta", "Names the object."),
    spec: {
      description: "What is wanted.",
      type: "object",
      properties: { replicas: count("So many pods there are to be.") },
    },
    status: {
      description: "How it stands.",
      type: "object",
      properties: {
        replicas: count("So many pods there are."),
        selector: text("Labels by which the pods are found."),
      },
    },
  },
  "x-kubernetes-group-version-kind": [SCALE_KIND],
};

/** What the documents of a group and version name beside their kinds. Changes `into`. */
export function addCommon(resources: readonly Resource[], into: Components): void {
  const subresources = new Set(resources.flatMap((resource) => resource.subresources));
  const core = { group: "", version: "v1" };
  into.set(COMMON_NAMES.listMeta, LIST_META);
  into.set(COMMON_NAMES.preconditions, PRECONDITIONS);
  into.set(COMMON_NAMES.status, {
    ...STATUS,
    "x-kubernetes-group-version-kind": [{ ...core, kind: "Status" }],
  });
  into.set(COMMON_NAMES.deleteOptions, {
    ...deleteOptions(),
    "x-kubernetes-group-version-kind": uniqueKinds([
      { ...core, kind: "DeleteOptions" },
      ...resources.map(({ group, version }) => ({ group, version, kind: "DeleteOptions" })),
    ]),
  });
  into.set(COMMON_NAMES.patch, {
    description: "Fields to change, in the form that the media type names.",
    type: "object",
  });
  into.set(COMMON_NAMES.quantity, {
    description: "An amount such as 500m, 2 or 64Mi. Written as a string, or as a number.",
    oneOf: [{ type: "string" }, { type: "number" }],
  });
  into.set(COMMON_NAMES.intOrString, {
    description: "A number, or a text such as 25% or the name of a port.",
    format: "int-or-string",
    oneOf: [{ type: "integer" }, { type: "string" }],
    "x-kubernetes-int-or-string": true,
  });
  if (subresources.has("scale")) into.set(COMMON_NAMES.scale, SCALE);
  if (subresources.has("eviction")) into.set(COMMON_NAMES.eviction, EVICTION);
}

/** The list of a kind. Changes `into`. */
export function addList(kindName: string, gvk: Part, into: Components): void {
  const { kind } = gvk;
  into.set(listName(kindName), {
    description: `Objects of kind ${String(kind)}.`,
    type: "object",
    required: ["items"],
    properties: {
      ...API_FIELDS,
      items: {
        description: "The objects.",
        type: "array",
        items: { $ref: SCHEMA_PREFIX + kindName },
      },
      metadata: common("listMeta", "Where the list stands in time."),
    },
    "x-kubernetes-group-version-kind": [{ ...gvk, kind: `${String(kind)}List` }],
  });
}

function deleteOptions(): Part {
  return {
    description: "How an object is deleted.",
    type: "object",
    properties: {
      ...API_FIELDS,
      dryRun: {
        description: "With All, nothing is deleted.",
        type: "array",
        items: { type: "string" },
        "x-kubernetes-list-type": "atomic",
      },
      gracePeriodSeconds: count("Seconds that the object has to end by itself."),
      orphanDependents: {
        description: "Replaced by propagationPolicy.",
        type: "boolean",
      },
      preconditions: common("preconditions", "Without them, whatever has the name is deleted."),
      propagationPolicy: text("What becomes of objects that belong to this one."),
    },
  };
}

function uniqueKinds(kinds: readonly Part[]): readonly Part[] {
  return [...new Map(kinds.map((kind) => [JSON.stringify(kind), kind])).values()];
}
