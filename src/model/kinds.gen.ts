// Generated from schemas/ by scripts/generate-types.mjs. Do not edit.
// Objects after defaulting: what Kubernetes or Berth always fills in is not optional.

/** Rules about nodes and about pods that already run. */
export interface Affinity {
  /** Which nodes, by their labels. */
  readonly nodeAffinity?: NodeAffinity;
  /** Near which pods. */
  readonly podAffinity?: PodAffinity;
  /** Away from which pods. */
  readonly podAntiAffinity?: PodAntiAffinity;
}

/** ClusterRoles by label, whose rules are taken. */
export interface AggregationRule {
  readonly clusterRoleSelectors?: readonly LabelSelector[];
}

/** Amounts of resources by name. */
export type Amounts = Readonly<Record<string, string>>;

/** Annotation names with their texts. */
export type Annotations = Readonly<Record<string, string>>;

/** berth.dev/v1 App: One path of one branch of one repository, applied as one unit. */
export interface App {
  readonly apiVersion: "berth.dev/v1";
  readonly kind: "App";
  readonly metadata: ObjectMeta;
  readonly spec: AppSpec;
  readonly status?: AppStatus;
}

/** RuntimeDefault is Docker's own profile, which containers have on nodes with AppArmor. */
export interface AppArmorProfile {
  /** The name of a profile that the node has loaded, with type Localhost. */
  readonly localhostProfile?: string;
  readonly type: "RuntimeDefault" | "Unconfined" | "Localhost";
}

/** A commit whose rollout failed by its own fault, and what was done about it. */
export interface AppQuarantine {
  /** Name of the Release that failed. */
  readonly release: string;
  readonly commit: string;
  /** Object id of the App's folder in it. */
  readonly tree: string;
  /** The commit whose content was gone back to. */
  readonly to: string;
  readonly at: string;
  /** What failed, for people. */
  readonly message: string;
  /** The objects that failed, by their content. A commit that has all of them unchanged is Held. None: only the very same folder is. */
  readonly objects: readonly QuarantinedObject[];
  /** Whether somebody approved the content since. */
  readonly lifted?: boolean;
  /** What became of the revert commit: it is still to be pushed, was pushed, was proposed as a pull request, or is not needed since something newer came. */
  readonly revert: "Pending" | "Pushed" | "Proposed" | "Dropped";
}

/** Names another App. */
export interface AppReference {
  readonly name: string;
}

/** Names a Secret. */
export interface AppSecretReference {
  readonly name: string;
  readonly namespace: string;
}

/** How Secrets stand in a repository. */
export interface AppSecrets {
  /** Whether Secrets may stand in the repository unencrypted. */
  readonly plain: "allow" | "refuse";
  /** Public age keys that Secrets written through the API are encrypted to. */
  readonly recipients?: readonly string[];
  /** The Secret whose values are private age keys. */
  readonly keySecretRef?: AppSecretReference;
}

/** Which folder of which repository, and how it is applied. */
export interface AppSpec {
  /** A local path, an HTTP(S) URL, or SSH: `ssh://git@host/team/repo.git` or `git@host:team/repo.git`. */
  readonly repo: string;
  /** The branch that is followed, and written to. */
  readonly branch: string;
  /** Folder in the repository, `.` for its root. */
  readonly path: string;
  /** Namespace of manifests that name none. */
  readonly namespace: string;
  /** Seconds between polls of a remote. */
  readonly intervalSeconds: number;
  /** Whether what is no longer declared is removed. */
  readonly prune: boolean;
  /** New commits are seen and not applied. */
  readonly suspend?: boolean;
  /** Follow this tag in place of the branch's head. */
  readonly tag?: string;
  /** Follow the highest tag in this range of semantic versions, for instance `>=1.2.0 <2`. */
  readonly semver?: string;
  /** Stay at this commit: 40 hex digits. */
  readonly commit?: string;
  /** Follow any other ref, for instance `refs/pull/7/head`. */
  readonly ref?: string;
  /** The Secret with what the repository asks for: `username` and `password`, `bearerToken`, or `identity` (a private SSH key) and `known_hosts`; `ca.crt` for a server of one's own. */
  readonly secretRef?: AppSecretReference;
  /** The Secret whose `token` signs the webhooks of the repository's server. */
  readonly webhookSecretRef?: AppSecretReference;
  /** Files of the path that are no manifests, as lines of a `.gitignore`; beside `.berthignore` in the repository. */
  readonly ignore?: string;
  /** Apps that must be healthy first; one of the same repository, at the same commit. */
  readonly dependsOn?: readonly AppReference[];
  /** What is done about changes behind Git's back: put right, or only told. */
  readonly drift?: "heal" | "detect";
  /** What is done with a head that the last one is no ancestor of: taken as any other, or Held. */
  readonly forcePush?: "allow" | "hold";
  /** What becomes of writes through the API and the command line. */
  readonly write?: "commit" | "pull-request" | "deny";
  /** Whether a commit whose rollout fails is taken back, in the cluster at once and then in Git. */
  readonly autoRevert?: boolean;
  /** How long a release may take to become healthy where its objects set no limit of their own. */
  readonly readyTimeoutSeconds?: number;
  /** When commits may be applied; a denying window wins. */
  readonly syncWindows?: readonly SyncWindow[];
  /** How Secrets stand in the repository. */
  readonly secrets?: AppSecrets;
}

/** Which commits were seen, applied and healthy. */
export interface AppStatus {
  /** The newest commit of the branch that was seen. */
  readonly seenCommit?: string;
  /** Object id of the App's folder in it. */
  readonly seenTree?: string;
  /** The commit whose objects are the desired state now. */
  readonly appliedCommit?: string;
  /** The newest commit that became Healthy. */
  readonly healthyCommit?: string;
  /** Name of the newest Release. */
  readonly release?: string;
  /** What was taken back by itself, oldest first, and is not let in again unchanged. */
  readonly quarantine?: readonly AppQuarantine[];
  readonly conditions?: readonly Condition[];
}

/** A volume that the node has. */
export interface AttachedVolume {
  readonly devicePath: string;
  readonly name: string;
}

/** A volume of the Docker Engine: made by its volume driver where it is not there yet. */
export interface CSIPersistentVolumeSource {
  /** Berth has no CSI drivers: this one stands for the volume drivers of the Docker Engine. */
  readonly driver: "docker.berth.dev";
  /** The volume's name in the Engine. */
  readonly volumeHandle: string;
  /** `driver` names a volume plugin of the Engine, `opt.NAME` sets its options. */
  readonly volumeAttributes?: Readonly<Record<string, string>>;
  readonly readOnly?: boolean;
  readonly fsType?: string;
}

/** Rights to add to Docker's usual ones, and to take away. */
export interface Capabilities {
  /** Names without CAP_, such as NET_ADMIN. */
  readonly add?: readonly string[];
  /** ALL takes every right that add does not name. */
  readonly drop?: readonly string[];
}

/** How long a client keeps its pod. */
export interface ClientIPConfig {
  readonly timeoutSeconds: number;
}

/** rbac.authorization.k8s.io/v1 ClusterRole: What may be done in all namespaces, or in those that a RoleBinding names. */
export interface ClusterRole {
  readonly apiVersion: "rbac.authorization.k8s.io/v1";
  readonly kind: "ClusterRole";
  readonly metadata: ObjectMeta;
  /** The rules are those of other ClusterRoles. */
  readonly aggregationRule?: AggregationRule;
  readonly rules?: readonly PolicyRule[];
}

/** rbac.authorization.k8s.io/v1 ClusterRoleBinding: Gives a ClusterRole to users, groups and accounts, everywhere. */
export interface ClusterRoleBinding {
  readonly apiVersion: "rbac.authorization.k8s.io/v1";
  readonly kind: "ClusterRoleBinding";
  readonly metadata: ObjectMeta;
  readonly roleRef: RoleRef;
  readonly subjects?: readonly Subject[];
}

/** Certificates of the cluster. */
export interface ClusterTrustBundleProjection {
  readonly labelSelector?: LabelSelector;
  readonly name?: string;
  readonly optional?: boolean;
  readonly path: string;
  readonly signerName?: string;
}

/** One aspect of an object's state: does it hold, since when, and why. */
export interface Condition {
  readonly type: string;
  readonly status: "True" | "False" | "Unknown";
  /** One CamelCase word for programs. */
  readonly reason?: string;
  /** A sentence for people. */
  readonly message?: string;
  readonly lastTransitionTime?: string;
  readonly lastUpdateTime?: string;
  readonly lastProbeTime?: string;
  readonly lastHeartbeatTime?: string;
  readonly observedGeneration?: number;
}

/** v1 ConfigMap: Settings that pods read as variables or files; at most 1 MiB. */
export interface ConfigMap {
  readonly apiVersion: "v1";
  readonly kind: "ConfigMap";
  readonly metadata: ObjectMeta;
  /** Texts. Numbers and booleans need quotes. */
  readonly data?: Readonly<Record<string, string>>;
  /** Bytes in base64. */
  readonly binaryData?: Readonly<Record<string, string>>;
  /** Contents never change: a new object is needed, and nodes need not look again. */
  readonly immutable?: boolean;
}

/** Kubernetes no longer fills it. */
export interface ConfigMapNodeConfigSource {
  readonly kubeletConfigKey: string;
  readonly name: string;
  readonly namespace: string;
  readonly resourceVersion?: string;
  readonly uid?: string;
}

/** Keys of a ConfigMap as files. */
export interface ConfigMapProjection {
  readonly items?: readonly KeyToPath[];
  readonly name: string;
  readonly optional?: boolean;
}

/** A ConfigMap as files. */
export interface ConfigMapVolumeSource {
  /** A ConfigMap of the pod's namespace. */
  readonly name: string;
  /** Only these keys, under these paths; without it, every key under its name. */
  readonly items?: readonly KeyToPath[];
  /** Permission bits of the files. */
  readonly defaultMode: number;
  /** Without it the pod waits until object and keys exist. */
  readonly optional?: boolean;
}

/** One program of a pod, run from an image. */
export interface Container {
  /** Unique in the pod; logs, exec and events name it. */
  readonly name: string;
  /** registry/name:tag or name@sha256:…; without a registry Docker Hub is meant. */
  readonly image: string;
  /** Always for the tag latest or no tag, else IfNotPresent. */
  readonly imagePullPolicy: "Always" | "IfNotPresent" | "Never";
  /** Replaces the image's ENTRYPOINT. $(NAME) is expanded from env; no shell is involved. */
  readonly command?: readonly string[];
  /** Replaces the image's CMD. $(NAME) is expanded from env. */
  readonly args?: readonly string[];
  /** Replaces the image's WORKDIR. */
  readonly workingDir?: string;
  /** Variables in order; a later one may use $(NAME) of an earlier one, and wins over envFrom. */
  readonly env?: readonly EnvVar[];
  /** All keys of ConfigMaps and Secrets as variables; later sources win. */
  readonly envFrom?: readonly EnvFromSource[];
  /** Says which ports the program listens on. A port that is not listed is reachable all the same. */
  readonly ports?: readonly ContainerPort[];
  /** Requests reserve room on a node, limits are enforced by it. */
  readonly resources?: ResourceRequirements;
  /** Where volumes of the pod appear in the container. */
  readonly volumeMounts?: readonly VolumeMount[];
  /** When it fails, the container is restarted. */
  readonly livenessProbe?: Probe;
  /** While it fails, no Service sends traffic to the pod. */
  readonly readinessProbe?: Probe;
  /** Until it succeeds once, the other probes wait. */
  readonly startupProbe?: Probe;
  /** Hooks after start and before stop. */
  readonly lifecycle?: Lifecycle;
  /** Users, groups and rights; wins over the pod's. */
  readonly securityContext?: SecurityContext;
  /** File whose content becomes the message of the ended container. */
  readonly terminationMessagePath?: string;
  /** FallbackToLogsOnError takes the end of the log when the file is empty and the exit code is not 0. */
  readonly terminationMessagePolicy?: "File" | "FallbackToLogsOnError";
  /** Keeps standard input open. */
  readonly stdin?: boolean;
  /** Gives the container a terminal; needs stdin to be of use. */
  readonly tty?: boolean;
  /** For each of cpu and memory, whether a change of it by the subresource resize starts the container anew. */
  readonly resizePolicy?: readonly ContainerResizePolicy[];
  /** Always makes an init container a sidecar, which starts before the others and runs beside them. */
  readonly restartPolicy?: "Always";
  /** Closes standard input after the first client has left. */
  readonly stdinOnce?: boolean;
  /** Raw block devices from PersistentVolumeClaims. */
  readonly volumeDevices?: readonly VolumeDevice[];
}

/** An image that the node has. */
export interface ContainerImage {
  readonly names: readonly string[];
  readonly sizeBytes: number;
}

/** A port that the container listens on. */
export interface ContainerPort {
  /** The port inside the pod. */
  readonly containerPort: number;
  /** Services and probes may name the port by it. */
  readonly name?: string;
  readonly protocol: "TCP" | "UDP";
  /** Address of the node on which hostPort is opened; without it, all. */
  readonly hostIP?: string;
  /** Opens the port on the node as well; one pod per node can have it. A Service of type NodePort is nearly always better. */
  readonly hostPort?: number;
}

/** What a change of a resource means for a running container. */
export interface ContainerResizePolicy {
  readonly resourceName: "cpu" | "memory";
  readonly restartPolicy: "NotRequired" | "RestartContainer";
}

