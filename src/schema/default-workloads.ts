import type { Default } from "./default-fields.ts";
import { defaultTemplate } from "./default-pod.ts";
import { defaultClaimSpec } from "./default-volume.ts";
import { asFields, isFields, mapList } from "./fields.ts";
import type { Fields } from "./fields.ts";

/** A Job that limits the failures of each index has no limit of its own but the largest number there is. */
const NO_BACKOFF_LIMIT = 2_147_483_647;

/** What Kubernetes fills into the spec of a Deployment. Pure, idempotent. */
export function defaultDeploymentSpec(spec: Fields): Fields {
  return {
    replicas: 1,
    revisionHistoryLimit: 10,
    progressDeadlineSeconds: 600,
    ...spec,
    strategy: defaultRollingUpdate({ maxUnavailable: "25%", maxSurge: "25%" })(
      asFields(spec["strategy"]),
    ),
    template: defaultTemplate(spec["template"]),
  };
}

/** What Kubernetes fills into the spec of a ReplicaSet. Pure, idempotent. */
export function defaultReplicaSetSpec(spec: Fields): Fields {
  return { replicas: 1, ...spec, template: defaultTemplate(spec["template"]) };
}

/** What Kubernetes fills into the spec of a DaemonSet. Pure, idempotent. */
export function defaultDaemonSetSpec(spec: Fields): Fields {
  return {
    revisionHistoryLimit: 10,
    ...spec,
    updateStrategy: defaultRollingUpdate({ maxUnavailable: 1, maxSurge: 0 })(
      asFields(spec["updateStrategy"]),
    ),
    template: defaultTemplate(spec["template"]),
  };
}

/** What Kubernetes fills into the spec of a StatefulSet. Pure, idempotent. */
export function defaultStatefulSetSpec(spec: Fields): Fields {
  return {
    podManagementPolicy: "OrderedReady",
    replicas: 1,
    revisionHistoryLimit: 10,
    ...spec,
    persistentVolumeClaimRetentionPolicy: {
      whenDeleted: "Retain",
      whenScaled: "Retain",
      ...asFields(spec["persistentVolumeClaimRetentionPolicy"]),
    },
    updateStrategy: defaultOrderedUpdate(asFields(spec["updateStrategy"])),
    template: defaultTemplate(spec["template"]),
    ...mapList(spec, "volumeClaimTemplates", (claim) => ({
      apiVersion: "v1",
      kind: "PersistentVolumeClaim",
      ...claim,
      spec: defaultClaimSpec(asFields(claim["spec"])),
    })),
  };
}

/** What Kubernetes fills into a ReplicationController: its selector and labels are its template's. Pure, idempotent. */
export function defaultReplicationController(object: Fields): Fields {
  const spec = asFields(object["spec"]);
  const template = defaultTemplate(spec["template"]);
  const labels = labelsOf(template);
  const selector = isEmpty(spec["selector"]) && !isEmpty(labels) ? { selector: labels } : {};
  return {
    ...object,
    ...labelled(object, labels),
    spec: { replicas: 1, minReadySeconds: 0, ...spec, ...selector, template },
  };
}

/** What Kubernetes fills into a Job: its labels are its template's. Pure, idempotent. */
export function defaultJob(object: Fields): Fields {
  const spec = defaultJobSpec(asFields(object["spec"]));
  return { ...object, ...labelled(object, labelsOf(asFields(spec["template"]))), spec };
}

/**
 * What Kubernetes fills into a CronJob, and into the Jobs that it makes: these are made from the template as it
 * stands. Pure, idempotent.
 */
export function defaultCronJobSpec(spec: Fields): Fields {
  const jobTemplate = asFields(spec["jobTemplate"]);
  return {
    concurrencyPolicy: "Allow",
    suspend: false,
    successfulJobsHistoryLimit: 3,
    failedJobsHistoryLimit: 1,
    ...spec,
    jobTemplate: { ...jobTemplate, spec: defaultJobSpec(asFields(jobTemplate["spec"])) },
  };
}

function defaultJobSpec(spec: Fields): Fields {
  // Without both counts a Job is one pod; with parallelism alone it is a work queue that ends itself.
  const isSingle = spec["completions"] === undefined && spec["parallelism"] === undefined;
  const policy = spec["podFailurePolicy"];
  return {
    ...(isSingle ? { completions: 1 } : {}),
    parallelism: 1,
    backoffLimit: spec["backoffLimitPerIndex"] === undefined ? 6 : NO_BACKOFF_LIMIT,
    completionMode: "NonIndexed",
    suspend: false,
    manualSelector: false,
    podReplacementPolicy: policy === undefined ? "TerminatingOrFailed" : "Failed",
    ...spec,
    ...(isFields(policy) ? { podFailurePolicy: defaultFailurePolicy(policy) } : {}),
    template: defaultTemplate(spec["template"]),
  };
}

function defaultFailurePolicy(policy: Fields): Fields {
  return {
    ...policy,
    ...mapList(policy, "rules", (rule) => ({
      ...rule,
      ...mapList(rule, "onPodConditions", (pattern) => ({ status: "True", ...pattern })),
    })),
  };
}

function defaultRollingUpdate(amounts: Fields): Default {
  return (strategy) => {
    const type = strategy["type"] ?? "RollingUpdate";
    if (type !== "RollingUpdate") return { ...strategy, type };
    return { type, rollingUpdate: { ...amounts, ...asFields(strategy["rollingUpdate"]) } };
  };
}

/** As in Kubernetes: who names the type alone gets no partition. */
function defaultOrderedUpdate(strategy: Fields): Fields {
  const { type = "RollingUpdate", rollingUpdate } = strategy;
  const isFilled =
    type === "RollingUpdate" && (strategy["type"] === undefined || rollingUpdate !== undefined);
  if (!isFilled) return { ...strategy, type };
  return { type, rollingUpdate: { partition: 0, ...asFields(rollingUpdate) } };
}

function labelsOf(template: Fields): Fields {
  return asFields(asFields(template["metadata"])["labels"]);
}

function labelled(object: Fields, labels: Fields): Fields {
  const metadata = asFields(object["metadata"]);
  if (isEmpty(labels) || !isEmpty(metadata["labels"])) return {};
  return { metadata: { ...metadata, labels } };
}

function isEmpty(value: unknown): boolean {
  return Object.keys(asFields(value)).length === 0;
}
