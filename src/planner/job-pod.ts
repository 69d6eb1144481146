import { shortHash } from "../base/hash.ts";
import { controllerRef } from "../model/meta.ts";
import type { Container, EnvVar, Job, JobSpec, Pod, PodTemplateSpec } from "../model/kinds.gen.ts";
import { matchFailurePolicy } from "./job-failure-policy.ts";
import type { World } from "./world.ts";

/** Stands on a Job's pod until its end is counted: such a pod is not removed before. */
export const JOB_TRACKING_FINALIZER = "batch.kubernetes.io/job-tracking";
export const CONTROLLER_UID_LABEL = "batch.kubernetes.io/controller-uid";
export const COMPLETION_INDEX = "batch.kubernetes.io/job-completion-index";
const JOB_NAME_LABEL = "batch.kubernetes.io/job-name";
const FAILURE_COUNT = "batch.kubernetes.io/job-index-failure-count";
const IGNORED_COUNT = "batch.kubernetes.io/job-index-ignored-failure-count";
const INDEX_VARIABLE = "JOB_COMPLETION_INDEX";
/** Kubernetes' limits: a generated name has at most 63 characters, of which the last five tell it apart. */
const SUFFIX_LENGTH = 5;
const MAX_BASE_LENGTH = 63 - SUFFIX_LENGTH;
const MAX_HOSTNAME = 63;

/** Whether each completion has an index of its own. Pure. */
export function isIndexed({ completionMode }: JobSpec): boolean {
  return completionMode === "Indexed";
}

/** Whether the pod's end is still to be counted, or being counted. Pure. */
export function isTracked(pod: Pod): boolean {
  return pod.metadata.finalizers?.includes(JOB_TRACKING_FINALIZER) ?? false;
}

/** The pod without the finalizer. Pure. */
export function untracked(pod: Pod): Pod {
  const finalizers = (pod.metadata.finalizers ?? []).filter(
    (finalizer) => finalizer !== JOB_TRACKING_FINALIZER,
  );
  return { ...pod, metadata: { ...pod.metadata, finalizers } };
}

/** The pod with the finalizer. Pure. */
export function tracked(pod: Pod): Pod {
  if (isTracked(pod)) return pod;
  const finalizers = [...(pod.metadata.finalizers ?? []), JOB_TRACKING_FINALIZER];
  return { ...pod, metadata: { ...pod.metadata, finalizers } };
}

export function uidOf({ metadata }: Pod): string {
  return metadata.uid ?? "";
}

/** The completion index of a pod of an Indexed Job. Pure. */
export function completionIndex({ metadata }: Pod): number | undefined {
  return wholeNumber(metadata.annotations?.[COMPLETION_INDEX]);
}

/** How often the pod's index failed before it. Pure. */
export function indexFailures({ metadata }: Pod): {
  readonly counted: number;
  readonly ignored: number;
} {
  return {
    counted: wholeNumber(metadata.annotations?.[FAILURE_COUNT]) ?? 0,
    ignored: wholeNumber(metadata.annotations?.[IGNORED_COUNT]) ?? 0,
  };
}

/** A pod to be made: of an index, after a failed one of that index. */
export interface PodWish {
  readonly index?: number;
  readonly after?: Pod | undefined;
}

/**
 * The pods that a Job wishes for, with names that nobody has. The names are derived from the Job as it is stored, so
 * that planning twice names the same pods. Pure.
 */
export function jobPods(world: World, job: Job, wishes: readonly PodWish[]): readonly Pod[] {
  const names = new Set<string>();
  return wishes.map((wish) => {
    const name = freeName(world, job, wish.index, names);
    names.add(name);
    return makePod(job, wish, name);
  });
}

/** `sum-` or, of an index, `sum-3-`. */
function baseName({ metadata }: Job, index: number | undefined): string {
  const tail = index === undefined ? "-" : `-${index}-`;
  return `${metadata.name.slice(0, MAX_BASE_LENGTH - tail.length)}${tail}`;
}

