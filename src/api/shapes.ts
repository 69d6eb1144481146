import { Ajv } from "ajv";
import type { ErrorObject, ValidateFunction } from "ajv";
import type { Resource } from "../model/resources.ts";
import type { JsonObject } from "./body.ts";
import { invalid } from "./failure.ts";

/**
 * What objects that do not come from Git must look like, so that nobody who reads them later can stumble. Fields that
 * are not named here pass: they are for people.
 */
type Schema = Readonly<Record<string, unknown>>;

const text: Schema = { type: "string", maxLength: 65_536 };
const flag: Schema = { type: "boolean" };
const count: Schema = { type: "integer", minimum: 0 };
const time: Schema = {
  type: ["string", "null"],
  pattern: String.raw`^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?Z$`,
};
const texts: Schema = list(text);
const map: Schema = { type: "object", additionalProperties: text };
const anything: Schema = { type: "object" };

function list(items: Schema, maxItems = 4096): Schema {
  return { type: "array", items, maxItems };
}

function fields(properties: Readonly<Record<string, Schema>>, required: string[] = []): Schema {
  return { type: "object", properties, required };
}

/** All fields are required. */
function strict(properties: Readonly<Record<string, Schema>>): Schema {
  return fields(properties, Object.keys(properties));
}

/** Objects that one release names at most. */
const MAX_OBJECTS = 100_000;

const reference = fields({ apiVersion: text, kind: text, namespace: text, name: text }, [
  "apiVersion",
  "kind",
  "name",
]);

const condition = fields(
  {
    type: text,
    status: { enum: ["True", "False", "Unknown"] },
    reason: text,
    message: text,
    lastTransitionTime: time,
    lastUpdateTime: time,
    lastProbeTime: time,
    lastHeartbeatTime: time,
    observedGeneration: count,
  },
  ["type", "status"],
);

const containerState = fields({
  waiting: fields({ reason: text, message: text }, ["reason"]),
  running: fields({ startedAt: time }, ["startedAt"]),
  terminated: fields(
    {
      exitCode: { type: "integer" },
      signal: { type: "integer" },
      reason: text,
      message: text,
      startedAt: time,
      finishedAt: time,
      containerID: text,
    },
    ["exitCode", "reason"],
  ),
});

const containerStatus = fields(
  {
    name: text,
    image: text,
    imageID: text,
    containerID: text,
    ready: flag,
    started: flag,
    restartCount: count,
    state: containerState,
    lastState: containerState,
  },
  ["name", "ready", "restartCount", "state", "lastState"],
);

const podStatus = fields(
  {
    phase: { enum: ["Pending", "Running", "Succeeded", "Failed", "Unknown"] },
    conditions: list(condition),
    containerStatuses: list(containerStatus),
    initContainerStatuses: list(containerStatus),
    hostIP: text,
    hostIPs: list(fields({ ip: text }, ["ip"])),
    podIP: text,
    podIPs: list(fields({ ip: text }, ["ip"])),
    startTime: time,
    qosClass: text,
    reason: text,
    message: text,
  },
  ["phase"],
);

const nodeStatus = fields({
  capacity: map,
  allocatable: map,
  conditions: list(condition),
  addresses: list(fields({ type: text, address: text }, ["type", "address"])),
  nodeInfo: map,
  images: list(fields({ names: texts, sizeBytes: count }, ["names"])),
});

const taint = fields({ key: text, value: text, effect: text, timeAdded: time }, ["key", "effect"]);

const metadata = fields(
  {
    name: text,
    namespace: text,
    generateName: text,
    uid: text,
    resourceVersion: { type: "string", pattern: String.raw`^\d{0,19}$` },
    labels: map,
    annotations: { type: "object", additionalProperties: { type: "string" } },
    ownerReferences: list(
      fields(
        {
          apiVersion: text,
          kind: text,
          name: text,
          uid: text,
          controller: flag,
          blockOwnerDeletion: flag,
        },
        ["apiVersion", "kind", "name", "uid"],
      ),
      100,
    ),
    finalizers: texts,
  },
  [],
);

