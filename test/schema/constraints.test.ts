import { Ajv2020 } from "ajv/dist/2020.js";
import { describe, expect, it } from "vitest";
import { FORMATS } from "../../src/schema/formats.ts";
import { SCHEMA_FILES } from "../support/schema-files.ts";

/*
 * Bounds, words, forms and unions of single types, as Kubernetes 1.33 validates them; also of those whose engine is
 * not there yet. What whole manifests come to is in test/corpus/.
 */

const ajv = new Ajv2020({ allErrors: true, strict: false, logger: false });
for (const [name, format] of Object.entries(FORMATS)) ajv.addFormat(name, format.test);
for (const schema of SCHEMA_FILES.values()) ajv.addSchema(schema);

type Value = Readonly<Record<string, unknown>>;

interface Case {
  /** `file#definition`, without `.json`. */
  readonly type: string;
  /** What every other value differs from. */
  readonly base: Value;
  /** Each is laid over the base; a field that is undefined is taken out. */
  readonly good?: readonly Value[];
  readonly bad: readonly Value[];
}

const SELECTOR = { matchLabels: { app: "web" } };
const TERM = { topologyKey: "zone" };
const TARGET = { type: "Utilization", averageUtilization: 50 };
const BIG = 2_147_483_648;

const CASES: readonly Case[] = [
  {
    type: "shared/container#container",
    base: { name: "web", image: "web:1" },
    good: [{ imagePullPolicy: "Never" }, { resources: { limits: { cpu: 1, memory: "1Gi" } } }],
    bad: [
      { name: "Web" },
      { name: undefined },
      { image: "" },
      { image: undefined },
      { imagePullPolicy: "always" },
      { terminationMessagePolicy: "Log" },
      { command: "sh" },
      { resources: { limits: { cpu: "1x" } } },
      { resources: { requests: { memory: -1 } } },
      { restartPolicy: "Never" },
      { readinessProbe: { exec: { command: ["a"] }, terminationGracePeriodSeconds: 1 } },
      { livenessProbe: { exec: { command: ["a"] }, successThreshold: 2 } },
      { workdir: "/" },
    ],
  },
  {
    type: "shared/container#containerPort",
    base: { containerPort: 80 },
    good: [{ hostPort: 65_535, hostIP: "::1" }, { protocol: "UDP" }],
    bad: [
      { containerPort: 0 },
      { containerPort: 65_536 },
      { hostPort: 0 },
      { hostIP: "localhost" },
      { name: "a_b" },
      { protocol: "tcp" },
      { protocol: "SCTP" },
    ],
  },
  {
    type: "shared/container#envVarSource",
    base: { fieldRef: { fieldPath: "metadata.name" } },
    good: [{ fieldRef: undefined, resourceFieldRef: { resource: "limits.cpu", divisor: "1m" } }],
    bad: [
      { fieldRef: undefined },
      { fieldRef: { fieldPath: "spec.containers" } },
      { secretKeyRef: { name: "a", key: "b" } },
      { fieldRef: undefined, resourceFieldRef: { resource: "limits.gpu" } },
      { fieldRef: undefined, configMapKeyRef: { name: "a" } },
    ],
  },
  {
    type: "shared/probe#probe",
    base: { tcpSocket: { port: 80 } },
    good: [{ tcpSocket: undefined, grpc: { port: 1 } }, { initialDelaySeconds: 0 }],
    bad: [
      { tcpSocket: undefined },
      { exec: { command: ["a"] } },
      { tcpSocket: { port: "80" } },
      { tcpSocket: undefined, grpc: { port: 65_536 } },
      { tcpSocket: undefined, exec: { command: [] } },
      { tcpSocket: undefined, httpGet: { port: 80, scheme: "http" } },
      { tcpSocket: undefined, httpGet: { port: 80, httpHeaders: [{ name: "a b", value: "" }] } },
      { initialDelaySeconds: -1 },
      { failureThreshold: 0 },
      { terminationGracePeriodSeconds: 0 },
    ],
  },
  {
    type: "shared/pod#podSpec",
    base: { containers: [{ name: "web", image: "web:1" }] },
    good: [{ terminationGracePeriodSeconds: 0 }, { dnsConfig: { options: [{ name: "ndots" }] } }],
    bad: [
      { containers: [] },
      { containers: undefined },
      { activeDeadlineSeconds: 0 },
      { activeDeadlineSeconds: BIG },
      { terminationGracePeriodSeconds: -1 },
      { restartPolicy: "Sometimes" },
      { hostname: "a.b" },
      { nodeSelector: { a: 1 } },
      { priorityClassName: "High" },
      { runtimeClassName: "a_b" },
      { dnsConfig: { nameservers: ["1.1.1.1", "1.0.0.1", "8.8.8.8", "8.8.4.4"] } },
      { dnsConfig: { nameservers: ["dns.example"] } },
      { dnsConfig: { options: [{ value: "2" }] } },
      { hostAliases: [{ ip: "localhost", hostnames: ["a"] }] },
      { hostAliases: [{ ip: "127.0.0.1", hostnames: ["a_b"] }] },
      { readinessGates: [{ conditionType: "a b" }] },
      { schedulingGates: [{ name: "" }] },
      { os: { name: "windows" } },
      { securityContext: { runAsUser: -1 } },
      { securityContext: { sysctls: [{ name: "Net.x", value: "1" }] } },
      { securityContext: { seccompProfile: {} } },
    ],
  },
  {
    type: "shared/scheduling#toleration",
    base: { key: "a.b/c" },
    good: [{ key: undefined, operator: "Exists" }, { tolerationSeconds: -1 }],
    bad: [{ operator: "In" }, { effect: "None" }, { value: "a b" }, { tolerationSeconds: "5" }],
  },
  {
    type: "shared/scheduling#nodeAffinity",
    base: {},
    good: [
      {
        requiredDuringSchedulingIgnoredDuringExecution: {
          nodeSelectorTerms: [{ matchExpressions: [{ key: "a", operator: "Gt", values: ["1"] }] }],
        },
      },
    ],
    bad: [
      { requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms: [] } },
      { requiredDuringSchedulingIgnoredDuringExecution: {} },
      { preferredDuringSchedulingIgnoredDuringExecution: [{ weight: 0, preference: {} }] },
      { preferredDuringSchedulingIgnoredDuringExecution: [{ weight: 101, preference: {} }] },
      { preferredDuringSchedulingIgnoredDuringExecution: [{ weight: 1 }] },
    ],
  },
  {
    type: "shared/scheduling#nodeSelectorRequirement",
    base: { key: "a", operator: "In", values: ["b"] },
    bad: [{ operator: "in" }, { key: "a b" }, { values: [1] }, { operator: undefined }],
  },
  {
    type: "shared/scheduling#podAffinityTerm",
    base: TERM,
    good: [{ labelSelector: SELECTOR, namespaces: ["a"], matchLabelKeys: ["b"] }],
    bad: [
      { topologyKey: undefined },
      { topologyKey: "" },
      { namespaces: ["A"] },
      { matchLabelKeys: ["a b"] },
      { mismatchLabelKeys: [""] },
      { labelSelector: { matchExpressions: [{ key: "a", operator: "Gt" }] } },
    ],
  },
  {
    type: "shared/scheduling#podAntiAffinity",
    base: {},
    bad: [
      { preferredDuringSchedulingIgnoredDuringExecution: [{ weight: 0, podAffinityTerm: TERM }] },
      { preferredDuringSchedulingIgnoredDuringExecution: [{ weight: 101, podAffinityTerm: TERM }] },
    ],
  },
  {
    type: "shared/scheduling#topologySpreadConstraint",
    base: { maxSkew: 1, topologyKey: "zone", whenUnsatisfiable: "DoNotSchedule" },
    good: [{ minDomains: 3, nodeAffinityPolicy: "Ignore", matchLabelKeys: ["a"] }],
    bad: [
      { maxSkew: 0 },
      { minDomains: 0 },
      { topologyKey: "a b" },
      { whenUnsatisfiable: "Never" },
      { nodeTaintsPolicy: "honor" },
      { matchLabelKeys: ["a b"] },
    ],
  },
  {
    type: "shared/volume#volume",
    base: { name: "data" },
    good: [
      { nfs: { server: "a", path: "/b" } },
      { projected: { sources: [{ serviceAccountToken: { path: "t", expirationSeconds: 600 } }] } },
      { downwardAPI: { items: [{ path: "a", fieldRef: { fieldPath: "metadata.name" } }] } },
    ],
    bad: [
      { emptyDir: {}, hostPath: { path: "/" } },
      { hostPath: { path: "a" } },
      { hostPath: { path: "/", type: "Folder" } },
      { emptyDir: { medium: "Disk" } },
      { configMap: { name: "a", defaultMode: 512 } },
      { configMap: {} },
      { secret: {} },
      { nfs: { server: "", path: "/b" } },
      { nfs: { server: "a", path: "b" } },
      { image: {} },
      { ephemeral: {} },
      { persistentVolumeClaim: { claimName: "A" } },
      { projected: { sources: [{}] } },
      { projected: { sources: [{ secret: { name: "a" }, configMap: { name: "a" } }] } },
      { projected: { sources: [{ serviceAccountToken: { path: "t", expirationSeconds: 599 } }] } },
      { projected: { sources: [{ serviceAccountToken: { path: "/t" } }] } },
      { downwardAPI: { items: [{ path: "a" }] } },
      { downwardAPI: { items: [{ path: "../a", fieldRef: { fieldPath: "metadata.name" } }] } },
    ],
  },
  {
    type: "shared/volume#persistentVolumeClaimSpec",
    base: { accessModes: ["ReadWriteOnce"], resources: { requests: { storage: "1Gi" } } },
    good: [{ storageClassName: "" }, { volumeMode: "Filesystem" }],
    bad: [
      { accessModes: [] },
      { accessModes: ["RWO"] },
      { resources: undefined },
      { resources: { requests: { storage: "1GB" } } },
      { storageClassName: "A" },
      { volumeMode: "block" },
    ],
  },
  {
    type: "v1.Service#serviceSpec",
    base: { ports: [{ port: 80 }] },
    good: [{ ipFamilyPolicy: "PreferDualStack" }, { clusterIP: "None" }],
    bad: [
      { ports: [{ port: 0 }] },
      { ports: [{ port: 80, nodePort: 80 }] },
      { ports: [{ port: 80, targetPort: "80" }] },
      { ports: [{ port: 80, protocol: "SCTP" }] },
      { type: "Clusterip" },
      { clusterIP: "none" },
      { externalIPs: ["a"] },
      { loadBalancerSourceRanges: ["10.0.0.0"] },
      { sessionAffinityConfig: { clientIP: { timeoutSeconds: 0 } } },
      { sessionAffinityConfig: { clientIP: { timeoutSeconds: 86_401 } } },
    ],
  },
  {
    type: "apps.v1.Deployment#deploymentSpec",
    base: { selector: SELECTOR, template: { spec: { containers: [{ name: "a", image: "a" }] } } },
    good: [
      { replicas: 0 },
      { strategy: { rollingUpdate: { maxSurge: "200%", maxUnavailable: "100%" } } },
    ],
    bad: [
      { replicas: -1 },
      { replicas: "3" },
      { selector: undefined },
      { strategy: { type: "Rolling" } },
      { strategy: { rollingUpdate: { maxUnavailable: "101%" } } },
      { strategy: { rollingUpdate: { maxSurge: -1 } } },
      { revisionHistoryLimit: -1 },
      { progressDeadlineSeconds: 0 },
      { minReadySeconds: -1 },
    ],
  },
  {
    type: "apps.v1.StatefulSet#statefulSetSpec",
    base: { selector: SELECTOR, template: { spec: { containers: [{ name: "a", image: "a" }] } } },
    good: [{ ordinals: { start: 5 } }, { podManagementPolicy: "Parallel" }],
    bad: [
      { replicas: -1 },
      { ordinals: { start: -1 } },
      { podManagementPolicy: "Ordered" },
      { updateStrategy: { type: "Recreate" } },
      { updateStrategy: { rollingUpdate: { partition: -1 } } },
      { persistentVolumeClaimRetentionPolicy: { whenDeleted: "Keep" } },
      { template: undefined },
    ],
  },
  {
    type: "apps.v1.DaemonSet#rollingUpdateDaemonSet",
    base: {},
    good: [{ maxSurge: "50%", maxUnavailable: 0 }],
    bad: [{ maxSurge: "101%" }, { maxUnavailable: "101%" }, { maxUnavailable: -1 }],
  },
  {
    type: "batch.v1.Job#jobSpec",
    base: { template: { spec: { containers: [{ name: "a", image: "a" }] } } },
    good: [
      { completions: 0, activeDeadlineSeconds: 0, ttlSecondsAfterFinished: 0 },
      { podFailurePolicy: { rules: [{ action: "Ignore", onPodConditions: [{ type: "A" }] }] } },
      { successPolicy: { rules: [{ succeededIndexes: "0,2-4" }] } },
    ],
    bad: [
      { parallelism: -1 },
      { completions: -1 },
      { backoffLimit: -1 },
      { completionMode: "indexed" },
      { podReplacementPolicy: "Never" },
      { podFailurePolicy: { rules: [{ action: "Stop", onPodConditions: [] }] } },
      { podFailurePolicy: { rules: [{ action: "Ignore" }] } },
      {
        podFailurePolicy: {
          rules: [{ action: "Ignore", onExitCodes: { operator: "In", values: [] } }],
        },
      },
      { successPolicy: { rules: [] } },
      { successPolicy: { rules: [{}] } },
      { successPolicy: { rules: [{ succeededCount: 0 }] } },
      { successPolicy: { rules: [{ succeededIndexes: "4-2" }] } },
    ],
  },
  {
    type: "batch.v1.CronJob#cronJobSpec",
    base: {
      schedule: "*/5 * * * *",
      jobTemplate: {
        spec: { template: { spec: { containers: [{ name: "a", image: "a" }] } } },
      },
    },
    good: [{ schedule: "@hourly", timeZone: "Europe/Berlin" }, { startingDeadlineSeconds: 0 }],
    bad: [
      { schedule: "every day" },
      { schedule: "TZ=UTC 0 0 * * *" },
      { schedule: undefined },
      { timeZone: "Local" },
      { concurrencyPolicy: "allow" },
      { startingDeadlineSeconds: -1 },
      { successfulJobsHistoryLimit: -1 },
      { failedJobsHistoryLimit: -1 },
      { jobTemplate: {} },
    ],
  },
  {
    type: "autoscaling.v2.HorizontalPodAutoscaler#horizontalPodAutoscalerSpec",
    base: { maxReplicas: 3, scaleTargetRef: { kind: "Deployment", name: "web" } },
    good: [
      { metrics: [{ type: "Resource", resource: { name: "cpu", target: TARGET } }] },
      { behavior: { scaleDown: { stabilizationWindowSeconds: 0, selectPolicy: "Disabled" } } },
    ],
    bad: [
      { maxReplicas: 0 },
      { minReplicas: 0 },
      { scaleTargetRef: { name: "web" } },
      { scaleTargetRef: { kind: "Deployment", name: "a/b" } },
      { metrics: [{ type: "Resource" }] },
      { metrics: [{ type: "resource", resource: { name: "cpu", target: TARGET } }] },
      {
        metrics: [
          {
            type: "Resource",
            resource: { name: "cpu", target: { ...TARGET, averageUtilization: 0 } },
          },
        ],
      },
      { behavior: { scaleDown: { stabilizationWindowSeconds: 3601 } } },
      { behavior: { scaleUp: { policies: [] } } },
      { behavior: { scaleUp: { policies: [{ type: "Pods", value: 0, periodSeconds: 1 }] } } },
      { behavior: { scaleUp: { policies: [{ type: "Pods", value: 1, periodSeconds: 1801 }] } } },
      { behavior: { scaleUp: { policies: [{ type: "Pod", value: 1, periodSeconds: 1 }] } } },
    ],
  },
  {
    type: "policy.v1.PodDisruptionBudget#podDisruptionBudgetSpec",
    base: { selector: SELECTOR },
    good: [{ minAvailable: "100%" }, { maxUnavailable: 0 }],
    bad: [
      { minAvailable: 1, maxUnavailable: 1 },
      { minAvailable: "101%" },
      { maxUnavailable: -1 },
      { unhealthyPodEvictionPolicy: "Always" },
    ],
  },
  {
    type: "v1.ResourceQuota#resourceQuotaSpec",
    base: {},
    good: [{ hard: { pods: 4, "count/deployments.apps": "2", "requests.cpu": "500m" } }],
    bad: [
      { hard: { "a b": 1 } },
      { hard: { pods: "-1" } },
      { scopes: ["Best"] },
      { scopeSelector: { matchExpressions: [{ scopeName: "Best", operator: "Exists" }] } },
    ],
  },
  {
    type: "v1.LimitRange#limitRangeItem",
    base: { type: "Container" },
    good: [{ max: { cpu: 1 }, maxLimitRequestRatio: { memory: 2 } }],
    bad: [{ type: undefined }, { max: { cpu: "-1" } }, { default: { "": 1 } }],
  },
  {
    type: "scheduling.k8s.io.v1.PriorityClass#",
    base: {
      apiVersion: "scheduling.k8s.io/v1",
      kind: "PriorityClass",
      metadata: { name: "high" },
      value: 1_000_000_000,
    },
    bad: [{ value: 1_000_000_001 }, { value: undefined }, { preemptionPolicy: "Always" }],
  },
  {
    type: "networking.k8s.io.v1.Ingress#ingressSpec",
    base: {},
    good: [{ defaultBackend: { service: { name: "web", port: { number: 80 } } } }],
    bad: [
      { defaultBackend: {} },
      { defaultBackend: { service: { name: "web" } } },
      { defaultBackend: { service: { name: "web", port: { number: 80, name: "http" } } } },
      { rules: [{ host: "10.0.0.1" }] },
      { rules: [{ host: "a.*.b" }] },
      { rules: [{ http: { paths: [] } }] },
    ],
  },
  {
    type: "networking.k8s.io.v1.NetworkPolicy#networkPolicySpec",
    base: { podSelector: {} },
    good: [{ ingress: [{ from: [{ ipBlock: { cidr: "10.0.0.0/8" } }] }] }],
    bad: [
      { podSelector: undefined },
      { policyTypes: ["ingress"] },
      { ingress: [{ from: [{ ipBlock: { cidr: "10.0.0.0" } }] }] },
      { egress: [{ ports: [{ port: 80, endPort: 65_536 }] }] },
    ],
  },
  {
    type: "shared/rbac#policyRule",
    base: { verbs: ["get"], apiGroups: [""], resources: ["pods"] },
    bad: [{ verbs: [] }, { verbs: undefined }, { resources: "pods" }],
  },
  {
    type: "shared/rbac#subject",
    base: { kind: "User", name: "ann" },
    bad: [{ kind: "Users" }, { name: "" }],
  },
];