/** CPU or memory of one container of each pod. */
export interface ContainerResourceMetricSource {
  readonly container: string;
  /** cpu or memory. */
  readonly name: string;
  readonly target: MetricTarget;
}

/** What one container of the pods uses. */
export interface ContainerResourceMetricStatus {
  readonly container: string;
  readonly current: MetricValueStatus;
  readonly name: string;
}

/** Waiting, running or terminated: one of them. */
export interface ContainerState {
  readonly running?: ContainerStateRunning;
  readonly terminated?: ContainerStateTerminated;
  readonly waiting?: ContainerStateWaiting;
}

/** Since when it runs. */
export interface ContainerStateRunning {
  readonly startedAt: string;
}

/** How it ended. */
export interface ContainerStateTerminated {
  readonly containerID?: string;
  readonly exitCode: number;
  readonly finishedAt?: string;
  readonly message?: string;
  readonly reason: string;
  readonly signal?: number;
  readonly startedAt?: string;
}

/** Why it does not run yet. */
export interface ContainerStateWaiting {
  readonly message?: string;
  readonly reason: string;
}

/** How one container stands. */
export interface ContainerStatus {
  readonly allocatedResources?: Amounts;
  readonly allocatedResourcesStatus?: readonly ResourceStatus[];
  readonly containerID?: string;
  readonly image: string;
  readonly imageID: string;
  readonly lastState: ContainerState;
  readonly name: string;
  readonly ready: boolean;
  readonly resources?: ResourceRequirements;
  readonly restartCount: number;
  readonly started?: boolean;
  readonly state: ContainerState;
  readonly stopSignal?: string;
  readonly user?: ContainerUser;
  readonly volumeMounts?: readonly VolumeMountStatus[];
}

/** Who the process is. */
export interface ContainerUser {
  readonly linux?: LinuxContainerUser;
}

/** apps/v1 ControllerRevision: A template as it was once, kept for a way back. */
export interface ControllerRevision {
  readonly apiVersion: "apps/v1";
  readonly kind: "ControllerRevision";
  readonly metadata: ObjectMeta;
  readonly data?: unknown;
  readonly revision: number;
}

/** batch/v1 CronJob: Makes a Job whenever its schedule says so. */
export interface CronJob {
  readonly apiVersion: "batch/v1";
  readonly kind: "CronJob";
  readonly metadata: ObjectMeta;
  readonly spec: CronJobSpec;
  readonly status?: CronJobStatus;
}

/** When, and what. */
export interface CronJobSpec {
  /** Forbid skips a run while one is under way, Replace ends the one under way. */
  readonly concurrencyPolicy: "Allow" | "Forbid" | "Replace";
  /** So many Jobs that failed are kept. */
  readonly failedJobsHistoryLimit: number;
  /** What each Job is made from. */
  readonly jobTemplate: JobTemplateSpec;
  /** Minute, hour, day, month, day of the week; or @hourly, @daily, @weekly, @monthly, @yearly. */
  readonly schedule: string;
  /** A run that is later than this is skipped. */
  readonly startingDeadlineSeconds?: number;
  /** So many Jobs that succeeded are kept. */
  readonly successfulJobsHistoryLimit: number;
  /** No more runs are started. */
  readonly suspend: boolean;
  /** A name such as Europe/Berlin; without it, the control plane's. */
  readonly timeZone?: string;
}

/** When it ran. */
export interface CronJobStatus {
  readonly active?: readonly ObjectReference[];
  readonly lastScheduleTime?: string;
  readonly lastSuccessfulTime?: string;
}

/** Names an object of the namespace. */
export interface CrossVersionObjectReference {
  readonly apiVersion?: string;
  readonly kind: string;
  readonly name: string;
}

/** A column that kubectl get shows. */
export interface CustomResourceColumnDefinition {
  readonly description?: string;
  readonly format?: string;
  readonly jsonPath: string;
  readonly name: string;
  readonly priority?: number;
  readonly type: string;
}

/** How objects get from one version to another. */
export interface CustomResourceConversion {
  readonly strategy: "None";
}

/** apiextensions.k8s.io/v1 CustomResourceDefinition: A kind of your own, with the schema of its objects. */
export interface CustomResourceDefinition {
  readonly apiVersion: "apiextensions.k8s.io/v1";
  readonly kind: "CustomResourceDefinition";
  readonly metadata: ObjectMeta;
  readonly spec: CustomResourceDefinitionSpec;
  readonly status?: CustomResourceDefinitionStatus;
}

/** Under which names the kind is known. */
export interface CustomResourceDefinitionNames {
  readonly categories?: readonly string[];
  readonly kind: string;
  readonly listKind?: string;
  /** Lower case; the object's name is plural.group. */
  readonly plural: string;
  readonly shortNames?: readonly string[];
  readonly singular?: string;
}

/** Names, scope and versions of the kind. */
export interface CustomResourceDefinitionSpec {
  readonly conversion?: CustomResourceConversion;
  readonly group: string;
  readonly names: CustomResourceDefinitionNames;
  readonly preserveUnknownFields?: false;
  readonly scope: "Namespaced" | "Cluster";
  readonly versions: readonly CustomResourceDefinitionVersion[];
}

/** Which names were taken. */
export interface CustomResourceDefinitionStatus {
  readonly acceptedNames?: CustomResourceDefinitionNames;
  readonly conditions?: readonly Condition[];
  readonly storedVersions?: readonly string[];
}

/** One version of the kind. */
export interface CustomResourceDefinitionVersion {
  readonly additionalPrinterColumns?: readonly CustomResourceColumnDefinition[];
  readonly deprecated?: boolean;
  readonly deprecationWarning?: string;
  readonly name: string;
  /** What its objects are checked with. */
  readonly schema?: CustomResourceValidation;
  readonly selectableFields?: readonly SelectableField[];
  readonly served: boolean;
  readonly storage: boolean;
  readonly subresources?: CustomResourceSubresources;
}

/** Where kubectl scale and autoscalers find the numbers. */
export interface CustomResourceSubresourceScale {
  readonly labelSelectorPath?: string;
  readonly specReplicasPath: string;
  readonly statusReplicasPath: string;
}

/** Whether status and scale are written by themselves. */
export interface CustomResourceSubresources {
  readonly scale?: CustomResourceSubresourceScale;
  readonly status?: unknown;
}

/** What objects are checked with. */
export interface CustomResourceValidation {
  readonly openAPIV3Schema?: JSONSchemaProps;
}

/** A port of the agent. */
export interface DaemonEndpoint {
  readonly Port: number;
}

/** apps/v1 DaemonSet: One pod on every node that fits. */
export interface DaemonSet {
  readonly apiVersion: "apps/v1";
  readonly kind: "DaemonSet";
  readonly metadata: ObjectMeta;
  readonly spec: DaemonSetSpec;
  readonly status?: DaemonSetStatus;
}

/** What the pods are, and how a change is rolled out. */
export interface DaemonSetSpec {
  /** A pod counts as available when it was ready for so long. */
  readonly minReadySeconds?: number;
  /** So many old revisions are kept. */
  readonly revisionHistoryLimit: number;
  /** Labels by which it knows its pods. It cannot be changed later. */
  readonly selector: LabelSelector;
  /** What the pods are; nodeSelector and affinity say which nodes. */
  readonly template: PodTemplateSpec;
  /** How a change of the template reaches the pods. */
  readonly updateStrategy: DaemonSetUpdateStrategy;
}

/** How a DaemonSet stands. */
export interface DaemonSetStatus {
  readonly collisionCount?: number;
  readonly conditions?: readonly Condition[];
  readonly currentNumberScheduled: number;
  readonly desiredNumberScheduled: number;
  readonly numberAvailable?: number;
  readonly numberMisscheduled: number;
  readonly numberReady: number;
  readonly numberUnavailable?: number;
  readonly observedGeneration?: number;
  readonly updatedNumberScheduled?: number;
}

/** How a change of the template reaches the pods. */
export interface DaemonSetUpdateStrategy {
  /** Bounds for type RollingUpdate. */
  readonly rollingUpdate?: RollingUpdateDaemonSet;
  /** OnDelete: a pod is renewed when someone deletes it. */
  readonly type: "RollingUpdate" | "OnDelete";
}

/** apps/v1 Deployment: Keeps a number of equal pods, and replaces them step by step when the template changes. */
export interface Deployment {
  readonly apiVersion: "apps/v1";
  readonly kind: "Deployment";
  readonly metadata: ObjectMeta;
  readonly spec: DeploymentSpec;
  readonly status?: DeploymentStatus;
}

/** How many pods of what kind, and how a change is rolled out. */
export interface DeploymentSpec {
  /** How many pods there are to be. Leave it out where an autoscaler decides. */
  readonly replicas: number;
  /** Labels by which it knows its pods. It cannot be changed later. */
  readonly selector: LabelSelector;
  /** What the pods are. A change of it is rolled out. */
  readonly template: PodTemplateSpec;
  /** How old pods give way to new ones. */
  readonly strategy: DeploymentStrategy;
  /** A pod counts as available when it was ready for so long. */
  readonly minReadySeconds?: number;
  /** A rollout that makes no progress for so long has failed. */
  readonly progressDeadlineSeconds: number;
  /** So many old ReplicaSets are kept. */
  readonly revisionHistoryLimit: number;
  /** Changes of the template wait. */
  readonly paused?: boolean;
}

/** How a Deployment stands. */
export interface DeploymentStatus {
  readonly availableReplicas?: number;
  readonly collisionCount?: number;
  readonly conditions?: readonly Condition[];
  readonly observedGeneration?: number;
  readonly readyReplicas?: number;
  readonly replicas?: number;
  readonly terminatingReplicas?: number;
  readonly unavailableReplicas?: number;
  readonly updatedReplicas?: number;
}

/** How old pods give way to new ones. */
export interface DeploymentStrategy {
  /** Recreate ends all old pods before the first new one starts. */
  readonly type: "RollingUpdate" | "Recreate";
  /** Bounds for type RollingUpdate. */
  readonly rollingUpdate?: RollingUpdateDeployment;
}

/** Fields of the pod as files. */
export interface DownwardAPIProjection {
  readonly items?: readonly DownwardAPIVolumeFile[];
}

/** One field as a file. */
export interface DownwardAPIVolumeFile {
  readonly fieldRef?: FileFieldSelector;
  /** Permission bits of this file. */
  readonly mode?: number;
  /** Relative to where the volume is mounted. */
  readonly path: string;
  readonly resourceFieldRef?: ResourceFieldSelector;
}

/** Fields of the pod as files. */
export interface DownwardAPIVolumeSource {
  /** Permission bits of the files. */
  readonly defaultMode: number;
  readonly items?: readonly DownwardAPIVolumeFile[];
}

/** An empty folder that lives as long as the pod. */
export interface EmptyDirVolumeSource {
  /** Memory keeps the files in RAM; they count against the memory limit. */
  readonly medium?: "" | "Memory";
  /** Medium Memory cannot hold more; on disk, a pod that writes more is evicted. */
  readonly sizeLimit?: string;
}

/** Addresses of one pod. */
export interface Endpoint {
  readonly addresses: readonly string[];
  readonly conditions: EndpointConditions;
  readonly deprecatedTopology?: Readonly<Record<string, string>>;
  readonly hints?: EndpointHints;
  readonly hostname?: string;
  readonly nodeName?: string;
  readonly targetRef?: ObjectReference;
  readonly zone?: string;
}

/** One address. */
export interface EndpointAddress {
  readonly hostname?: string;
  readonly ip: string;
  readonly nodeName?: string;
  readonly targetRef?: ObjectReference;
}

/** Whether it takes traffic. */
export interface EndpointConditions {
  readonly ready: boolean;
  readonly serving: boolean;
  readonly terminating: boolean;
}

/** Who should use it. */
export interface EndpointHints {
  readonly forNodes?: readonly ForNode[];
  readonly forZones?: readonly ForZone[];
}

/** A port of all endpoints of the slice. */
export interface EndpointPort {
  readonly appProtocol?: string;
  readonly name: string;
  readonly port: number;
  readonly protocol: "TCP" | "UDP";
}

/** discovery.k8s.io/v1 EndpointSlice: Addresses behind a Service, at most 100 in one slice. */
export interface EndpointSlice {
  readonly apiVersion: "discovery.k8s.io/v1";
  readonly kind: "EndpointSlice";
  readonly metadata: ObjectMeta;
  readonly addressType: "IPv4" | "IPv6" | "FQDN";
  readonly endpoints: readonly Endpoint[];
  readonly ports: readonly EndpointPort[];
}

/** Addresses with the same ports. */
export interface EndpointSubset {
  readonly addresses?: readonly EndpointAddress[];
  readonly notReadyAddresses?: readonly EndpointAddress[];
  readonly ports?: readonly EndpointsPort[];
}

/** v1 Endpoints: Addresses behind a Service, in the old form. */
export interface Endpoints {
  readonly apiVersion: "v1";
  readonly kind: "Endpoints";
  readonly metadata: ObjectMeta;
  readonly subsets?: readonly EndpointSubset[];
}

/** One port. */
export interface EndpointsPort {
  readonly appProtocol?: string;
  readonly name?: string;
  readonly port: number;
  readonly protocol?: "TCP" | "UDP" | "SCTP";
}

/** Exactly one ConfigMap or Secret whose keys become variables. */
export interface EnvFromSource {
  /** Put before each key. */
  readonly prefix?: string;
  readonly configMapRef?: OptionalObjectName;
  readonly secretRef?: OptionalObjectName;
}

