/** Kubernetes' words about how the parts of a field are merged, by `package.Type.field` without the package's path. */
const PACKAGE_PATHS: readonly string[] = [
  "io.k8s.apimachinery.pkg.apis.",
  "io.k8s.apiextensions-apiserver.pkg.apis.",
  "io.k8s.api.",
];

/** Berth's own type is of the same fields. */
const TEMPLATE_META = /^dev\.berth\.v1\.TemplateMeta(?=\.|$)/;
const OBJECT_META = "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta";

/** Lists whose items are told apart by these fields: each may have an owner of its own. */
const MAP_LISTS: Readonly<Record<string, readonly string[]>> = {
  "apiextensions.v1.CustomResourceDefinitionStatus.conditions": ["type"],
  "apiextensions.v1.JSONSchemaProps.x-kubernetes-validations": ["rule"],
  "apps.v1.DaemonSetStatus.conditions": ["type"],
  "apps.v1.DeploymentStatus.conditions": ["type"],
  "apps.v1.ReplicaSetStatus.conditions": ["type"],
  "apps.v1.StatefulSetStatus.conditions": ["type"],
  "autoscaling.v2.HorizontalPodAutoscalerStatus.conditions": ["type"],
  "core.v1.Container.env": ["name"],
  "core.v1.Container.ports": ["containerPort", "protocol"],
  "core.v1.Container.volumeDevices": ["devicePath"],
  "core.v1.Container.volumeMounts": ["mountPath"],
  "core.v1.ContainerStatus.allocatedResourcesStatus": ["name"],
  "core.v1.ContainerStatus.volumeMounts": ["mountPath"],
  "core.v1.EphemeralContainer.env": ["name"],
  "core.v1.EphemeralContainer.ports": ["containerPort", "protocol"],
  "core.v1.EphemeralContainer.volumeDevices": ["devicePath"],
  "core.v1.EphemeralContainer.volumeMounts": ["mountPath"],
  "core.v1.NamespaceStatus.conditions": ["type"],
  "core.v1.NodeStatus.addresses": ["type"],
  "core.v1.NodeStatus.conditions": ["type"],
  "core.v1.PersistentVolumeClaimStatus.conditions": ["type"],
  "core.v1.PodSpec.containers": ["name"],
  "core.v1.PodSpec.ephemeralContainers": ["name"],
  "core.v1.PodSpec.hostAliases": ["ip"],
  "core.v1.PodSpec.imagePullSecrets": ["name"],
  "core.v1.PodSpec.initContainers": ["name"],
  "core.v1.PodSpec.resourceClaims": ["name"],
  "core.v1.PodSpec.schedulingGates": ["name"],
  "core.v1.PodSpec.topologySpreadConstraints": ["topologyKey", "whenUnsatisfiable"],
  "core.v1.PodSpec.volumes": ["name"],
  "core.v1.PodStatus.conditions": ["type"],
  "core.v1.PodStatus.podIPs": ["ip"],
  "core.v1.PodStatus.resourceClaimStatuses": ["name"],
  "core.v1.ReplicationControllerStatus.conditions": ["type"],
  "core.v1.ResourceRequirements.claims": ["name"],
  "core.v1.ResourceStatus.resources": ["resourceID"],
  "core.v1.ServiceAccount.secrets": ["name"],
  "core.v1.ServiceSpec.ports": ["port", "protocol"],
  "core.v1.ServiceStatus.conditions": ["type"],
  "meta.v1.ObjectMeta.ownerReferences": ["uid"],
  "policy.v1.PodDisruptionBudgetStatus.conditions": ["type"],
};

/** Lists of different values, each of which may have an owner of its own. */
const SET_LISTS: ReadonlySet<string> = new Set([
  "batch.v1.PodFailurePolicyOnExitCodesRequirement.values",
  "batch.v1.UncountedTerminatedPods.failed",
  "batch.v1.UncountedTerminatedPods.succeeded",
  "core.v1.NodeSpec.podCIDRs",
  "discovery.v1.Endpoint.addresses",
  "meta.v1.ObjectMeta.finalizers",
]);