function freeName(
  world: World,
  job: Job,
  index: number | undefined,
  taken: ReadonlySet<string>,
): string {
  const { name, namespace = "", uid, resourceVersion = "" } = job.metadata;
  const base = baseName(job, index);
  for (let attempt = 0; ; attempt += 1) {
    const suffix = shortHash([uid ?? name, resourceVersion, index ?? -1, attempt], SUFFIX_LENGTH);
    const candidate = `${base}${suffix}`;
    const ref = { apiVersion: "v1", kind: "Pod", namespace, name: candidate };
    if (!taken.has(candidate) && world.get(ref) === undefined) return candidate;
  }
}

function makePod(job: Job, { index, after }: PodWish, name: string): Pod {
  const template = podTemplate(job);
  const { labels, annotations, finalizers } = template.metadata ?? {};
  const indexed = index === undefined ? {} : { [COMPLETION_INDEX]: String(index) };
  const given = { ...annotations, ...indexed, ...failureAnnotations(job, index, after) };
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: {
      name,
      generateName: baseName(job, index),
      ...(job.metadata.namespace === undefined ? {} : { namespace: job.metadata.namespace }),
      labels: { ...labels, ...indexed },
      ...(Object.keys(given).length === 0 ? {} : { annotations: given }),
      finalizers: [...(finalizers ?? []), JOB_TRACKING_FINALIZER],
      ownerReferences: [controllerRef(job)],
    },
    spec: index === undefined ? template.spec : indexedSpec(job, template, index),
    status: { phase: "Pending" },
  };
}

/** Kubernetes' labels, unless the Job brings its own selector. */
function podTemplate({ metadata, spec }: Job): PodTemplateSpec {
  if (spec.manualSelector === true) return spec.template;
  const { name, uid = "" } = metadata;
  const labels = {
    ...spec.template.metadata?.labels,
    [CONTROLLER_UID_LABEL]: uid,
    [JOB_NAME_LABEL]: name,
    "controller-uid": uid,
    "job-name": name,
  };
  return { ...spec.template, metadata: { ...spec.template.metadata, labels } };
}

function indexedSpec({ metadata }: Job, { spec }: PodTemplateSpec, index: number): Pod["spec"] {
  const withIndex = <T extends Container>(container: T): T =>
    container.env?.some(({ name }) => name === INDEX_VARIABLE) === true
      ? container
      : { ...container, env: [...(container.env ?? []), INDEX_ENV] };
  const hostname = spec.hostname ?? `${metadata.name}-${index}`.slice(0, MAX_HOSTNAME);
  return {
    ...spec,
    hostname,
    containers: spec.containers.map(withIndex),
    ...(spec.initContainers === undefined
      ? {}
      : { initContainers: spec.initContainers.map(withIndex) }),
  };
}

const INDEX_ENV: EnvVar = {
  name: INDEX_VARIABLE,
  valueFrom: {
    fieldRef: { apiVersion: "v1", fieldPath: `metadata.labels['${COMPLETION_INDEX}']` },
  },
};

/** With `backoffLimitPerIndex` each pod carries how often its index has failed. */
function failureAnnotations(
  job: Job,
  index: number | undefined,
  after: Pod | undefined,
): Readonly<Record<string, string>> {
  if (index === undefined || job.spec.backoffLimitPerIndex === undefined) return {};
  if (after === undefined) return { [FAILURE_COUNT]: "0" };
  const { counted, ignored } = indexFailures(after);
  const isIgnored = matchFailurePolicy(job, after)?.action === "Ignore";
  const ignoredNow = ignored + (isIgnored ? 1 : 0);
  return {
    [FAILURE_COUNT]: String(counted + (isIgnored ? 0 : 1)),
    ...(ignoredNow === 0 ? {} : { [IGNORED_COUNT]: String(ignoredNow) }),
  };
}

function wholeNumber(text: string | undefined): number | undefined {
  return text !== undefined && /^\d{1,10}$/.test(text) ? Number(text) : undefined;
}