/** One environment variable. */
export interface EnvVar {
  /** Any printable ASCII without "=". */
  readonly name: string;
  /** $(NAME) is expanded from earlier variables; $$ is a plain $. Numbers need quotes. */
  readonly value?: string;
  /** Takes the value from elsewhere when the container starts; later changes need a new pod. */
  readonly valueFrom?: EnvVarSource;
}

/** Exactly one source of a variable's value. */
export interface EnvVarSource {
  /** A field of the pod itself. */
  readonly fieldRef?: ObjectFieldSelector;
  /** One key of a ConfigMap in the pod's namespace. */
  readonly configMapKeyRef?: KeyRef;
  /** One key of a Secret in the pod's namespace. */
  readonly secretKeyRef?: KeyRef;
  /** A request or limit of a container. */
  readonly resourceFieldRef?: ResourceFieldSelector;
}

/** A container that kubectl debug adds to a running pod. */
export interface EphemeralContainer {
  readonly args?: readonly string[];
  readonly command?: readonly string[];
  readonly env?: readonly EnvVar[];
  readonly envFrom?: readonly EnvFromSource[];
  readonly image?: string;
  readonly imagePullPolicy?: string;
  readonly lifecycle?: Lifecycle;
  readonly livenessProbe?: Probe;
  readonly name: string;
  readonly ports?: readonly ContainerPort[];
  readonly readinessProbe?: Probe;
  /** For each of cpu and memory, whether a change of it by the subresource resize starts the container anew. */
  readonly resizePolicy?: readonly ContainerResizePolicy[];
  readonly resources?: ResourceRequirements;
  readonly restartPolicy?: string;
  readonly securityContext?: SecurityContext;
  readonly startupProbe?: Probe;
  readonly stdin?: boolean;
  readonly stdinOnce?: boolean;
  readonly targetContainerName?: string;
  readonly terminationMessagePath?: string;
  readonly terminationMessagePolicy?: string;
  readonly tty?: boolean;
  readonly volumeDevices?: readonly VolumeDevice[];
  readonly volumeMounts?: readonly VolumeMount[];
  readonly workingDir?: string;
}

/** A claim that is made for the pod and goes with it. */
export interface EphemeralVolumeSource {
  readonly volumeClaimTemplate: PersistentVolumeClaimTemplate;
}

/** v1 Event: Something that happened to an object. */
export interface Event {
  readonly apiVersion: "v1";
  readonly kind: "Event";
  readonly metadata: ObjectMeta;
  readonly action?: string;
  readonly count: number;
  readonly eventTime?: string;
  readonly firstTimestamp: string;
  readonly involvedObject: ObjectReference;
  readonly lastTimestamp: string;
  readonly message: string;
  readonly reason: string;
  readonly related?: ObjectReference;
  readonly reportingComponent?: string;
  readonly reportingInstance?: string;
  readonly series?: EventSeries;
  readonly source?: EventSource;
  readonly type: "Normal" | "Warning";
}

/** How often it happened. */
export interface EventSeries {
  readonly count?: number;
  readonly lastObservedTime?: string;
}

/** Who says so. */
export interface EventSource {
  readonly component?: string;
  readonly host?: string;
}

/** A program in the container. */
export interface ExecAction {
  /** Program and arguments; no shell is involved. Exit code 0 is success. */
  readonly command: readonly string[];
}

/** A page to read. */
export interface ExternalDocumentation {
  readonly description?: string;
  readonly url?: string;
}

/** A metric from outside of the cluster. */
export interface ExternalMetricSource {
  readonly metric: MetricIdentifier;
  readonly target: MetricTarget;
}

/** A measured value from outside. */
export interface ExternalMetricStatus {
  readonly current: MetricValueStatus;
  readonly metric: MetricIdentifier;
}

/** A field of the pod itself that a volume can write: one that changes is written again. */
export interface FileFieldSelector {
  readonly apiVersion?: "v1";
  readonly fieldPath: string;
}

/** A node that should use it. */
export interface ForNode {
  readonly name: string;
}

/** A zone that should use it. */
export interface ForZone {
  readonly name: string;
}

/** A call of the gRPC health service. */
export interface GrpcAction {
  readonly port: number;
  /** Name that the health service is asked for. */
  readonly service: string;
}

/** So many pods, or percent of them, within a time. */
export interface HPAScalingPolicy {
  readonly periodSeconds: number;
  readonly type: "Pods" | "Percent";
  readonly value: number;
}

/** How fast it goes in one direction. */
export interface HPAScalingRules {
  readonly policies?: readonly HPAScalingPolicy[];
  /** Which policy decides; Disabled keeps it from going this way. */
  readonly selectPolicy?: "Max" | "Min" | "Disabled";
  /** Looks back for so long, and takes the wish that changes least. */
  readonly stabilizationWindowSeconds?: number;
  /** A deviation from the target that changes nothing, 0.1 without it. */
  readonly tolerance?: string;
}

/** One path and its target. */
export interface HTTPIngressPath {
  readonly backend: IngressBackend;
  readonly path?: string;
  /** Prefix compares whole parts between slashes. */
  readonly pathType: "Exact" | "Prefix" | "ImplementationSpecific";
}

/** Paths and their targets. */
export interface HTTPIngressRuleValue {
  readonly paths: readonly HTTPIngressPath[];
}

/** autoscaling/v2 HorizontalPodAutoscaler: Changes the number of pods by what they use. */
export interface HorizontalPodAutoscaler {
  readonly apiVersion: "autoscaling/v2";
  readonly kind: "HorizontalPodAutoscaler";
  readonly metadata: ObjectMeta;
  readonly spec: HorizontalPodAutoscalerSpec;
  readonly status?: HorizontalPodAutoscalerStatus;
}

/** How fast it goes up and down. */
export interface HorizontalPodAutoscalerBehavior {
  /** Without it: to the highest wish of the last 5 minutes, as far as that goes. */
  readonly scaleDown?: HPAScalingRules;
  /** Without it: at once, by 4 pods or by as many as there are, every 15 seconds. */
  readonly scaleUp?: HPAScalingRules;
}

/** What is scaled, between which bounds, and by which metrics. */
export interface HorizontalPodAutoscalerSpec {
  /** How fast it goes up and down. */
  readonly behavior?: HorizontalPodAutoscalerBehavior;
  /** Never more pods than this. */
  readonly maxReplicas: number;
  /** The one that asks for the most pods wins. Without any: 80% of the requested CPU. */
  readonly metrics: readonly MetricSpec[];
  /** Never fewer pods than this. */
  readonly minReplicas: number;
  /** A Deployment, StatefulSet, ReplicaSet or ReplicationController. */
  readonly scaleTargetRef: CrossVersionObjectReference;
}

/** What is scaled, between which bounds. */
export interface HorizontalPodAutoscalerSpecV1 {
  /** Never more pods than this. */
  readonly maxReplicas: number;
  /** Never fewer pods than this. */
  readonly minReplicas: number;
  /** A Deployment, StatefulSet, ReplicaSet or ReplicationController. */
  readonly scaleTargetRef: CrossVersionObjectReference;
  /** Of what the pods request; 80 without it. */
  readonly targetCPUUtilizationPercentage?: number;
}

/** What was measured and decided last. */
export interface HorizontalPodAutoscalerStatus {
  readonly conditions?: readonly Condition[];
  readonly currentMetrics?: readonly MetricStatus[];
  readonly currentReplicas?: number;
  readonly desiredReplicas: number;
  readonly history?: ScalingHistory;
  readonly lastScaleTime?: string;
  readonly observedGeneration?: number;
}

/** What was measured and decided last. */
export interface HorizontalPodAutoscalerStatusV1 {
  readonly currentCPUUtilizationPercentage?: number;
  readonly currentReplicas: number;
  readonly desiredReplicas: number;
  readonly lastScaleTime?: string;
  readonly observedGeneration?: number;
}

/** autoscaling/v1 HorizontalPodAutoscalerV1: Changes the number of pods by the CPU they use. autoscaling/v2 has more metrics. */
export interface HorizontalPodAutoscalerV1 {
  readonly apiVersion: "autoscaling/v1";
  readonly kind: "HorizontalPodAutoscaler";
  readonly metadata: ObjectMeta;
  readonly spec: HorizontalPodAutoscalerSpecV1;
  readonly status?: HorizontalPodAutoscalerStatusV1;
}

/** Host names for an address, in /etc/hosts. */
export interface HostAlias {
  readonly hostnames?: readonly string[];
  readonly ip: string;
}

/** An address of the node. */
export interface HostIP {
  readonly ip: string;
}

/** A file or folder of the node. */
export interface HostPathVolumeSource {
  /** On the node. */
  readonly path: string;
  /** What must be there, or is made; without it nothing is checked. */
  readonly type?: "" | "DirectoryOrCreate" | "Directory" | "FileOrCreate" | "File" | "Socket" | "CharDevice" | "BlockDevice";
}

/** A GET request; an answer from 200 to 399 is success. */
export interface HttpGetAction {
  readonly path?: string;
  /** Number, or name of a port of the container. */
  readonly port: number | string;
  /** Without it, the pod's address. */
  readonly host?: string;
  /** HTTPS does not check the certificate. */
  readonly scheme: "HTTP" | "HTTPS";
  readonly httpHeaders?: readonly HttpHeader[];
}

/** One header of the request. */
export interface HttpHeader {
  readonly name: string;
  readonly value: string;
}

/** A range of addresses. */
export interface IPBlock {
  readonly cidr: string;
  /** Ranges within it that are left out. */
  readonly except?: readonly string[];
}

/** The files of an image, to be read. */
export interface ImageVolumeSource {
  /** Always for the tag latest or no tag, else IfNotPresent. */
  readonly pullPolicy?: "Always" | "IfNotPresent" | "Never";
  readonly reference: string;
}

/** networking.k8s.io/v1 Ingress: HTTP and HTTPS from outside, by host and path. */
export interface Ingress {
  readonly apiVersion: "networking.k8s.io/v1";
  readonly kind: "Ingress";
  readonly metadata: ObjectMeta;
  readonly spec: IngressSpec;
  readonly status?: IngressStatus;
}

/** Exactly one target. */
export interface IngressBackend {
  readonly resource?: TypedLocalObjectReference;
  readonly service?: IngressServiceBackend;
}

/** networking.k8s.io/v1 IngressClass: A name for a controller of Ingresses. */
export interface IngressClass {
  readonly apiVersion: "networking.k8s.io/v1";
  readonly kind: "IngressClass";
  readonly metadata: ObjectMeta;
  readonly spec?: IngressClassSpec;
}

/** Settings of the controller. */
export interface IngressClassParametersReference {
  readonly apiGroup?: string;
  readonly kind: string;
  readonly name: string;
  readonly namespace?: string;
  readonly scope?: "Cluster" | "Namespace";
}

/** Which controller. */
export interface IngressClassSpec {
  readonly controller?: string;
  readonly parameters?: IngressClassParametersReference;
}

/** One address. */
export interface IngressLoadBalancerIngress {
  readonly hostname?: string;
  readonly ip?: string;
  readonly ports?: readonly IngressPortStatus[];
}

/** Addresses at which it answers. */
export interface IngressLoadBalancerStatus {
  readonly ingress?: readonly IngressLoadBalancerIngress[];
}

/** One port of an address. */
export interface IngressPortStatus {
  readonly error?: string;
  readonly port: number;
  readonly protocol: string;
}

/** Paths of one host. */
export interface IngressRule {
  /** A name, or *.name for all names one label below; without it, every host. */
  readonly host?: string;
  readonly http?: HTTPIngressRuleValue;
}

/** A Service of the namespace. */
export interface IngressServiceBackend {
  readonly name: string;
  readonly port: ServiceBackendPort;
}

/** Rules, certificates and what takes the rest. */
export interface IngressSpec {
  /** What no rule matches. */
  readonly defaultBackend?: IngressBackend;
  /** Which controller is meant. */
  readonly ingressClassName?: string;
  /** By host; without a match, defaultBackend. */
  readonly rules?: readonly IngressRule[];
  /** Certificates by host. */
  readonly tls?: readonly IngressTLS[];
}

/** Addresses at which it answers. */
export interface IngressStatus {
  readonly loadBalancer?: IngressLoadBalancerStatus;
}

/** A certificate for some hosts. */
export interface IngressTLS {
  readonly hosts?: readonly string[];
  /** A Secret of type kubernetes.io/tls. */
  readonly secretName?: string;
}

/** A schema of OpenAPI 3, structural as Kubernetes asks for. */
export interface JSONSchemaProps {
  readonly "$ref"?: string;
  readonly "$schema"?: string;
  readonly additionalItems?: unknown;
  readonly additionalProperties?: unknown;
  readonly allOf?: readonly JSONSchemaProps[];
  readonly anyOf?: readonly JSONSchemaProps[];
  readonly default?: unknown;
  readonly definitions?: Readonly<Record<string, JSONSchemaProps>>;
  readonly dependencies?: Readonly<Record<string, unknown>>;
  readonly description?: string;
  readonly enum?: readonly unknown[];
  readonly example?: unknown;
  readonly exclusiveMaximum?: boolean;
  readonly exclusiveMinimum?: boolean;
  readonly externalDocs?: ExternalDocumentation;
  readonly format?: string;
  readonly id?: string;
  readonly items?: unknown;
  readonly maxItems?: number;
  readonly maxLength?: number;
  readonly maxProperties?: number;
  readonly maximum?: number;
  readonly minItems?: number;
  readonly minLength?: number;
  readonly minProperties?: number;
  readonly minimum?: number;
  readonly multipleOf?: number;
  readonly not?: JSONSchemaProps;
  readonly nullable?: boolean;
  readonly oneOf?: readonly JSONSchemaProps[];
  readonly pattern?: string;
  readonly patternProperties?: Readonly<Record<string, JSONSchemaProps>>;
  readonly properties?: Readonly<Record<string, JSONSchemaProps>>;
  readonly required?: readonly string[];
  readonly title?: string;
  readonly type?: string;
  readonly uniqueItems?: boolean;
  readonly "x-kubernetes-embedded-resource"?: boolean;
  readonly "x-kubernetes-int-or-string"?: boolean;
  readonly "x-kubernetes-list-map-keys"?: readonly string[];
  readonly "x-kubernetes-list-type"?: string;
  readonly "x-kubernetes-map-type"?: string;
  readonly "x-kubernetes-preserve-unknown-fields"?: boolean;
  readonly "x-kubernetes-validations"?: readonly ValidationRule[];
}

