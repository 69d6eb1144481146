import type { Clock, Millis } from "../base/clock.ts";
import type { Pod } from "../model/kinds.gen.ts";
import {
  MAX_REPORTED_CONTAINERS,
  MAX_REPORTED_PODS,
  MAX_USAGE_AGE_MS,
  type ContainerUsage,
  type NodeSample,
  type PodSample,
  type PodUsage,
  type Usage,
  type UsageReport,
  type UsageView,
} from "../model/usage.ts";
import type { ObjectStore } from "../store/object-store.ts";
import { isJsonObject, type JsonObject } from "./body.ts";
import { badRequest, forbidden } from "./failure.ts";

interface Kept {
  readonly sample: NodeSample;
  readonly pods: readonly string[];
  /** Monotonic. */
  readonly heardAt: Millis;
}

/** What nodes told last of what they use. In memory only; figures that are too old are as if never told. */
export class UsageTable implements UsageView {
  readonly #clock: Clock;
  readonly #nodes = new Map<string, Kept>();
  readonly #pods = new Map<string, { readonly sample: PodSample; readonly node: string }>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Takes a node's report in place of its last one. */
  report({ node, windowMs, usage, pods }: UsageReport): void {
    const at = this.#clock.now();
    this.#forget(node);
    const keys: string[] = [];
    for (const pod of pods) {
      const key = `${pod.namespace}/${pod.name}`;
      keys.push(key);
      this.#pods.set(key, { node, sample: { ...pod, at, windowMs } });
    }
    const heardAt = this.#clock.monotonic();
    this.#nodes.set(node, { sample: { node, at, windowMs, ...usage }, pods: keys, heardAt });
  }

  nodeUsage(node: string): NodeSample | undefined {
    return this.#fresh(node)?.sample;
  }

  podUsage(namespace: string, name: string): PodSample | undefined {
    const found = this.#pods.get(`${namespace}/${name}`);
    return found === undefined || this.#fresh(found.node) === undefined ? undefined : found.sample;
  }

  #fresh(node: string): Kept | undefined {
    const kept = this.#nodes.get(node);
    if (kept === undefined) return undefined;
    if (this.#clock.monotonic() - kept.heardAt <= MAX_USAGE_AGE_MS) return kept;
    this.#forget(node);
    return undefined;
  }

  #forget(node: string): void {
    for (const key of this.#nodes.get(node)?.pods ?? [])
      if (this.#pods.get(key)?.node === node) this.#pods.delete(key);
    this.#nodes.delete(node);
  }
}

/**
 * The report that a body states, without pods that are gone. Throws 400 for a broken one, and 403 for one that speaks of
 * another node or its pods.
 */
export function readUsageReport(
  body: JsonObject,
  node: string,
  objects: Pick<ObjectStore, "get">,
): UsageReport {
  if (body["node"] !== node) throw forbidden(`node "${node}" may only report for itself`);
  const pods = body["pods"];
  if (!Array.isArray(pods) || pods.length > MAX_REPORTED_PODS)
    throw badRequest(`"pods" must be a list of at most ${MAX_REPORTED_PODS}`);
  const read = pods.map(readPod);
  return {
    node,
    windowMs: readCount(body, "windowMs"),
    usage: readUsage(body["usage"]),
    pods: read.filter((pod) => isOnNode(pod, node, objects)),
  };
}

function isOnNode(
  { namespace, name, uid }: PodUsage,
  node: string,
  objects: Pick<ObjectStore, "get">,
): boolean {
  const pod = objects.get({ apiVersion: "v1", kind: "Pod", namespace, name })?.object as
    | Pod
    | undefined;
  if (pod === undefined || pod.metadata.uid !== uid) return false;
  if (pod.spec.nodeName === node) return true;
  throw forbidden(`pods "${name}" is forbidden: it does not run on node "${node}"`);
}

function readPod(value: unknown): PodUsage {
  if (!isJsonObject(value)) throw badRequest(`an item of "pods" must be an object`);
  const { containers } = value;
  if (!Array.isArray(containers) || containers.length > MAX_REPORTED_CONTAINERS)
    throw badRequest(`"containers" must be a list of at most ${MAX_REPORTED_CONTAINERS}`);
  return {
    namespace: readText(value, "namespace"),
    name: readText(value, "name"),
    uid: readText(value, "uid"),
    containers: containers.map((container: unknown): ContainerUsage => ({
      name: readText(container, "name"),
      ...readUsage(container),
    })),
  };
}

function readUsage(value: unknown): Usage {
  return {
    cpuNanocores: readCount(value, "cpuNanocores"),
    memoryBytes: readCount(value, "memoryBytes"),
  };
}

function readCount(value: unknown, name: string): number {
  const count = isJsonObject(value) ? value[name] : undefined;
  if (typeof count === "number" && Number.isFinite(count) && count >= 0) return Math.round(count);
  throw badRequest(`"${name}" must be a number from 0`);
}

function readText(value: unknown, name: string): string {
  const text = isJsonObject(value) ? value[name] : undefined;
  if (typeof text === "string" && text !== "") return text;
  throw badRequest(`"${name}" must be a text`);
}