const endpoint = fields(
  {
    addresses: list(text, 100),
    conditions: fields({ ready: flag, serving: flag, terminating: flag }),
    hostname: text,
    nodeName: text,
    targetRef: fields({ kind: text, namespace: text, name: text, uid: text }),
  },
  ["addresses", "conditions"],
);

/** The parts beside metadata that each runtime kind must have, by plural. */
const SHAPES: ReadonlyMap<string, Schema> = new Map([
  [
    "nodes",
    fields({
      spec: fields({
        podCIDR: text,
        podCIDRs: texts,
        unschedulable: flag,
        taints: list(taint, 100),
      }),
      status: nodeStatus,
    }),
  ],
  ["pods", fields({ status: podStatus })],
  [
    "events",
    fields(
      {
        involvedObject: fields(
          { kind: text, namespace: text, name: text, uid: text, fieldPath: text },
          ["kind", "name"],
        ),
        type: { enum: ["Normal", "Warning"] },
        reason: text,
        message: text,
        count,
        firstTimestamp: time,
        lastTimestamp: time,
        source: fields({ component: text, host: text }),
        reportingComponent: text,
        reportingInstance: text,
      },
      ["involvedObject", "type", "reason", "message"],
    ),
  ],
  [
    "leases",
    fields(
      { spec: fields({ holderIdentity: text, leaseDurationSeconds: count, renewTime: time }) },
      ["spec"],
    ),
  ],
  [
    "endpointslices",
    fields(
      {
        addressType: { const: "IPv4" },
        endpoints: list(endpoint, 1000),
        ports: list(fields({ name: text, protocol: text, port: count }, ["port"]), 100),
      },
      ["addressType", "endpoints", "ports"],
    ),
  ],
  [
    "apps",
    fields(
      {
        spec: fields(
          {
            repo: text,
            branch: text,
            path: text,
            namespace: text,
            intervalSeconds: count,
            prune: flag,
            suspend: flag,
          },
          // The others are given by default.
          ["repo"],
        ),
        status: fields({
          seenCommit: text,
          seenTree: text,
          appliedCommit: text,
          healthyCommit: text,
          release: text,
          conditions: list(condition),
        }),
      },
      ["spec"],
    ),
  ],
  [
    "releases",
    fields(
      {
        spec: strict({
          app: text,
          sequence: count,
          repo: text,
          path: text,
          commit: text,
          tree: text,
          author: text,
          subject: text,
          committedAt: time,
        }),
        status: fields(
          {
            phase: text,
            reason: text,
            message: text,
            problems: texts,
            startedAt: time,
            finishedAt: time,
            inventory: list(reference, MAX_OBJECTS),
            toPrune: list(reference, MAX_OBJECTS),
            applied: flag,
            pruned: flag,
            counts: strict({ created: count, changed: count, removed: count }),
          },
          ["phase", "startedAt", "inventory"],
        ),
      },
      ["spec", "status"],
    ),
  ],
]);

const ajv = new Ajv({ allErrors: false, strict: false, allowUnionTypes: true });
const compiled = new Map<string, ValidateFunction>();

/** Throws 422 that names the first field that is not as it must be. */
export function checkShape(resource: Resource, body: JsonObject): void {
  const validate = compiled.get(resource.plural) ?? compile(resource.plural);
  if (validate(body)) return;
  const causes = (validate.errors ?? []).map(toCause);
  throw invalid(resource, nameOf(body), causes);
}

function compile(plural: string): ValidateFunction {
  const shape = SHAPES.get(plural) ?? anything;
  const validate = ajv.compile({ allOf: [fields({ metadata }, ["metadata"]), shape] });
  compiled.set(plural, validate);
  return validate;
}

function toCause({ instancePath, message, params }: ErrorObject) {
  const missing: unknown = params["missingProperty"];
  const path = instancePath
    .slice(1)
    .replaceAll(/\/(\d+)/g, "[$1]")
    .replaceAll("/", ".");
  const field = typeof missing === "string" ? [path, missing].filter(Boolean).join(".") : path;
  return {
    reason: "FieldValueInvalid",
    field,
    message: `Invalid value: ${message ?? "not valid"}`,
  };
}

function nameOf(body: JsonObject): string {
  const name = (body["metadata"] as { readonly name?: unknown } | undefined)?.name;
  return typeof name === "string" ? name : "";
}