/** batch/v1 Job: Pods that run until a number of them has succeeded. */
export interface Job {
  readonly apiVersion: "batch/v1";
  readonly kind: "Job";
  readonly metadata: ObjectMeta;
  readonly spec: JobSpec;
  readonly status?: JobStatus;
}

/** What is run, how often, and when it has failed. */
export interface JobSpec {
  /** So many pods run at a time. */
  readonly parallelism: number;
  /** So many pods must succeed. Without it (and with parallelism) one success ends the Job. */
  readonly completions?: number;
  /** Indexed gives each pod a number from 0, in JOB_COMPLETION_INDEX. */
  readonly completionMode: "NonIndexed" | "Indexed";
  /** So many failed pods are tried again before the Job has failed. */
  readonly backoffLimit: number;
  /** The Job fails when it has run for so long. */
  readonly activeDeadlineSeconds?: number;
  /** The Job is deleted so long after its end. */
  readonly ttlSecondsAfterFinished?: number;
  /** true ends its pods and waits. */
  readonly suspend?: boolean;
  /** What the pods are; restartPolicy must be OnFailure or Never. */
  readonly template: PodTemplateSpec;
  /** The same for each index. */
  readonly backoffLimitPerIndex?: number;
  readonly managedBy?: string;
  /** The selector is yours to choose; two Jobs must not share one. */
  readonly manualSelector?: boolean;
  /** With more failed indexes the Job has failed. */
  readonly maxFailedIndexes?: number;
  /** What a failed pod means, by exit code or condition. */
  readonly podFailurePolicy?: PodFailurePolicy;
  /** Failed: a pod is replaced when it has ended, not when it begins to. */
  readonly podReplacementPolicy?: "TerminatingOrFailed" | "Failed";
  /** Made by Berth unless manualSelector is true. */
  readonly selector?: LabelSelector;
  /** When an Indexed Job has succeeded before all indexes have. */
  readonly successPolicy?: SuccessPolicy;
}

/** How a Job stands. */
export interface JobStatus {
  readonly active?: number;
  readonly completedIndexes?: string;
  readonly completionTime?: string;
  readonly conditions?: readonly Condition[];
  readonly failed?: number;
  readonly failedIndexes?: string;
  readonly ready?: number;
  readonly startTime?: string;
  readonly succeeded?: number;
  readonly terminating?: number;
  readonly uncountedTerminatedPods?: UncountedTerminatedPods;
}

/** What each Job is made from. */
export interface JobTemplateSpec {
  readonly metadata?: TemplateMeta;
  readonly spec: JobSpec;
}

/** One key of a ConfigMap or Secret. */
export interface KeyRef {
  readonly name: string;
  readonly key: string;
  /** Without it the container waits until object and key exist. */
  readonly optional?: boolean;
}

/** One key as a file. */
export interface KeyToPath {
  readonly key: string;
  /** Relative to where the volume is mounted. */
  readonly path: string;
  /** Permission bits of this file. */
  readonly mode?: number;
}

/** One requirement on a label. */
export interface LabelRequirement {
  readonly key: string;
  readonly operator: "In" | "NotIn" | "Exists" | "DoesNotExist";
  /** Needed for In and NotIn, forbidden for the others. */
  readonly values?: readonly string[];
}

/** All its requirements must hold. An empty one selects everything. */
export interface LabelSelector {
  /** Labels that must have these very values. */
  readonly matchLabels?: Labels;
  /** Requirements of more kinds than equality. */
  readonly matchExpressions?: readonly LabelRequirement[];
}

/** Label names with their values. */
export type Labels = Readonly<Record<string, string>>;

/** coordination.k8s.io/v1 Lease: Who leads, or that a node is alive. */
export interface Lease {
  readonly apiVersion: "coordination.k8s.io/v1";
  readonly kind: "Lease";
  readonly metadata: ObjectMeta;
  readonly spec: LeaseSpec;
}

/** Who holds it, and since when. */
export interface LeaseSpec {
  readonly acquireTime?: string;
  readonly holderIdentity: string;
  readonly leaseDurationSeconds: number;
  readonly leaseTransitions?: number;
  readonly preferredHolder?: string;
  readonly renewTime: string;
  readonly strategy?: string;
}

/** What is run after a container's start and before its stop. */
export interface Lifecycle {
  /** Runs right after the start; when it fails, the container is restarted. */
  readonly postStart?: LifecycleHandler;
  /** Runs before SIGTERM, within the grace period. */
  readonly preStop?: LifecycleHandler;
  /** The signal that asks the container to end; without it the image's, else SIGTERM. */
  readonly stopSignal?: string;
}

/** Exactly one thing to do. */
export interface LifecycleHandler {
  /** Runs a program in the container. */
  readonly exec?: ExecAction;
  /** Sends a request to the pod. */
  readonly httpGet?: HttpGetAction;
  /** Waits. */
  readonly sleep?: SleepAction;
  readonly tcpSocket?: TcpSocketAction;
}

/** v1 LimitRange: Defaults and bounds for single pods, containers and claims of a namespace. */
export interface LimitRange {
  readonly apiVersion: "v1";
  readonly kind: "LimitRange";
  readonly metadata: ObjectMeta;
  readonly spec: LimitRangeSpec;
}

/** Bounds for one type of thing. */
export interface LimitRangeItem {
  /** Limits of containers that state none. */
  readonly default?: Amounts;
  /** Requests of containers that state none. */
  readonly defaultRequest?: Amounts;
  readonly max?: Amounts;
  /** Limit divided by request is at most this. */
  readonly maxLimitRequestRatio?: Amounts;
  readonly min?: Amounts;
  readonly type: "Pod" | "Container" | "PersistentVolumeClaim";
}

/** The bounds. */
export interface LimitRangeSpec {
  readonly limits: readonly LimitRangeItem[];
}

/** Ids of the process. */
export interface LinuxContainerUser {
  readonly gid: number;
  readonly supplementalGroups?: readonly number[];
  readonly uid: number;
}

/** One way in. */
export interface LoadBalancerIngress {
  readonly hostname?: string;
  readonly ip?: string;
  readonly ipMode?: string;
  readonly ports?: readonly PortStatus[];
}

/** Addresses that a balancer gave. */
export interface LoadBalancerStatus {
  readonly ingress?: readonly LoadBalancerIngress[];
}

/** Names an object of the same namespace. */
export interface LocalObjectReference {
  readonly name?: string;
}

/** A folder or disk of one node. */
export interface LocalVolumeSource {
  readonly fsType?: string;
  /** On the node. */
  readonly path: string;
}

/** Which client wrote which fields. */
export interface ManagedFieldsEntry {
  readonly apiVersion?: string;
  readonly fieldsType?: string;
  readonly fieldsV1?: Readonly<Record<string, unknown>>;
  readonly manager?: string;
  readonly operation?: "Apply" | "Update";
  readonly subresource?: string;
  readonly time?: string;
}

/** Name and labels of a metric. */
export interface MetricIdentifier {
  readonly name: string;
  readonly selector?: LabelSelector;
}

/** One metric and the value that it is to have. */
export interface MetricSpec {
  /** CPU or memory of one container of the pods. */
  readonly containerResource?: ContainerResourceMetricSource;
  /** A metric from outside of the cluster. */
  readonly external?: ExternalMetricSource;
  /** A metric of one other object. */
  readonly object?: ObjectMetricSource;
  /** A metric of the pods, averaged. */
  readonly pods?: PodsMetricSource;
  /** CPU or memory of the pods. */
  readonly resource?: ResourceMetricSource;
  /** Names the field that says more. */
  readonly type: "Resource" | "ContainerResource" | "Pods" | "Object" | "External";
}

/** What was measured of one metric. */
export interface MetricStatus {
  readonly containerResource?: ContainerResourceMetricStatus;
  readonly external?: ExternalMetricStatus;
  readonly object?: ObjectMetricStatus;
  readonly pods?: PodsMetricStatus;
  readonly resource?: ResourceMetricStatus;
  readonly type: "Resource" | "ContainerResource" | "Pods" | "Object" | "External";
}

/** The value that a metric is to have. */
export interface MetricTarget {
  /** Percent of what the pods request. */
  readonly averageUtilization?: number;
  /** For each pod. */
  readonly averageValue?: string;
  /** Names the field that has the value. */
  readonly type: "Utilization" | "Value" | "AverageValue";
  /** For all pods together. */
  readonly value?: string;
}

/** A measured value. */
export interface MetricValueStatus {
  readonly averageUtilization?: number;
  readonly averageValue?: string;
  readonly value?: string;
}

/** A change of settings that is under way. */
export interface ModifyVolumeStatus {
  readonly status: string;
  readonly targetVolumeAttributesClassName?: string;
}

/** A folder of an NFS server. */
export interface NFSVolumeSource {
  /** Absolute, on the server. */
  readonly path: string;
  readonly readOnly?: boolean;
  /** Host name or address. */
  readonly server: string;
}

/** v1 Namespace: A room for names. Deleting it deletes everything in it. */
export interface Namespace {
  readonly apiVersion: "v1";
  readonly kind: "Namespace";
  readonly metadata: ObjectMeta;
  readonly spec?: NamespaceSpec;
  readonly status?: NamespaceStatus;
}

/** Who must clean up before it goes. */
export interface NamespaceSpec {
  readonly finalizers?: readonly string[];
}

/** Whether it is on its way out. */
export interface NamespaceStatus {
  readonly conditions?: readonly Condition[];
  readonly phase: "Active" | "Terminating";
}

/** networking.k8s.io/v1 NetworkPolicy: Who may reach the pods that it selects, and whom they may reach. */
export interface NetworkPolicy {
  readonly apiVersion: "networking.k8s.io/v1";
  readonly kind: "NetworkPolicy";
  readonly metadata: ObjectMeta;
  readonly spec?: NetworkPolicySpec;
}

/** Targets and ports; both must match. */
export interface NetworkPolicyEgressRule {
  readonly ports?: readonly NetworkPolicyPort[];
  readonly to?: readonly NetworkPolicyPeer[];
}

/** Sources and ports; both must match. */
export interface NetworkPolicyIngressRule {
  readonly from?: readonly NetworkPolicyPeer[];
  readonly ports?: readonly NetworkPolicyPort[];
}

/** Pods by label, or a range of addresses. */
export interface NetworkPolicyPeer {
  readonly ipBlock?: IPBlock;
  readonly namespaceSelector?: LabelSelector;
  readonly podSelector?: LabelSelector;
}

/** A port, or a range of ports. */
export interface NetworkPolicyPort {
  /** Last port of the range that begins with port. */
  readonly endPort?: number;
  readonly port?: number | string;
  readonly protocol: "TCP" | "UDP";
}

/** A selected pod takes (or sends) only what some policy allows. */
export interface NetworkPolicySpec {
  /** What the pods may reach. */
  readonly egress?: readonly NetworkPolicyEgressRule[];
  /** Who may reach the pods. */
  readonly ingress?: readonly NetworkPolicyIngressRule[];
  /** An empty one selects every pod of the namespace. */
  readonly podSelector: LabelSelector;
  /** Without it Ingress, and Egress when egress is there. */
  readonly policyTypes?: readonly ("Ingress" | "Egress")[];
}

/** v1 Node: A Docker host. The agent on it writes the object. */
export interface Node {
  readonly apiVersion: "v1";
  readonly kind: "Node";
  readonly metadata: ObjectMeta;
  readonly spec: NodeSpec;
  readonly status?: NodeStatus;
}

/** One address or name of the node. */
export interface NodeAddress {
  readonly address: string;
  readonly type: string;
}

/** Which nodes a pod needs or prefers. */
export interface NodeAffinity {
  /** Wishes with weights; the best sum wins. */
  readonly preferredDuringSchedulingIgnoredDuringExecution?: readonly PreferredSchedulingTerm[];
  /** No other node is taken. Pods that run already stay. */
  readonly requiredDuringSchedulingIgnoredDuringExecution?: NodeSelector;
}

/** Kubernetes no longer fills it. */
export interface NodeConfigSource {
  readonly configMap?: ConfigMapNodeConfigSource;
}

/** Kubernetes no longer fills it. */
export interface NodeConfigStatus {
  readonly active?: NodeConfigSource;
  readonly assigned?: NodeConfigSource;
  readonly error?: string;
  readonly lastKnownGood?: NodeConfigSource;
}

/** Ports of the agent. */
export interface NodeDaemonEndpoints {
  readonly kubeletEndpoint?: DaemonEndpoint;
}

/** What the container runtime can do. */
export interface NodeFeatures {
  readonly supplementalGroupsPolicy?: boolean;
}