/** Lists that are replaced as a whole: by package and type, the names of the fields. */
const ATOMIC_LISTS: Readonly<Record<string, readonly string[]>> = {
  "apiextensions.v1.CustomResourceDefinitionNames": ["categories", "shortNames"],
  "apiextensions.v1.CustomResourceDefinitionSpec": ["versions"],
  "apiextensions.v1.CustomResourceDefinitionStatus": ["storedVersions"],
  "apiextensions.v1.CustomResourceDefinitionVersion": [
    "additionalPrinterColumns",
    "selectableFields",
  ],
  "apiextensions.v1.JSONSchemaProps": [
    "allOf",
    "anyOf",
    "enum",
    "oneOf",
    "required",
    "x-kubernetes-list-map-keys",
  ],
  "apps.v1.StatefulSetSpec": ["volumeClaimTemplates"],
  "autoscaling.v2.HPAScalingRules": ["policies"],
  "autoscaling.v2.HorizontalPodAutoscalerSpec": ["metrics"],
  "autoscaling.v2.HorizontalPodAutoscalerStatus": ["currentMetrics"],
  "batch.v1.CronJobStatus": ["active"],
  "batch.v1.JobStatus": ["conditions"],
  "batch.v1.PodFailurePolicy": ["rules"],
  "batch.v1.PodFailurePolicyRule": ["onPodConditions"],
  "batch.v1.SuccessPolicy": ["rules"],
  "core.v1.Capabilities": ["add", "drop"],
  "core.v1.ConfigMapProjection": ["items"],
  "core.v1.ConfigMapVolumeSource": ["items"],
  "core.v1.Container": ["args", "command", "envFrom", "resizePolicy", "restartPolicyRules"],
  "core.v1.ContainerImage": ["names"],
  "core.v1.DownwardAPIProjection": ["items"],
  "core.v1.DownwardAPIVolumeSource": ["items"],
  "core.v1.EndpointSubset": ["addresses", "notReadyAddresses", "ports"],
  "core.v1.Endpoints": ["subsets"],
  "core.v1.EphemeralContainer": ["args", "command", "envFrom", "resizePolicy"],
  "core.v1.ExecAction": ["command"],
  "core.v1.HTTPGetAction": ["httpHeaders"],
  "core.v1.HostAlias": ["hostnames"],
  "core.v1.LimitRangeSpec": ["limits"],
  "core.v1.LinuxContainerUser": ["supplementalGroups"],
  "core.v1.LoadBalancerIngress": ["ports"],
  "core.v1.LoadBalancerStatus": ["ingress"],
  "core.v1.NamespaceSpec": ["finalizers"],
  "core.v1.NodeAffinity": ["preferredDuringSchedulingIgnoredDuringExecution"],
  "core.v1.NodeSelector": ["nodeSelectorTerms"],
  "core.v1.NodeSelectorRequirement": ["values"],
  "core.v1.NodeSelectorTerm": ["matchExpressions", "matchFields"],
  "core.v1.NodeSpec": ["taints"],
  "core.v1.NodeStatus": ["images", "runtimeHandlers", "volumesAttached", "volumesInUse"],
  "core.v1.PersistentVolumeClaimSpec": ["accessModes"],
  "core.v1.PersistentVolumeClaimStatus": ["accessModes"],
  "core.v1.PersistentVolumeSpec": ["accessModes", "mountOptions"],
  "core.v1.PodAffinity": [
    "preferredDuringSchedulingIgnoredDuringExecution",
    "requiredDuringSchedulingIgnoredDuringExecution",
  ],
  "core.v1.PodAffinityTerm": ["matchLabelKeys", "mismatchLabelKeys", "namespaces"],
  "core.v1.PodAntiAffinity": [
    "preferredDuringSchedulingIgnoredDuringExecution",
    "requiredDuringSchedulingIgnoredDuringExecution",
  ],
  "core.v1.PodDNSConfig": ["nameservers", "options", "searches"],
  "core.v1.PodSecurityContext": ["supplementalGroups", "sysctls"],
  "core.v1.PodSpec": ["readinessGates", "tolerations"],
  "core.v1.PodStatus": [
    "containerStatuses",
    "ephemeralContainerStatuses",
    "hostIPs",
    "initContainerStatuses",
  ],
  "core.v1.ProjectedVolumeSource": ["sources"],
  "core.v1.ResourceQuotaSpec": ["scopes"],
  "core.v1.ScopeSelector": ["matchExpressions"],
  "core.v1.ScopedResourceSelectorRequirement": ["values"],
  "core.v1.SecretProjection": ["items"],
  "core.v1.SecretVolumeSource": ["items"],
  "core.v1.ServiceAccount": ["imagePullSecrets"],
  "core.v1.ServiceSpec": ["clusterIPs", "externalIPs", "ipFamilies", "loadBalancerSourceRanges"],
  "core.v1.TopologySpreadConstraint": ["matchLabelKeys"],
  "discovery.v1.EndpointHints": ["forNodes", "forZones"],
  "discovery.v1.EndpointSlice": ["endpoints", "ports"],
  "meta.v1.LabelSelector": ["matchExpressions"],
  "meta.v1.LabelSelectorRequirement": ["values"],
  "meta.v1.ObjectMeta": ["managedFields"],
  "networking.v1.HTTPIngressRuleValue": ["paths"],
  "networking.v1.IPBlock": ["except"],
  "networking.v1.IngressLoadBalancerIngress": ["ports"],
  "networking.v1.IngressLoadBalancerStatus": ["ingress"],
  "networking.v1.IngressSpec": ["rules", "tls"],
  "networking.v1.IngressTLS": ["hosts"],
  "networking.v1.NetworkPolicyEgressRule": ["ports", "to"],
  "networking.v1.NetworkPolicyIngressRule": ["from", "ports"],
  "networking.v1.NetworkPolicySpec": ["egress", "ingress", "policyTypes"],
  "rbac.v1.AggregationRule": ["clusterRoleSelectors"],
  "rbac.v1.ClusterRole": ["rules"],
  "rbac.v1.ClusterRoleBinding": ["subjects"],
  "rbac.v1.PolicyRule": ["apiGroups", "nonResourceURLs", "resourceNames", "resources", "verbs"],
  "rbac.v1.Role": ["rules"],
  "rbac.v1.RoleBinding": ["subjects"],
  "storage.v1.StorageClass": ["allowedTopologies", "mountOptions"],
};

