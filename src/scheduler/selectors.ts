import { matchesLabels } from "../model/labels.ts";
import type { LabelRequirement, LabelSelector, Pod, Service } from "../model/kinds.gen.ts";
import { controllerOf, type ApiObject, type StringMap } from "../model/meta.ts";
import { selectorKeys } from "./pod-affinity-terms.ts";

/** Kinds of owners whose pods are kept apart by default. */
const WORKLOADS: ReadonlySet<string> = new Set([
  "ReplicaSet",
  "StatefulSet",
  "ReplicationController",
]);

/** Whether objects of a kind belong into `Selectors`. Pure. */
export function hasPodSelector(kind: string): boolean {
  return kind === "Service" || WORKLOADS.has(kind);
}

/** Which Services and workloads choose which pods: what the default spreading goes by. */
export class Selectors {
  /** Namespace → name → selector. */
  readonly #services = new Map<string, Map<string, StringMap>>();
  /** Uid → selector. */
  readonly #workloads = new Map<string, LabelSelector>();
  #version = 0;

  /** Bumped when an answer may have changed. */
  get version(): number {
    return this.#version;
  }

  /** Label keys that the object's selector looks at. */
  set(object: ApiObject): readonly string[] {
    const selector = selectorOf(object);
    const before = this.#get(object);
    if (JSON.stringify(before) === JSON.stringify(selector)) return [];
    this.#version += 1;
    if (object.kind === "Service") {
      const { namespace = "", name } = object.metadata;
      const services = this.#services.get(namespace) ?? new Map<string, StringMap>();
      services.set(name, selector.matchLabels ?? {});
      this.#services.set(namespace, services);
    } else this.#workloads.set(object.metadata.uid ?? "", selector);
    return selectorKeys(selector);
  }

  delete(object: ApiObject): void {
    if (this.#get(object) === undefined) return;
    this.#version += 1;
    const { namespace = "", name, uid = "" } = object.metadata;
    if (object.kind === "Service") this.#services.get(namespace)?.delete(name);
    else this.#workloads.delete(uid);
  }

  /** Whether the workload is known: an owner that is not chooses its own pods. */
  knowsWorkload(uid: string): boolean {
    return this.#workloads.has(uid);
  }

  /**
   * What chooses the pods that a pod shares its work with: the selectors of all Services that choose it and that of the
   * workload that owns it, joined. Undefined when there is none.
   */
  defaultSelector(pod: Pod): LabelSelector | undefined {
    const labels = pod.metadata.labels ?? {};
    const matchLabels: Record<string, string> = {};
    for (const selector of this.#services.get(pod.metadata.namespace ?? "")?.values() ?? []) {
      if (Object.keys(selector).length > 0 && matchesLabels(selector, labels))
        Object.assign(matchLabels, selector);
    }
    const matchExpressions: LabelRequirement[] = [];
    const workload = this.#workloads.get(controllerOf(pod)?.uid ?? "");
    for (const [key, value] of Object.entries(workload?.matchLabels ?? {}))
      matchExpressions.push({ key, operator: "In", values: [value] });
    matchExpressions.push(...(workload?.matchExpressions ?? []));
    if (Object.keys(matchLabels).length + matchExpressions.length === 0) return undefined;
    return { matchLabels, matchExpressions };
  }

  #get({ kind, metadata }: ApiObject): LabelSelector | undefined {
    if (kind !== "Service") return this.#workloads.get(metadata.uid ?? "");
    const matchLabels = this.#services.get(metadata.namespace ?? "")?.get(metadata.name);
    return matchLabels === undefined ? undefined : { matchLabels };
  }
}

/** Whether a pod's owner is of a kind whose pods are kept apart by default. Pure. */
export function isWorkloadPod(pod: Pod): boolean {
  return WORKLOADS.has(controllerOf(pod)?.kind ?? "");
}

function selectorOf(object: ApiObject): LabelSelector {
  const { spec } = object as { spec?: { selector?: unknown } };
  if (object.kind === "Service") return { matchLabels: (object as Service).spec.selector ?? {} };
  if (object.kind === "ReplicationController")
    return { matchLabels: (spec?.selector ?? {}) as StringMap };
  return (spec?.selector ?? {}) as LabelSelector;
}