/** A container runtime of the node. */
export interface NodeRuntimeHandler {
  readonly features?: NodeRuntimeHandlerFeatures;
  readonly name?: string;
}

/** What that runtime can do. */
export interface NodeRuntimeHandlerFeatures {
  readonly recursiveReadOnlyMounts?: boolean;
  readonly userNamespaces?: boolean;
}

/** A node must match one of the terms. */
export interface NodeSelector {
  readonly nodeSelectorTerms: readonly NodeSelectorTerm[];
}

/** One requirement on a node's label or field. */
export interface NodeSelectorRequirement {
  readonly key: string;
  /** Gt and Lt compare whole numbers. */
  readonly operator: "In" | "NotIn" | "Exists" | "DoesNotExist" | "Gt" | "Lt";
  /** Needed for In and NotIn; one number for Gt and Lt; none for the others. */
  readonly values?: readonly string[];
}

/** All requirements of a term must hold; an empty term matches no node. */
export interface NodeSelectorTerm {
  readonly matchExpressions?: readonly NodeSelectorRequirement[];
  /** Only metadata.name, with one value. */
  readonly matchFields?: readonly NodeSelectorRequirement[];
}

/** Whether and for whom the node takes pods. */
export interface NodeSpec {
  readonly configSource?: NodeConfigSource;
  readonly externalID?: string;
  readonly podCIDR?: string;
  readonly podCIDRs?: readonly string[];
  readonly providerID?: string;
  readonly taints?: readonly Taint[];
  readonly unschedulable?: boolean;
}

/** What the node has and how it is. */
export interface NodeStatus {
  readonly addresses?: readonly NodeAddress[];
  readonly allocatable?: Amounts;
  readonly capacity?: Amounts;
  readonly conditions?: readonly Condition[];
  readonly config?: NodeConfigStatus;
  readonly daemonEndpoints?: NodeDaemonEndpoints;
  readonly features?: NodeFeatures;
  readonly images?: readonly ContainerImage[];
  readonly nodeInfo?: NodeSystemInfo;
  readonly phase?: string;
  readonly runtimeHandlers?: readonly NodeRuntimeHandler[];
  readonly volumesAttached?: readonly AttachedVolume[];
  readonly volumesInUse?: readonly string[];
}

/** Swap memory. */
export interface NodeSwapStatus {
  readonly capacity?: number;
}

/** System and versions. */
export interface NodeSystemInfo {
  readonly architecture: string;
  readonly bootID: string;
  readonly containerRuntimeVersion: string;
  readonly kernelVersion: string;
  readonly kubeProxyVersion: string;
  readonly kubeletVersion: string;
  readonly machineID: string;
  readonly operatingSystem: string;
  readonly osImage: string;
  readonly swap?: NodeSwapStatus;
  readonly systemUUID: string;
}

/** Names a field of the pod. */
export interface ObjectFieldSelector {
  readonly apiVersion?: "v1";
  readonly fieldPath: string;
}

/** Name, labels and annotations of an object; the rest is written by the cluster. */
export interface ObjectMeta {
  /** Unique among the objects of its kind in its namespace. */
  readonly name: string;
  /** Without it, the one that the App gives. */
  readonly namespace?: string;
  /** Words by which selectors find objects. */
  readonly labels?: Labels;
  /** Notes that no selector sees. */
  readonly annotations?: Annotations;
  /** When the object was made. */
  readonly creationTimestamp?: string;
  /** Seconds it has from then on. */
  readonly deletionGracePeriodSeconds?: number;
  /** When its deletion was asked for. */
  readonly deletionTimestamp?: string;
  /** Each keeps the object after its deletion until its owner has removed the entry. */
  readonly finalizers?: readonly string[];
  /** Start of a name that the cluster completes. */
  readonly generateName?: string;
  /** Counts the changes of spec. */
  readonly generation?: number;
  readonly managedFields?: readonly ManagedFieldsEntry[];
  /** Objects without which this one is removed. */
  readonly ownerReferences?: readonly OwnerReference[];
  /** Changes with every write; clients compare it. */
  readonly resourceVersion?: string;
  /** Kubernetes no longer fills it. */
  readonly selfLink?: string;
  /** Tells objects of the same name apart. */
  readonly uid?: string;
}

/** A metric of one other object. */
export interface ObjectMetricSource {
  readonly describedObject: CrossVersionObjectReference;
  readonly metric: MetricIdentifier;
  readonly target: MetricTarget;
}

/** A measured value of an object. */
export interface ObjectMetricStatus {
  readonly current: MetricValueStatus;
  readonly describedObject: CrossVersionObjectReference;
  readonly metric: MetricIdentifier;
}

/** Names one object of the cluster, whether or not it exists. */
export interface ObjectName {
  readonly apiVersion: string;
  readonly kind: string;
  /** Absent for cluster-scoped kinds. */
  readonly namespace?: string;
  readonly name: string;
}

/** Names an object of the cluster. */
export interface ObjectReference {
  readonly apiVersion?: string;
  readonly fieldPath?: string;
  readonly kind: string;
  readonly name: string;
  readonly namespace?: string;
  readonly resourceVersion?: string;
  readonly uid?: string;
}

/** Names a ConfigMap or Secret. */
export interface OptionalObjectName {
  readonly name: string;
  /** Without it the container waits until the object exists. */
  readonly optional?: boolean;
}

/** Names the object that this one belongs to. */
export interface OwnerReference {
  readonly apiVersion: string;
  /** A foreground deletion of the owner waits for this object. */
  readonly blockOwnerDeletion?: boolean;
  /** Whether it is the one that manages this object; at most one is. */
  readonly controller?: boolean;
  readonly kind: string;
  readonly name: string;
  readonly uid: string;
}

/** v1 PersistentVolume: Storage of the cluster, made by hand or for a claim. */
export interface PersistentVolume {
  readonly apiVersion: "v1";
  readonly kind: "PersistentVolume";
  readonly metadata: ObjectMeta;
  readonly spec: PersistentVolumeSpec;
  readonly status?: PersistentVolumeStatus;
}

/** v1 PersistentVolumeClaim: Asks for storage that outlives pods. */
export interface PersistentVolumeClaim {
  readonly apiVersion: "v1";
  readonly kind: "PersistentVolumeClaim";
  readonly metadata: ObjectMeta;
  readonly spec: PersistentVolumeClaimSpec;
  readonly status?: PersistentVolumeClaimStatus;
}

/** What storage is asked for. */
export interface PersistentVolumeClaimSpec {
  /** Who may mount it at the same time. */
  readonly accessModes: readonly ("ReadWriteOnce" | "ReadOnlyMany" | "ReadWriteMany" | "ReadWriteOncePod")[];
  /** Copies a claim or a snapshot. */
  readonly dataSource?: TypedLocalObjectReference;
  /** Copies a claim or a snapshot. */
  readonly dataSourceRef?: TypedObjectReference;
  /** requests.storage says how much. */
  readonly resources: VolumeResourceRequirements;
  /** Only volumes with these labels. */
  readonly selector?: LabelSelector;
  /** Without it the default class; "" takes only volumes without a class. */
  readonly storageClassName?: string;
  /** Settings of a CSI driver. */
  readonly volumeAttributesClassName?: string;
  /** Block gives a raw device instead of a folder. */
  readonly volumeMode: "Filesystem";
  /** This very volume. */
  readonly volumeName?: string;
}

/** What storage a claim has got. */
export interface PersistentVolumeClaimStatus {
  readonly accessModes?: readonly string[];
  readonly allocatedResourceStatuses?: Readonly<Record<string, string>>;
  readonly allocatedResources?: Amounts;
  readonly capacity?: Amounts;
  readonly conditions?: readonly Condition[];
  readonly currentVolumeAttributesClassName?: string;
  readonly modifyVolumeStatus?: ModifyVolumeStatus;
  readonly phase?: "Pending" | "Bound" | "Lost";
}

/** What the claim is made from. */
export interface PersistentVolumeClaimTemplate {
  readonly metadata?: TemplateMeta;
  readonly spec: PersistentVolumeClaimSpec;
}

/** A PersistentVolumeClaim of the pod's namespace. */
export interface PersistentVolumeClaimVolumeSource {
  readonly claimName: string;
  readonly readOnly?: boolean;
}

/** What the storage is and who may have it. */
export interface PersistentVolumeSpec {
  /** Who may mount it at the same time. */
  readonly accessModes: readonly ("ReadWriteOnce" | "ReadOnlyMany" | "ReadWriteMany" | "ReadWriteOncePod")[];
  readonly capacity: Amounts;
  /** The claim that has it, or is to have it. */
  readonly claimRef?: ObjectReference;
  /** A volume of the Docker Engine, by its name. */
  readonly csi?: CSIPersistentVolumeSource;
  readonly hostPath?: HostPathVolumeSource;
  /** A folder or disk of one node; nodeAffinity says which. */
  readonly local?: LocalVolumeSource;
  /** Options of mount, for nfs. */
  readonly mountOptions?: readonly string[];
  readonly nfs?: NFSVolumeSource;
  /** Nodes that can reach it. */
  readonly nodeAffinity?: VolumeNodeAffinity;
  /** What happens to it when its claim is gone. */
  readonly persistentVolumeReclaimPolicy: "Retain" | "Delete";
  /** Only claims with the same class get it. */
  readonly storageClassName?: string;
  readonly volumeAttributesClassName?: string;
  readonly volumeMode: "Filesystem";
}

/** Whether it is free, bound or released. */
export interface PersistentVolumeStatus {
  readonly lastPhaseTransitionTime?: string;
  readonly message?: string;
  readonly phase?: "Pending" | "Available" | "Bound" | "Released" | "Failed";
  readonly reason?: string;
}

/** v1 Pod: Containers that run together on one node. Most often made by a Deployment, StatefulSet or Job. */
export interface Pod {
  readonly apiVersion: "v1";
  readonly kind: "Pod";
  readonly metadata: ObjectMeta;
  readonly spec: PodSpec;
  readonly status?: PodStatus;
}

/** Which pods must or should be near. */
export interface PodAffinity {
  /** Wishes with weights. */
  readonly preferredDuringSchedulingIgnoredDuringExecution?: readonly WeightedPodAffinityTerm[];
  /** No other place is taken. Pods that run already stay. */
  readonly requiredDuringSchedulingIgnoredDuringExecution?: readonly PodAffinityTerm[];
}

/** Pods by label, and what counts as near. */
export interface PodAffinityTerm {
  /** Which pods; without it, none. */
  readonly labelSelector?: LabelSelector;
  /** Labels of the new pod whose values the others must share. */
  readonly matchLabelKeys?: readonly string[];
  /** Labels of the new pod whose values the others must not share. */
  readonly mismatchLabelKeys?: readonly string[];
  /** Namespaces by label, beside namespaces; an empty one means all. */
  readonly namespaceSelector?: LabelSelector;
  /** Without both, the pod's own. */
  readonly namespaces?: readonly string[];
  /** Nodes with the same value of this label count as one place. */
  readonly topologyKey: string;
}

/** Which pods must not or should not be near. */
export interface PodAntiAffinity {
  /** Wishes with weights. */
  readonly preferredDuringSchedulingIgnoredDuringExecution?: readonly WeightedPodAffinityTerm[];
  /** No other place is taken. Pods that run already stay. */
  readonly requiredDuringSchedulingIgnoredDuringExecution?: readonly PodAffinityTerm[];
}

/** Name resolution of a pod, beside its dnsPolicy. */
export interface PodDNSConfig {
  /** Asked first; at most 3. */
  readonly nameservers?: readonly string[];
  /** Lines for resolv.conf, such as ndots. */
  readonly options?: readonly PodDNSConfigOption[];
  /** Domains that are tried for short names; at most 32. */
  readonly searches?: readonly string[];
}

/** One option of resolv.conf. */
export interface PodDNSConfigOption {
  readonly name: string;
  readonly value?: string;
}

/** policy/v1 PodDisruptionBudget: How many pods a drain of nodes may take away at the same time. */
export interface PodDisruptionBudget {
  readonly apiVersion: "policy/v1";
  readonly kind: "PodDisruptionBudget";
  readonly metadata: ObjectMeta;
  readonly spec: PodDisruptionBudgetSpec;
  readonly status?: PodDisruptionBudgetStatus;
}

/** At most one of the two bounds. */
export interface PodDisruptionBudgetSpec {
  /** So many pods may be away. */
  readonly maxUnavailable?: number | string;
  /** So many pods must stay. */
  readonly minAvailable?: number | string;
  /** Which pods; an empty one means all of the namespace. */
  readonly selector?: LabelSelector;
  /** AlwaysAllow: pods that are not ready may always go. */
  readonly unhealthyPodEvictionPolicy?: "IfHealthyBudget" | "AlwaysAllow";
}

/** How many pods may go now. */
export interface PodDisruptionBudgetStatus {
  readonly conditions?: readonly Condition[];
  readonly currentHealthy: number;
  readonly desiredHealthy: number;
  readonly disruptedPods?: Readonly<Record<string, string>>;
  readonly disruptionsAllowed: number;
  readonly expectedPods: number;
  readonly observedGeneration?: number;
}

/** Rules for failed pods; the first that matches decides. */
export interface PodFailurePolicy {
  readonly rules: readonly PodFailurePolicyRule[];
}

/** Exit codes that a rule is about. */
export interface PodFailurePolicyOnExitCodesRequirement {
  /** Without it, any container. */
  readonly containerName?: string;
  readonly operator: "In" | "NotIn";
  readonly values: readonly number[];
}

