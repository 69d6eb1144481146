import { applyManifest } from "../../src/planner/apply-manifest.ts";
import type { SimWorld } from "../../src/planner/sim-world.ts";
import { loadManifests } from "../../src/schema/load-manifests.ts";
import { refOf, type ObjectRef } from "../../src/model/meta.ts";

/** What commits change of a workload. */
export interface WorkloadState {
  readonly version: string;
  readonly replicas: number;
}

/** One file of the repository. */
export interface DayFile {
  readonly name: string;
  readonly state: WorkloadState;
  readonly text: (state: WorkloadState) => string;
  /** Whether commits change its number of replicas. */
  readonly scales: boolean;
  /** Whether commits change its image. */
  readonly rolls: boolean;
}

const head = (kind: string, name: string, annotations = ""): string => `apiVersion: apps/v1
kind: ${kind}
metadata:
  name: ${name}
  namespace: shop
${annotations}`;

const pods = (
  name: string,
  version: string,
  more = "",
): string => `  selector: {matchLabels: {app: ${name}}}
  template:
    metadata: {labels: {app: ${name}}}
    spec:
      containers:
        - {name: app, image: "app:${version}", resources: {requests: {cpu: 100m, memory: 64Mi}}${more}}
`;

const jobSpec = (indent: string, spec: string): string =>
  `${spec}
template:
  spec:
    restartPolicy: Never
    containers: [{name: app, image: "app:v1", resources: {requests: {cpu: 50m}}}]
`.replace(/^(?=.)/gm, indent);

function workload(
  kind: "Deployment" | "StatefulSet" | "DaemonSet",
  name: string,
  replicas: number,
  spec: string,
  { annotations = "", container = "", scales = true, more = "" } = {},
): DayFile {
  return {
    name,
    state: { version: "v1", replicas },
    scales: scales && kind !== "DaemonSet",
    rolls: true,
    text: (state) =>
      `${head(kind, name, annotations)}spec:
${kind === "DaemonSet" ? "" : `  replicas: ${state.replicas}\n`}${spec}${pods(name, state.version, container)}${more}`,
  };
}

function plain(name: string, text: (state: WorkloadState) => string): DayFile {
  return { name, state: { version: "v1", replicas: 0 }, scales: false, rolls: false, text };
}

const rolling = (maxSurge: number | string, maxUnavailable: number | string): string =>
  `  strategy: {rollingUpdate: {maxSurge: ${maxSurge}, maxUnavailable: ${maxUnavailable}}}\n`;

const service = (name: string, number: number): DayFile =>
  plain(
    `service-${name}`,
    () => `apiVersion: v1
kind: Service
metadata: {name: ${name}, namespace: shop}
spec: {clusterIP: 10.96.0.${number}, selector: {app: ${name}}, ports: [{port: 80}]}
`,
  );

const budget = (name: string, spec: string): DayFile =>
  plain(
    `budget-${name}`,
    () => `apiVersion: policy/v1
kind: PodDisruptionBudget
metadata: {name: ${name}, namespace: shop}
spec: {${spec}, selector: {matchLabels: {app: ${name}}}}
`,
  );

const cron = (name: string, schedule: string, policy: string): DayFile =>
  plain(
    name,
    () => `apiVersion: batch/v1
kind: CronJob
metadata: {name: ${name}, namespace: shop}
spec:
  schedule: "${schedule}"
  concurrencyPolicy: ${policy}
  jobTemplate:
    spec:
${jobSpec("      ", "backoffLimit: 6")}`,
  );

const job = (name: string, spec: string): DayFile =>
  plain(
    name,
    () => `apiVersion: batch/v1
kind: Job
metadata: {name: ${name}, namespace: shop}
spec:
${jobSpec("  ", spec)}`,
  );

/** The repository of a shop, as it is when the day begins. */
export const DAY_FILES: readonly DayFile[] = [
  workload("Deployment", "web", 6, rolling(1, 0)),
  workload("Deployment", "api", 3, rolling("25%", "25%"), { scales: false }),
  workload("Deployment", "cart", 3, "  strategy: {type: Recreate}\n"),
  workload("Deployment", "mail", 2, `  minReadySeconds: 10\n${rolling(1, 1)}`),
  workload("Deployment", "search", 5, rolling(0, 2)),
  workload("Deployment", "theme", 2, rolling(1, 0), {
    annotations: `  annotations: {berth.dev/restart-on-config: "true"}\n`,
    container: ", envFrom: [{configMapRef: {name: theme}}]",
  }),
  workload("Deployment", "auth", 3, rolling("100%", 0)),
  workload("StatefulSet", "database", 3, "  serviceName: database\n", {
    container: ", volumeMounts: [{name: data, mountPath: /data}]",
    more: `  volumeClaimTemplates:
    - metadata: {name: data}
      spec: {accessModes: [ReadWriteOnce], resources: {requests: {storage: 1Gi}}}
`,
  }),
  workload("StatefulSet", "queue", 4, "  serviceName: queue\n  podManagementPolicy: Parallel\n"),
  workload("StatefulSet", "cache", 2, "  serviceName: cache\n  minReadySeconds: 5\n"),
  workload("DaemonSet", "logs", 0, ""),
  workload("DaemonSet", "metrics", 0, "  updateStrategy: {rollingUpdate: {maxUnavailable: 3}}\n"),
  workload(
    "DaemonSet",
    "proxy",
    0,
    "  updateStrategy: {rollingUpdate: {maxSurge: 2, maxUnavailable: 0}}\n",
  ),
  cron("tick", "*/10 * * * *", "Allow"),
  cron("report", "0 * * * *", "Forbid"),
  cron("clean", "15,45 * * * *", "Replace"),
  job("migrate", "completions: 3\nparallelism: 2\nbackoffLimit: 20"),
  job("index", "completions: 4\nparallelism: 2\nbackoffLimit: 20\ncompletionMode: Indexed"),
  service("web", 10),
  service("api", 11),
  service("search", 12),
  service("database", 13),
  service("queue", 14),
  service("cache", 15),
  budget("web", "maxUnavailable: 1"),
  budget("auth", "minAvailable: 2"),
  budget("database", "maxUnavailable: 1"),
  plain(
    "theme-config",
    ({ version }) => `apiVersion: v1
kind: ConfigMap
metadata: {name: theme, namespace: shop}
data: {THEME: "${version}"}
`,
  ),
  plain(
    "api-scaler",
    () => `apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {name: api, namespace: shop}
spec:
  scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: api}
  minReplicas: 2
  maxReplicas: 8
  metrics:
    - type: Resource
      resource: {name: cpu, target: {type: Utilization, averageUtilization: 50}}
`,
  ),
];

/** Applies a file as a commit of it would be; the objects that it declares. */
export function commitFile(
  world: SimWorld,
  { name, text }: DayFile,
  state: WorkloadState,
): readonly ObjectRef[] {
  const content = Buffer.from(text(state));
  const file = { path: `${name}.yaml`, content };
  const { manifests, problems } = loadManifests([file], { namespace: "shop" });
  if (problems.length > 0) throw new Error(JSON.stringify(problems));
  return manifests.map((manifest) => {
    const ref = refOf(manifest.object);
    const applied = applyManifest(manifest, world.get(ref), "root");
    if (applied.kind === "problem") throw new Error(JSON.stringify(applied.problem));
    if (applied.kind !== "unchanged") world.declare(applied.object);
    return ref;
  });
}
