import { cpuMillis, memoryBytes } from "../model/quantity.ts";
import type { Container, Pod } from "../model/kinds.gen.ts";
import type { ApiObject, StringMap } from "../model/meta.ts";
import { isFinished } from "../model/pod-phase.ts";
import { qosClass } from "../model/qos.ts";
import { isJsonObject, type JsonObject } from "./body.ts";
import { badRequest, invalid } from "./failure.ts";

type Amounts = NonNullable<NonNullable<Container["resources"]>["limits"]>;

const RESIZABLE = ["cpu", "memory"] as const;
const POD = { group: "", version: "v1", kind: "Pod" } as const;

/**
 * The pod with the containers' CPU and memory that `wanted` asks for, and nothing else changed: what the subresource
 * `resize` may do. Throws 400 or 422 in Kubernetes' words. Pure.
 */
export function applyResize(object: ApiObject, wanted: JsonObject): JsonObject {
  const pod = object as Pod;
  if (isFinished(pod)) throw problem(pod, "spec", "Forbidden: pod is not running");
  const spec = isJsonObject(wanted["spec"]) ? wanted["spec"] : {};
  const containers = pod.spec.containers.map((container, index) => {
    const asked = findContainer(spec["containers"], container.name);
    return asked === undefined ? container : resized(pod, container, { asked, index });
  });
  const next: Pod = { ...pod, spec: { ...pod.spec, containers } };
  if (qosClass(next.spec) !== qosClass(pod.spec))
    throw problem(
      pod,
      "spec",
      `Invalid value: "${qosClass(next.spec)}": Pod QOS Class may not change as a result of resizing`,
    );
  const metadata = isJsonObject(wanted["metadata"]) ? wanted["metadata"] : {};
  const { resourceVersion } = metadata;
  const given = typeof resourceVersion === "string" ? { resourceVersion } : {};
  return { ...next, metadata: { ...pod.metadata, ...given } } as unknown as JsonObject;
}

function findContainer(list: unknown, name: string): JsonObject | undefined {
  if (list === undefined) return undefined;
  if (!Array.isArray(list)) throw badRequest("spec.containers must be a list");
  return list.filter(isJsonObject).find((one) => one["name"] === name);
}

interface Asked {
  readonly asked: JsonObject;
  readonly index: number;
}

function resized(pod: Pod, container: Container, { asked, index }: Asked): Container {
  const { resources } = asked;
  if (!isJsonObject(resources)) return container;
  const path = `spec.containers[${index}].resources`;
  const limits = amounts(pod, {
    path: `${path}.limits`,
    given: resources["limits"],
    before: container.resources?.limits,
  });
  const requests = amounts(pod, {
    path: `${path}.requests`,
    given: resources["requests"],
    before: container.resources?.requests,
  });
  for (const name of RESIZABLE) {
    const [limit, request] = [limits[name], requests[name]];
    if (limit === undefined || request === undefined) continue;
    const read = name === "cpu" ? cpuMillis : memoryBytes;
    if ((read(request) ?? 0) > (read(limit) ?? 0))
      throw problem(
        pod,
        `${path}.requests`,
        `Invalid value: "${request}": must be less than or equal to ${name} limit of ${limit}`,
      );
  }
  return { ...container, resources: { ...container.resources, limits, requests } };
}

interface AmountsQuestion {
  readonly path: string;
  readonly given: unknown;
  readonly before: Amounts | undefined;
}

/** What is not named stays; what is there cannot be taken away; nothing but CPU and memory changes. */
function amounts(pod: Pod, { path, given, before = {} }: AmountsQuestion): StringMap {
  const wanted = isJsonObject(given) ? given : {};
  for (const [name, amount] of Object.entries(wanted)) {
    const isKnown = RESIZABLE.some((one) => one === name);
    if (!isKnown && amount !== before[name])
      throw problem(pod, path, "Forbidden: only cpu and memory resources are mutable");
    const value = typeof amount === "string" || typeof amount === "number" ? String(amount) : "";
    if (isKnown && !((memoryBytes(value) ?? -1) >= 0))
      throw problem(
        pod,
        `${path}[${name}]`,
        `Invalid value: ${JSON.stringify(amount)}: must be an amount such as "500m" or "64Mi"`,
      );
  }
  const removed = isJsonObject(given)
    ? Object.keys(before).find((name) => wanted[name] === undefined)
    : undefined;
  if (removed !== undefined)
    throw problem(
      pod,
      path,
      `Forbidden: resource ${path.endsWith("limits") ? "limits" : "requests"} cannot be removed`,
    );
  const fresh = Object.entries(wanted).map(([name, amount]) => [name, String(amount)] as const);
  return { ...before, ...Object.fromEntries(fresh) };
}

function problem(pod: Pod, field: string, message: string): Error {
  const reason = message.startsWith("Forbidden") ? "FieldValueForbidden" : "FieldValueInvalid";
  return invalid(POD, pod.metadata.name, [{ reason, field, message }]);
}