/** A condition that a rule is about. */
export interface PodFailurePolicyOnPodConditionsPattern {
  readonly status?: "True" | "False" | "Unknown";
  readonly type: string;
}

/** What a pod that failed in this way means. */
export interface PodFailurePolicyRule {
  /** Ignore: the pod does not count towards backoffLimit. */
  readonly action: "FailJob" | "FailIndex" | "Ignore" | "Count";
  readonly onExitCodes?: PodFailurePolicyOnExitCodesRequirement;
  readonly onPodConditions?: readonly PodFailurePolicyOnPodConditionsPattern[];
}

/** An address of the pod. */
export interface PodIP {
  readonly ip: string;
}

/** The system that the containers are made for. */
export interface PodOS {
  readonly name: "linux";
}

/** A condition that must be True before the pod is ready. */
export interface PodReadinessGate {
  readonly conditionType: string;
}

/** A device claim of the pod. */
export interface PodResourceClaim {
  readonly name: string;
  readonly resourceClaimName?: string;
  readonly resourceClaimTemplateName?: string;
}

/** The claim that was made for the pod. */
export interface PodResourceClaimStatus {
  readonly name: string;
  readonly resourceClaimName?: string;
}

/** Something that a pod waits for before it is placed. */
export interface PodSchedulingGate {
  readonly name: string;
}

/** Users and groups of all containers; a container's own settings win. */
export interface PodSecurityContext {
  /** User id of the processes; without it, the image's. */
  readonly runAsUser?: number;
  /** Group id of the processes. */
  readonly runAsGroup?: number;
  /** A container that would run as root is not started. */
  readonly runAsNonRoot?: boolean;
  /** Group that owns files of volumes, and that the processes are in. */
  readonly fsGroup?: number;
  /** Further groups of the processes. */
  readonly supplementalGroups?: readonly number[];
  /** AppArmor profile of the processes. */
  readonly appArmorProfile?: AppArmorProfile;
  readonly fsGroupChangePolicy?: "Always" | "OnRootMismatch";
  readonly seLinuxChangePolicy?: string;
  /** SELinux label of the processes. */
  readonly seLinuxOptions?: SELinuxOptions;
  /** Which system calls are allowed. */
  readonly seccompProfile?: SeccompProfile;
  /** Merge adds the groups that the image has for the user; Strict does not, and needs runAsGroup. */
  readonly supplementalGroupsPolicy?: "Merge" | "Strict";
  /** Kernel settings of the pod; only those that cannot harm other pods. */
  readonly sysctls?: readonly Sysctl[];
}

/** Containers that run together on one node, with one address and shared volumes. */
export interface PodSpec {
  /** Run side by side from start to end. */
  readonly containers: readonly Container[];
  /** Run one after the other, each to its end, before the containers start. */
  readonly initContainers?: readonly Container[];
  /** Storage that containers mount by name. */
  readonly volumes?: readonly Volume[];
  /** Whether containers that end are started again, with a growing pause. */
  readonly restartPolicy: "Always" | "OnFailure" | "Never";
  /** Seconds from SIGTERM to SIGKILL. */
  readonly terminationGracePeriodSeconds: number;
  /** The pod fails when it has run for so long. */
  readonly activeDeadlineSeconds?: number;
  /** ClusterFirst resolves Services first; Default takes the node's resolvers. */
  readonly dnsPolicy: "ClusterFirst" | "ClusterFirstWithHostNet" | "Default" | "None";
  /** Runs on this node without asking the scheduler. nodeSelector is nearly always better. */
  readonly nodeName?: string;
  /** Labels that a node must have. */
  readonly nodeSelector?: Labels;
  /** Taints of nodes that do not keep this pod away. */
  readonly tolerations?: readonly Toleration[];
  /** Host name inside; without it, the pod's name. */
  readonly hostname?: string;
  /** With a headless Service of this name, the pod gets a DNS name of its own. */
  readonly subdomain?: string;
  /** Uses the node's network: the pod has the node's address and shares its ports. */
  readonly hostNetwork?: boolean;
  /** Whether each Service becomes variables such as WEB_SERVICE_HOST; true unless told. */
  readonly enableServiceLinks?: boolean;
  /** Which profile places the pod: default-scheduler or binpack. A pod of any other waits for that scheduler to bind it. */
  readonly schedulerName: string;
  /** Users and groups for all containers. */
  readonly securityContext?: PodSecurityContext;
  /** The account whose rights the pod has. */
  readonly serviceAccountName?: string;
  /** Whether a token for the API is mounted. */
  readonly automountServiceAccountToken?: boolean;
  /** Written by the cluster from priorityClassName. */
  readonly priority?: number;
  /** Never: the pod waits instead of making room by removing others. */
  readonly preemptionPolicy?: "PreemptLowerPriority" | "Never";
  /** Where to run by labels of nodes and by neighbours. */
  readonly affinity?: Affinity;
  /** Name servers, search domains and options beside dnsPolicy. */
  readonly dnsConfig?: PodDNSConfig;
  readonly ephemeralContainers?: readonly EphemeralContainer[];
  /** Lines for /etc/hosts. */
  readonly hostAliases?: readonly HostAlias[];
  /** Shares the node's IPC namespace. */
  readonly hostIPC?: boolean;
  /** Shares the node's process namespace. */
  readonly hostPID?: boolean;
  /** false maps root of the pod to another user of the node. */
  readonly hostUsers?: boolean;
  /** Secrets with passwords of registries. */
  readonly imagePullSecrets?: readonly LocalObjectReference[];
  /** Berth runs Linux containers. */
  readonly os?: PodOS;
  /** What the runtime itself needs; comes from a RuntimeClass. */
  readonly overhead?: Amounts;
  /** A PriorityClass: who is placed first, and who makes room. */
  readonly priorityClassName?: string;
  /** Conditions beside readiness that others set. */
  readonly readinessGates?: readonly PodReadinessGate[];
  /** Devices that are allocated for the pod. */
  readonly resourceClaims?: readonly PodResourceClaim[];
  /** Requests and limits of the pod as a whole. */
  readonly resources?: ResourceRequirements;
  /** Another container runtime of the node. */
  readonly runtimeClassName?: string;
  /** The pod is not placed before all of them are removed. */
  readonly schedulingGates?: readonly PodSchedulingGate[];
  /** Old name of serviceAccountName. */
  readonly serviceAccount?: string;
  /** Makes the full DNS name the host name. */
  readonly setHostnameAsFQDN?: boolean;
  /** Containers of the pod see each other's processes. */
  readonly shareProcessNamespace?: boolean;
  /** How evenly pods are spread over zones, nodes and the like. */
  readonly topologySpreadConstraints?: readonly TopologySpreadConstraint[];
}

/** How a pod stands. */
export interface PodStatus {
  readonly conditions?: readonly Condition[];
  readonly containerStatuses?: readonly ContainerStatus[];
  readonly ephemeralContainerStatuses?: readonly ContainerStatus[];
  readonly hostIP?: string;
  readonly hostIPs?: readonly HostIP[];
  readonly initContainerStatuses?: readonly ContainerStatus[];
  readonly message?: string;
  readonly nominatedNodeName?: string;
  readonly observedGeneration?: number;
  readonly phase: "Pending" | "Running" | "Succeeded" | "Failed" | "Unknown";
  readonly podIP?: string;
  readonly podIPs?: readonly PodIP[];
  readonly qosClass?: "Guaranteed" | "Burstable" | "BestEffort";
  readonly reason?: string;
  readonly resize?: string;
  readonly resourceClaimStatuses?: readonly PodResourceClaimStatus[];
  readonly startTime?: string;
}

/** What each pod is made from. */
export interface PodTemplateSpec {
  /** Labels and annotations of the pods. */
  readonly metadata?: TemplateMeta;
  /** The pods themselves. */
  readonly spec: PodSpec;
}

/** A metric of the pods, averaged. */
export interface PodsMetricSource {
  readonly metric: MetricIdentifier;
  readonly target: MetricTarget;
}

/** A measured value of the pods. */
export interface PodsMetricStatus {
  readonly current: MetricValueStatus;
  readonly metric: MetricIdentifier;
}

/** What may be done with which objects. */
export interface PolicyRule {
  readonly apiGroups?: readonly string[];
  readonly nonResourceURLs?: readonly string[];
  readonly resourceNames?: readonly string[];
  readonly resources?: readonly string[];
  readonly verbs: readonly string[];
}

/** How a port of the balancer stands. */
export interface PortStatus {
  readonly error?: string;
  readonly port: number;
  readonly protocol: string;
}

/** A wish about nodes. */
export interface PreferredSchedulingTerm {
  readonly preference: NodeSelectorTerm;
  readonly weight: number;
}

/** scheduling.k8s.io/v1 PriorityClass: A name for a priority of pods. */
export interface PriorityClass {
  readonly apiVersion: "scheduling.k8s.io/v1";
  readonly kind: "PriorityClass";
  readonly metadata: ObjectMeta;
  /** For people. */
  readonly description?: string;
  /** Holds for pods that name no class; one class can have it. */
  readonly globalDefault?: boolean;
  /** Never: pods wait instead of making room by removing others. */
  readonly preemptionPolicy: "PreemptLowerPriority" | "Never";
  /** The higher, the earlier a pod is placed; others make room for it. */
  readonly value: number;
}

/** A test that is repeated while the container runs. */
export interface Probe {
  /** A GET request to the pod. */
  readonly httpGet?: HttpGetAction;
  /** A connection to a port of the pod. */
  readonly tcpSocket?: TcpSocketAction;
  /** A program in the container. */
  readonly exec?: ExecAction;
  /** Waits for so long after the start. */
  readonly initialDelaySeconds?: number;
  /** Time between two tests. */
  readonly periodSeconds: number;
  /** A test that takes longer has failed. */
  readonly timeoutSeconds: number;
  /** So many successes in a row count as success. */
  readonly successThreshold: number;
  /** So many failures in a row count as failure. */
  readonly failureThreshold: number;
  /** Replaces the pod's grace period when this probe ends the container. */
  readonly terminationGracePeriodSeconds?: number;
  /** A call of the gRPC health service. */
  readonly grpc?: GrpcAction;
}

/** Several sources in one folder. */
export interface ProjectedVolumeSource {
  /** Permission bits of the files. */
  readonly defaultMode: number;
  readonly sources?: readonly VolumeProjection[];
}

/** Amounts by resource: cpu (500m is half a core), memory (64Mi, 1Gi), ephemeral-storage (of the node's disk: what is written beyond a limit gets the pod evicted), and extended ones such as example.com/gpu. */
export type Quantities = Readonly<Record<string, string>>;

/** An object by its content. */
export interface QuarantinedObject {
  readonly apiVersion: string;
  readonly kind: string;
  /** Absent for cluster-scoped kinds. */
  readonly namespace?: string;
  readonly name: string;
  /** Of its manifest and of the ConfigMaps and Secrets that its pods read. */
  readonly digest: string;
}

/** berth.dev/v1 Release: one commit that an App came to, with its outcome. */
export interface Release {
  readonly apiVersion: "berth.dev/v1";
  readonly kind: "Release";
  readonly metadata: ObjectMeta;
  readonly spec: ReleaseSpec;
  readonly status: ReleaseStatus;
}

/** How many objects the commit changed. */
export interface ReleaseCounts {
  readonly created: number;
  readonly changed: number;
  readonly removed: number;
}

/** How a commit stands for its App. The last five are ends. */
export type ReleasePhase = "Pending" | "Held" | "Progressing" | "Healthy" | "Rejected" | "Failed" | "RolledBack" | "Superseded";

/** The commit and where it came from. */
export interface ReleaseSpec {
  readonly app: string;
  /** Counts the releases of the App from 1. */
  readonly sequence: number;
  readonly repo: string;
  /** The App's folder, since the App may be pointed elsewhere later. */
  readonly path: string;
  readonly commit: string;
  /** Object id of the App's folder in that commit: equal trees are equal releases. */
  readonly tree: string;
  readonly author: string;
  readonly subject: string;
  readonly committedAt: string;
  /** The plan of this App that the commit names in a trailer `Berth-Plan:`. */
  readonly planned?: string;
  /** The commit that this one takes back, by its message. */
  readonly reverts?: string;
  /** Name of the failed Release that Berth went back from by itself: no commit asked for this one. */
  readonly returnsFrom?: string;
}

/** How the commit stands. */
export interface ReleaseStatus {
  readonly phase: ReleasePhase;
  /** CamelCase. */
  readonly reason?: string;
  readonly message?: string;
  /** Rendered problems of a Rejected release, one `file:line:column: message [code]` each. */
  readonly problems?: readonly string[];
  /** When the commit was seen. */
  readonly startedAt: string;
  /** When the release came to its end. */
  readonly finishedAt?: string;
  /** Objects that the commit declares; written before any of them is applied. */
  readonly inventory: readonly ObjectName[];
  /** Objects of earlier releases that are no longer declared; removed once this one is healthy. */
  readonly toPrune?: readonly ObjectName[];
  /** Those of `toPrune` that go before anything is applied, since a declared object needs what they have. */
  readonly releasedFirst?: readonly ReleasedObject[];
  /** Whether all declared objects are in the store. */
  readonly applied?: boolean;
  /** The wave of objects (`berth.dev/wave`) that is waited for before the next one is applied. */
  readonly wave?: number;
  /** Whether everything in `toPrune` is gone. */
  readonly pruned?: boolean;
  readonly counts?: ReleaseCounts;
  /** Last lines of the containers that failed, before they were taken back. */
  readonly logs?: readonly string[];
  /** The id that a plan of the commit would have had when it was decided about: what it was made from. */
  readonly plan?: string;
}