/** Types that are replaced as a whole. */
const ATOMIC_TYPES: ReadonlySet<string> = new Set([
  "core.v1.EndpointAddress",
  "core.v1.EndpointPort",
  "core.v1.FileKeySelector",
  "core.v1.LocalObjectReference",
  "core.v1.NodeSelector",
  "core.v1.NodeSelectorTerm",
  "core.v1.ObjectFieldSelector",
  "core.v1.ObjectReference",
  "core.v1.ResourceFieldSelector",
  "core.v1.ScopeSelector",
  "core.v1.TypedLocalObjectReference",
  "discovery.v1.EndpointPort",
  "meta.v1.LabelSelector",
  "meta.v1.OwnerReference",
  "networking.v1.ServiceBackendPort",
  "rbac.v1.RoleRef",
  "rbac.v1.Subject",
]);

/** How a strategic merge patch treats the field, and by which field of its items. */
const PATCHES: Readonly<Record<string, readonly [strategy: string, key?: string]>> = {
  "apiextensions.v1.JSONSchemaProps.x-kubernetes-validations": ["merge", "rule"],
  "apps.v1.DaemonSetStatus.conditions": ["merge", "type"],
  "apps.v1.DeploymentSpec.strategy": ["retainKeys"],
  "apps.v1.DeploymentStatus.conditions": ["merge", "type"],
  "apps.v1.ReplicaSetStatus.conditions": ["merge", "type"],
  "apps.v1.StatefulSetStatus.conditions": ["merge", "type"],
  "autoscaling.v2.HorizontalPodAutoscalerStatus.conditions": ["merge", "type"],
  "batch.v1.JobStatus.conditions": ["merge", "type"],
  "core.v1.Container.env": ["merge", "name"],
  "core.v1.Container.ports": ["merge", "containerPort"],
  "core.v1.Container.volumeDevices": ["merge", "devicePath"],
  "core.v1.Container.volumeMounts": ["merge", "mountPath"],
  "core.v1.ContainerStatus.allocatedResourcesStatus": ["merge", "name"],
  "core.v1.ContainerStatus.volumeMounts": ["merge", "mountPath"],
  "core.v1.EphemeralContainer.env": ["merge", "name"],
  "core.v1.EphemeralContainer.ports": ["merge", "containerPort"],
  "core.v1.EphemeralContainer.volumeDevices": ["merge", "devicePath"],
  "core.v1.EphemeralContainer.volumeMounts": ["merge", "mountPath"],
  "core.v1.NamespaceStatus.conditions": ["merge", "type"],
  "core.v1.NodeSpec.podCIDRs": ["merge"],
  "core.v1.NodeStatus.addresses": ["merge", "type"],
  "core.v1.NodeStatus.conditions": ["merge", "type"],
  "core.v1.PersistentVolumeClaimStatus.conditions": ["merge", "type"],
  "core.v1.PodSpec.containers": ["merge", "name"],
  "core.v1.PodSpec.ephemeralContainers": ["merge", "name"],
  "core.v1.PodSpec.hostAliases": ["merge", "ip"],
  "core.v1.PodSpec.imagePullSecrets": ["merge", "name"],
  "core.v1.PodSpec.initContainers": ["merge", "name"],
  "core.v1.PodSpec.resourceClaims": ["merge,retainKeys", "name"],
  "core.v1.PodSpec.schedulingGates": ["merge", "name"],
  "core.v1.PodSpec.topologySpreadConstraints": ["merge", "topologyKey"],
  "core.v1.PodSpec.volumes": ["merge,retainKeys", "name"],
  "core.v1.PodStatus.conditions": ["merge", "type"],
  "core.v1.PodStatus.hostIPs": ["merge", "ip"],
  "core.v1.PodStatus.podIPs": ["merge", "ip"],
  "core.v1.PodStatus.resourceClaimStatuses": ["merge,retainKeys", "name"],
  "core.v1.ReplicationControllerStatus.conditions": ["merge", "type"],
  "core.v1.ServiceAccount.secrets": ["merge", "name"],
  "core.v1.ServiceSpec.ports": ["merge", "port"],
  "core.v1.ServiceStatus.conditions": ["merge", "type"],
  "meta.v1.ObjectMeta.finalizers": ["merge"],
  "meta.v1.ObjectMeta.ownerReferences": ["merge", "uid"],
  "policy.v1.PodDisruptionBudgetSpec.selector": ["replace"],
  "policy.v1.PodDisruptionBudgetStatus.conditions": ["merge", "type"],
};