function overlay(base: Value, change: Value): Value {
  const merged = Object.entries({ ...base, ...change });
  return Object.fromEntries(merged.filter(([, value]) => value !== undefined));
}

function errorsOf(type: string, value: Value): readonly string[] {
  const [file = "", definition = ""] = type.split("#");
  const pointer = definition === "" ? "" : `#/$defs/${definition}`;
  const validate = ajv.getSchema(`https://berth.dev/schemas/${file}.json${pointer}`);
  if (validate === undefined) throw new Error(`There is no ${type}`);
  void validate(value);
  return (validate.errors ?? []).map(({ instancePath, keyword }) => `${instancePath}: ${keyword}`);
}

describe.each(CASES)("$type", ({ type, base, good = [], bad }) => {
  it.each([{}, ...good])("takes %j", (change) => {
    expect(errorsOf(type, overlay(base, change))).toEqual([]);
  });

  it.each(bad)("refuses %j", (change) => {
    const errors = errorsOf(type, overlay(base, change));
    expect(errors).not.toEqual([]);
    // What is wrong is in what was changed, or in that it is missing or too much.
    const places = [": ", ...Object.keys(change).map((field) => `/${field}`)];
    const isThere = errors.some((error) => places.some((place) => error.startsWith(place)));
    expect(isThere, errors.join("\n")).toBe(true);
  });
});