/** An object that goes before its successor serves. */
export interface ReleasedObject {
  readonly ref: ObjectName;
  /** What only one of the two can have: `host port TCP/80`. */
  readonly resource: string;
  readonly neededBy: ObjectName;
}

/** apps/v1 ReplicaSet: Keeps a number of equal pods. Deployments make them; declare one only for what needs no rollout. */
export interface ReplicaSet {
  readonly apiVersion: "apps/v1";
  readonly kind: "ReplicaSet";
  readonly metadata: ObjectMeta;
  readonly spec: ReplicaSetSpec;
  readonly status?: ReplicaSetStatus;
}

/** How many pods of what kind. */
export interface ReplicaSetSpec {
  /** How many pods there are to be. */
  readonly replicas: number;
  /** A pod counts as available when it was ready for so long. */
  readonly minReadySeconds?: number;
  /** Labels by which it knows its pods. It cannot be changed later. */
  readonly selector: LabelSelector;
  /** What new pods are. Pods that run are not replaced. */
  readonly template: PodTemplateSpec;
}

/** How many pods there are. */
export interface ReplicaSetStatus {
  readonly availableReplicas?: number;
  readonly conditions?: readonly Condition[];
  readonly fullyLabeledReplicas?: number;
  readonly observedGeneration?: number;
  readonly readyReplicas?: number;
  readonly replicas: number;
  readonly terminatingReplicas?: number;
}

/** v1 ReplicationController: Keeps a number of equal pods. A Deployment does this and rolls out changes. */
export interface ReplicationController {
  readonly apiVersion: "v1";
  readonly kind: "ReplicationController";
  readonly metadata: ObjectMeta;
  readonly spec: ReplicationControllerSpec;
  readonly status?: ReplicationControllerStatus;
}

/** How many pods of what kind. */
export interface ReplicationControllerSpec {
  /** A pod counts as available when it was ready for so long. */
  readonly minReadySeconds?: number;
  readonly replicas: number;
  /** Without it, the labels of the template. */
  readonly selector: Labels;
  readonly template: PodTemplateSpec;
}

/** How many pods there are. */
export interface ReplicationControllerStatus {
  readonly availableReplicas?: number;
  readonly conditions?: readonly Condition[];
  readonly fullyLabeledReplicas?: number;
  readonly observedGeneration?: number;
  readonly readyReplicas?: number;
  readonly replicas: number;
}

/** One of the pod's resourceClaims. */
export interface ResourceClaim {
  readonly name: string;
  readonly request?: string;
}

/** Names a request or limit of a container. */
export interface ResourceFieldSelector {
  /** Needed in volumes, where no container is meant by itself. */
  readonly containerName?: string;
  /** The value is given in units of this, rounded up. */
  readonly divisor?: string;
  readonly resource: "limits.cpu" | "limits.memory" | "limits.ephemeral-storage" | "requests.cpu" | "requests.memory" | "requests.ephemeral-storage";
}

/** Health of one device. */
export interface ResourceHealth {
  readonly health?: string;
  readonly resourceID: string;
}

/** CPU or memory of the pods, of what they request. */
export interface ResourceMetricSource {
  /** cpu or memory. */
  readonly name: string;
  readonly target: MetricTarget;
}

/** What the pods use. */
export interface ResourceMetricStatus {
  readonly current: MetricValueStatus;
  readonly name: string;
}

/** v1 ResourceQuota: How much a namespace may use. */
export interface ResourceQuota {
  readonly apiVersion: "v1";
  readonly kind: "ResourceQuota";
  readonly metadata: ObjectMeta;
  readonly spec: ResourceQuotaSpec;
  readonly status?: ResourceQuotaStatus;
}

/** Upper bounds, and for which pods. */
export interface ResourceQuotaSpec {
  /** Such as pods, requests.cpu, limits.memory, count/deployments.apps. */
  readonly hard?: Amounts;
  /** Only pods that match all of these. */
  readonly scopeSelector?: ScopeSelector;
  /** Only pods to which all of these apply. */
  readonly scopes?: readonly ("Terminating" | "NotTerminating" | "BestEffort" | "NotBestEffort" | "PriorityClass" | "CrossNamespacePodAffinity")[];
}

/** What is used of it. */
export interface ResourceQuotaStatus {
  readonly hard?: Amounts;
  readonly used?: Amounts;
}

/** What a container reserves and what it may use at most. */
export interface ResourceRequirements {
  /** What the scheduler reserves on a node; without it, the limits. */
  readonly requests?: Quantities;
  /** More CPU is throttled; more memory ends the container (OOMKilled). */
  readonly limits?: Quantities;
  /** Devices from resourceClaims of the pod. */
  readonly claims?: readonly ResourceClaim[];
}

/** Health of the devices of a container. */
export interface ResourceStatus {
  readonly name: string;
  readonly resources?: readonly ResourceHealth[];
}

/** rbac.authorization.k8s.io/v1 Role: What may be done in one namespace. */
export interface Role {
  readonly apiVersion: "rbac.authorization.k8s.io/v1";
  readonly kind: "Role";
  readonly metadata: ObjectMeta;
  readonly rules?: readonly PolicyRule[];
}

/** rbac.authorization.k8s.io/v1 RoleBinding: Gives a role to users, groups and accounts, in one namespace. */
export interface RoleBinding {
  readonly apiVersion: "rbac.authorization.k8s.io/v1";
  readonly kind: "RoleBinding";
  readonly metadata: ObjectMeta;
  readonly roleRef: RoleRef;
  readonly subjects?: readonly Subject[];
}

/** The role that is given. It cannot be changed later. */
export interface RoleRef {
  readonly apiGroup: "rbac.authorization.k8s.io";
  readonly kind: "ClusterRole" | "Role";
  readonly name: string;
}

/** Bounds that hold during a rolling update. */
export interface RollingUpdateDaemonSet {
  /** On so many nodes the new pod starts before the old one ends. */
  readonly maxSurge: number | string;
  /** On so many nodes no pod is available for a while. */
  readonly maxUnavailable: number | string;
}

/** Bounds that hold during a rolling update. */
export interface RollingUpdateDeployment {
  /** So many pods more than replicas; shares are rounded up. */
  readonly maxSurge: number | string;
  /** So many pods fewer than replicas; shares are rounded down. */
  readonly maxUnavailable: number | string;
}

/** Bounds that hold during a rolling update. */
export interface RollingUpdateStatefulSetStrategy {
  /** So many pods are replaced at a time. */
  readonly maxUnavailable?: number | string;
  /** Pods with a smaller number keep the old template. */
  readonly partition: number;
}

/** A SELinux label. */
export interface SELinuxOptions {
  readonly level?: string;
  readonly role?: string;
  readonly type?: string;
  readonly user?: string;
}

/** One change of the number of pods. */
export interface ScalingChange {
  readonly at: string;
  readonly by: number;
}

/** What was asked for and done before, as far as a stabilization window or a policy looks back. */
export interface ScalingHistory {
  readonly changes?: readonly ScalingChange[];
  readonly wishes?: readonly ScalingWish[];
}

/** How many pods were asked for once. */
export interface ScalingWish {
  readonly at: string;
  readonly replicas: number;
}

/** Which pods a quota counts. */
export interface ScopeSelector {
  readonly matchExpressions?: readonly ScopedResourceSelectorRequirement[];
}

/** One requirement on counted pods. */
export interface ScopedResourceSelectorRequirement {
  readonly operator: "In" | "NotIn" | "Exists" | "DoesNotExist";
  readonly scopeName: "Terminating" | "NotTerminating" | "BestEffort" | "NotBestEffort" | "PriorityClass" | "CrossNamespacePodAffinity";
  readonly values?: readonly string[];
}

/** RuntimeDefault is Docker's own profile, which every container has that is not privileged. */
export interface SeccompProfile {
  /** A file in the folder seccomp of the agent, on the node; with type Localhost. */
  readonly localhostProfile?: string;
  readonly type: "RuntimeDefault" | "Unconfined" | "Localhost";
}

/** v1 Secret: Settings that are not for everyone's eyes. In Git they are only as secret as the repository. */
export interface Secret {
  readonly apiVersion: "v1";
  readonly kind: "Secret";
  readonly metadata: ObjectMeta;
  /** Other types than Opaque must have certain keys, such as tls.crt and tls.key. */
  readonly type: string;
  /** Bytes in base64. */
  readonly data?: Readonly<Record<string, string>>;
  /** Plain texts; they win over data and are stored in it. */
  readonly stringData?: Readonly<Record<string, string>>;
  /** Contents never change: a new object is needed, and nodes need not look again. */
  readonly immutable?: boolean;
}

/** Keys of a Secret as files. */
export interface SecretProjection {
  readonly items?: readonly KeyToPath[];
  readonly name: string;
  readonly optional?: boolean;
}

/** A Secret as files, which are only in memory. */
export interface SecretVolumeSource {
  /** A Secret of the pod's namespace. */
  readonly secretName: string;
  /** Only these keys, under these paths; without it, every key under its name. */
  readonly items?: readonly KeyToPath[];
  /** Permission bits of the files. */
  readonly defaultMode: number;
  /** Without it the pod waits until object and keys exist. */
  readonly optional?: boolean;
}

/** Rights of one container; wins over the pod's. */
export interface SecurityContext {
  /** User id of the process; without it, the image's. */
  readonly runAsUser?: number;
  /** Group id of the process. */
  readonly runAsGroup?: number;
  /** A container that would run as root is not started. */
  readonly runAsNonRoot?: boolean;
  /** All rights on the node, and all its devices. */
  readonly privileged?: boolean;
  /** Only volumes can be written to. */
  readonly readOnlyRootFilesystem?: boolean;
  /** false: no program gains rights by setuid (no_new_privs). */
  readonly allowPrivilegeEscalation?: boolean;
  /** Rights of root, one by one. */
  readonly capabilities?: Capabilities;
  /** AppArmor profile of the process. */
  readonly appArmorProfile?: AppArmorProfile;
  /** Which parts of /proc are hidden. */
  readonly procMount?: "Default";
  /** SELinux label of the process. */
  readonly seLinuxOptions?: SELinuxOptions;
  /** Which system calls are allowed. */
  readonly seccompProfile?: SeccompProfile;
}

/** A field that a field selector may name. */
export interface SelectableField {
  readonly jsonPath: string;
}

/** v1 Service: One stable address and name for the pods that a selector finds. */
export interface Service {
  readonly apiVersion: "v1";
  readonly kind: "Service";
  readonly metadata: ObjectMeta;
  readonly spec: ServiceSpec;
  readonly status?: ServiceStatus;
}

/** v1 ServiceAccount: Who pods are when they call the API. */
export interface ServiceAccount {
  readonly apiVersion: "v1";
  readonly kind: "ServiceAccount";
  readonly metadata: ObjectMeta;
  /** Whether pods of the account get a token; the pod's own word wins. */
  readonly automountServiceAccountToken?: boolean;
  /** Given to pods of the account that name none. */
  readonly imagePullSecrets?: readonly LocalObjectReference[];
  /** Kept for old tools: pods get tokens of their own. */
  readonly secrets?: readonly ObjectReference[];
}

/** A token of the pod's account, renewed before it ends. */
export interface ServiceAccountTokenProjection {
  /** Whom the token is meant for; without it, the API. */
  readonly audience?: string;
  /** How long a token is valid. */
  readonly expirationSeconds: number;
  readonly path: string;
}

/** Number or name of the Service's port. */
export interface ServiceBackendPort {
  readonly name?: string;
  readonly number?: number;
}

/** A port of the Service and the port of the pods behind it. */
export interface ServicePort {
  /** Needed when there are several ports. */
  readonly name?: string;
  readonly protocol: "TCP" | "UDP";
  /** Where the Service answers. */
  readonly port: number;
  /** Number, or name of a port of the pods. Without it, the same as port. */
  readonly targetPort: number | string;
  /** Given by Berth when it is not stated; the same on every node. */
  readonly nodePort?: number;
  /** A hint for those who look, such as kubernetes.io/h2c. */
  readonly appProtocol?: string;
}

/** Which pods, which ports, and reachable from where. */
export interface ServiceSpec {
  /** NodePort also opens each port on every node; LoadBalancer also each port itself; ExternalName is a name alone. */
  readonly type: "ClusterIP" | "NodePort" | "LoadBalancer" | "ExternalName";
  /** Labels of the pods. Without it Berth makes no endpoints. */
  readonly selector?: Labels;
  readonly ports: readonly ServicePort[];
  /** Given by Berth. "None" makes the Service headless: its name has the pods' addresses. */
  readonly clusterIP?: string;
  /** The same as clusterIP, as a list. */
  readonly clusterIPs?: readonly string[];
  /** ClientIP sends each client to the same pod. */
  readonly sessionAffinity: "None" | "ClientIP";
  /** Pods get traffic and DNS names before they are ready. */
  readonly publishNotReadyAddresses?: boolean;
  /** Local: only pods of the node that was called; clients keep their address. */
  readonly externalTrafficPolicy?: "Cluster" | "Local";
  /** Local: only pods of the caller's node. */
  readonly internalTrafficPolicy?: "Cluster" | "Local";
  readonly ipFamilies?: readonly "IPv4"[];
  /** Clusters have one family, IPv4; PreferDualStack takes what there is. */
  readonly ipFamilyPolicy?: "SingleStack" | "PreferDualStack";
  /** Whether a LoadBalancer has node ports as well. */
  readonly allocateLoadBalancerNodePorts?: boolean;
  /** Further addresses of nodes at which the Service answers. */
  readonly externalIPs?: readonly string[];
  /** With type ExternalName: the DNS name that this one stands for. */
  readonly externalName?: string;
  /** With type LoadBalancer and policy Local: where nodes say whether they have a pod. */
  readonly healthCheckNodePort?: number;
  /** Which balancer is meant. */
  readonly loadBalancerClass?: string;
  /** The address that is wished for. */
  readonly loadBalancerIP?: string;
  /** Only these clients are let in. */
  readonly loadBalancerSourceRanges?: readonly string[];
  /** How long a client keeps its pod. */
  readonly sessionAffinityConfig?: SessionAffinityConfig;
  /** PreferClose: pods of the caller's zone, while it has any. */
  readonly trafficDistribution?: "PreferClose";
}