/** What a type, or a field of a type, says about merging. Pure. */
export function mergeWords(path: string): Readonly<Record<string, unknown>> {
  const of = path.replace(TEMPLATE_META, OBJECT_META);
  const prefix = PACKAGE_PATHS.find((start) => of.startsWith(start)) ?? "";
  if (prefix === "") return {};
  const short = of.slice(prefix.length);
  const [strategy, key] = PATCHES[short] ?? [];
  return {
    ...(ATOMIC_TYPES.has(short) ? { "x-kubernetes-map-type": "atomic" } : {}),
    ...listWords(short),
    ...(strategy === undefined ? {} : { "x-kubernetes-patch-strategy": strategy }),
    ...(key === undefined ? {} : { "x-kubernetes-patch-merge-key": key }),
  };
}

/** Every path of the tables, for whoever wants to know that none of them is out of date. Pure. */
export function mergePaths(): readonly string[] {
  return [
    ...Object.keys(MAP_LISTS),
    ...SET_LISTS,
    ...Object.entries(ATOMIC_LISTS).flatMap(([type, fields]) =>
      fields.map((field) => `${type}.${field}`),
    ),
    ...ATOMIC_TYPES,
    ...Object.keys(PATCHES),
  ];
}

function listWords(short: string): Readonly<Record<string, unknown>> {
  const keys = MAP_LISTS[short];
  if (keys !== undefined) {
    return { "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": keys };
  }
  if (SET_LISTS.has(short)) return { "x-kubernetes-list-type": "set" };
  const cut = short.lastIndexOf(".");
  const isAtomic = ATOMIC_LISTS[short.slice(0, cut)]?.includes(short.slice(cut + 1)) === true;
  return isAtomic ? { "x-kubernetes-list-type": "atomic" } : {};
}