/** Addresses that a balancer gave. */
export interface ServiceStatus {
  readonly conditions?: readonly Condition[];
  readonly loadBalancer?: LoadBalancerStatus;
}

/** Settings of sessionAffinity. */
export interface SessionAffinityConfig {
  readonly clientIP?: ClientIPConfig;
}

/** Waits for so long. */
export interface SleepAction {
  readonly seconds: number;
}

/** apps/v1 StatefulSet: Pods with names, volumes and an order of their own: web-0, web-1, … */
export interface StatefulSet {
  readonly apiVersion: "apps/v1";
  readonly kind: "StatefulSet";
  readonly metadata: ObjectMeta;
  readonly spec: StatefulSetSpec;
  readonly status?: StatefulSetStatus;
}

/** Where the numbers of the pods begin. */
export interface StatefulSetOrdinals {
  /** Number of the first pod. */
  readonly start?: number;
}

/** Whether claims stay when their pods go for good. */
export interface StatefulSetPersistentVolumeClaimRetentionPolicy {
  /** When the StatefulSet is deleted. */
  readonly whenDeleted: "Retain" | "Delete";
  /** When replicas is lowered. */
  readonly whenScaled: "Retain" | "Delete";
}

/** How many pods of what kind, and in which order. */
export interface StatefulSetSpec {
  /** A pod counts as available when it was ready for so long. */
  readonly minReadySeconds?: number;
  /** Where the numbers of the pods begin. */
  readonly ordinals?: StatefulSetOrdinals;
  /** Whether claims stay when their pods go for good. */
  readonly persistentVolumeClaimRetentionPolicy?: StatefulSetPersistentVolumeClaimRetentionPolicy;
  /** OrderedReady: one pod after the other, each when the one before is ready. */
  readonly podManagementPolicy: "OrderedReady" | "Parallel";
  /** How many pods there are to be. */
  readonly replicas: number;
  /** So many old revisions are kept. */
  readonly revisionHistoryLimit: number;
  /** Labels by which it knows its pods. It cannot be changed later. */
  readonly selector: LabelSelector;
  /** A headless Service; pods get DNS names below it. */
  readonly serviceName?: string;
  /** What the pods are. */
  readonly template: PodTemplateSpec;
  /** How a change of the template reaches the pods. */
  readonly updateStrategy: StatefulSetUpdateStrategy;
  /** Each pod gets a claim of its own from each of these. */
  readonly volumeClaimTemplates?: readonly VolumeClaimTemplate[];
}

/** How a StatefulSet stands. */
export interface StatefulSetStatus {
  readonly availableReplicas?: number;
  readonly collisionCount?: number;
  readonly conditions?: readonly Condition[];
  readonly currentReplicas?: number;
  readonly currentRevision?: string;
  readonly observedGeneration?: number;
  readonly readyReplicas?: number;
  readonly replicas: number;
  readonly updateRevision?: string;
  readonly updatedReplicas?: number;
}

/** How a change of the template reaches the pods. */
export interface StatefulSetUpdateStrategy {
  /** Bounds for type RollingUpdate. */
  readonly rollingUpdate?: RollingUpdateStatefulSetStrategy;
  /** OnDelete: a pod is renewed when someone deletes it. */
  readonly type: "RollingUpdate" | "OnDelete";
}

/** storage.k8s.io/v1 StorageClass: How volumes are made for claims. */
export interface StorageClass {
  readonly apiVersion: "storage.k8s.io/v1";
  readonly kind: "StorageClass";
  readonly metadata: ObjectMeta;
  /** Claims may ask for more later. */
  readonly allowVolumeExpansion?: boolean;
  /** Only on these nodes. */
  readonly allowedTopologies?: readonly TopologySelectorTerm[];
  /** Options of mount. */
  readonly mountOptions?: readonly string[];
  /** For the provisioner. */
  readonly parameters?: Readonly<Record<string, string>>;
  /** Who makes them. */
  readonly provisioner: string;
  /** What happens to a volume when its claim is gone. */
  readonly reclaimPolicy: "Retain" | "Delete";
  /** WaitForFirstConsumer makes it on the node of the first pod. */
  readonly volumeBindingMode: "Immediate" | "WaitForFirstConsumer";
}

/** Who gets the role. */
export interface Subject {
  readonly apiGroup?: string;
  readonly kind: "Group" | "ServiceAccount" | "User";
  readonly name: string;
  readonly namespace?: string;
}

/** When an Indexed Job has succeeded early. */
export interface SuccessPolicy {
  readonly rules: readonly SuccessPolicyRule[];
}

/** Enough successes. */
export interface SuccessPolicyRule {
  /** So many indexes. */
  readonly succeededCount?: number;
  /** These indexes, such as 0,2-4. */
  readonly succeededIndexes?: string;
}

/** A time that comes again. */
export interface SyncWindow {
  /** Whether commits may be applied in it, or may not. */
  readonly kind: "allow" | "deny";
  /** When it begins, as a cron line. */
  readonly schedule: string;
  readonly durationSeconds: number;
  /** An IANA name; otherwise UTC. */
  readonly timeZone?: string;
}

/** One kernel setting. */
export interface Sysctl {
  readonly name: string;
  readonly value: string;
}

/** Keeps pods away that do not tolerate it. */
export interface Taint {
  readonly effect: "NoSchedule" | "PreferNoSchedule" | "NoExecute";
  readonly key: string;
  readonly timeAdded?: string;
  readonly value?: string;
}

/** A connection that can be opened is success. */
export interface TcpSocketAction {
  /** Without it, the pod's address. */
  readonly host?: string;
  /** Number, or name of a port of the container. */
  readonly port: number | string;
}

/** Metadata of what is made from a template. */
export interface TemplateMeta {
  /** Has no effect: what is made gets a name of its own. */
  readonly name?: string;
  /** Has no effect: what is made lives where its owner does. */
  readonly namespace?: string;
  /** Must match the owner's selector. */
  readonly labels?: Labels;
  /** Notes that each copy carries. */
  readonly annotations?: Annotations;
  readonly creationTimestamp?: string;
  readonly finalizers?: readonly string[];
  readonly ownerReferences?: readonly OwnerReference[];
  readonly deletionGracePeriodSeconds?: number;
  readonly deletionTimestamp?: string;
  readonly generation?: number;
  readonly managedFields?: readonly ManagedFieldsEntry[];
  readonly resourceVersion?: string;
  readonly selfLink?: string;
  readonly uid?: string;
}

/** A taint that does not keep the pod away. */
export interface Toleration {
  /** Without it (and with Exists) every taint is meant. */
  readonly key?: string;
  /** Equal compares value, Exists does not. */
  readonly operator?: "Exists" | "Equal";
  /** Must be empty for Exists. */
  readonly value?: string;
  /** Without it, all effects. */
  readonly effect?: "NoSchedule" | "PreferNoSchedule" | "NoExecute";
  /** Stays for so long on a node that gets a NoExecute taint; without it, for ever. */
  readonly tolerationSeconds?: number;
}

/** One label with the values that it may have. */
export interface TopologySelectorLabelRequirement {
  readonly key: string;
  readonly values: readonly string[];
}

/** Nodes by label. */
export interface TopologySelectorTerm {
  readonly matchLabelExpressions?: readonly TopologySelectorLabelRequirement[];
}

/** How evenly matching pods are spread over places. */
export interface TopologySpreadConstraint {
  /** Which pods are counted. */
  readonly labelSelector?: LabelSelector;
  /** Labels of the new pod whose values narrow labelSelector. */
  readonly matchLabelKeys?: readonly string[];
  /** So many pods more than in the emptiest place are allowed. */
  readonly maxSkew: number;
  /** With fewer places than this, the emptiest counts as having none. */
  readonly minDomains?: number;
  /** Whether nodes that the pod cannot take by its affinity are left out. Honor is the default. */
  readonly nodeAffinityPolicy?: "Honor" | "Ignore";
  /** Whether nodes with taints that the pod does not tolerate are left out. Ignore is the default. */
  readonly nodeTaintsPolicy?: "Honor" | "Ignore";
  /** Nodes with the same value of this label count as one place. */
  readonly topologyKey: string;
  /** DoNotSchedule lets the pod wait, ScheduleAnyway takes the best place there is. */
  readonly whenUnsatisfiable: "DoNotSchedule" | "ScheduleAnyway";
}

/** Names an object of any kind in the same namespace. */
export interface TypedLocalObjectReference {
  readonly apiGroup?: string;
  readonly kind: string;
  readonly name: string;
}

/** Names an object of any kind. */
export interface TypedObjectReference {
  readonly apiGroup?: string;
  readonly kind: string;
  readonly name: string;
  readonly namespace?: string;
}

/** Finished pods that are not counted yet. */
export interface UncountedTerminatedPods {
  readonly failed?: readonly string[];
  readonly succeeded?: readonly string[];
}

/** A rule in CEL. */
export interface ValidationRule {
  readonly fieldPath?: string;
  readonly message?: string;
  readonly messageExpression?: string;
  readonly optionalOldSelf?: boolean;
  readonly reason?: string;
  readonly rule: string;
}

/** A name and at most one source; without a source it is an emptyDir. */
export interface Volume {
  /** Containers mount the volume by it. */
  readonly name: string;
  /** Empty when the pod starts, gone when it ends; containers of the pod share it. */
  readonly emptyDir?: EmptyDirVolumeSource;
  /** A file or folder of the node. The pod sees what this node has, not another. */
  readonly hostPath?: HostPathVolumeSource;
  /** Each key is a file, and changes are followed. */
  readonly configMap?: ConfigMapVolumeSource;
  /** Each key is a file in memory, and changes are followed. */
  readonly secret?: SecretVolumeSource;
  /** Fields of the pod as files. */
  readonly downwardAPI?: DownwardAPIVolumeSource;
  /** A claim that is made for the pod and goes with it. */
  readonly ephemeral?: EphemeralVolumeSource;
  /** The files of an image, to be read. */
  readonly image?: ImageVolumeSource;
  /** A folder of an NFS server. */
  readonly nfs?: NFSVolumeSource;
  /** Storage that outlives the pod. */
  readonly persistentVolumeClaim?: PersistentVolumeClaimVolumeSource;
  /** Several sources in one folder. */
  readonly projected?: ProjectedVolumeSource;
}

/** A claim for each pod; apiVersion and kind need not be said. */
export interface VolumeClaimTemplate {
  readonly apiVersion: "v1";
  readonly kind: "PersistentVolumeClaim";
  readonly metadata: ObjectMeta;
  readonly spec: PersistentVolumeClaimSpec;
  readonly status?: PersistentVolumeClaimStatus;
}

/** A raw block device in a container. */
export interface VolumeDevice {
  readonly devicePath: string;
  readonly name: string;
}

/** One volume of the pod inside a container. */
export interface VolumeMount {
  /** A volume of the pod. */
  readonly name: string;
  /** Where it appears; hides what the image has there. */
  readonly mountPath: string;
  /** The container cannot write to it. */
  readonly readOnly?: boolean;
  /** One file or folder of the volume instead of all of it. Such a mount does not follow changes of ConfigMaps and Secrets. */
  readonly subPath?: string;
  /** Whether mounts made later are seen on the other side; None is the default. */
  readonly mountPropagation?: "None" | "HostToContainer" | "Bidirectional";
  /** Whether readOnly holds for mounts below as well. */
  readonly recursiveReadOnly?: "Disabled" | "IfPossible";
  /** As subPath, with $(NAME) expanded from env. */
  readonly subPathExpr?: string;
}

/** How a volume was mounted. */
export interface VolumeMountStatus {
  readonly mountPath: string;
  readonly name: string;
  readonly readOnly?: boolean;
  readonly recursiveReadOnly?: "Disabled" | "IfPossible" | "Enabled";
}

/** Nodes that can reach a volume. */
export interface VolumeNodeAffinity {
  readonly required?: NodeSelector;
}

/** Exactly one source. */
export interface VolumeProjection {
  /** Certificates of the cluster. */
  readonly clusterTrustBundle?: ClusterTrustBundleProjection;
  readonly configMap?: ConfigMapProjection;
  readonly downwardAPI?: DownwardAPIProjection;
  readonly secret?: SecretProjection;
  readonly serviceAccountToken?: ServiceAccountTokenProjection;
}

/** How much storage is asked for. */
export interface VolumeResourceRequirements {
  readonly limits?: Amounts;
  readonly requests?: Amounts;
}

/** A wish about pods. */
export interface WeightedPodAffinityTerm {
  readonly podAffinityTerm: PodAffinityTerm;
  readonly weight: number;
}
