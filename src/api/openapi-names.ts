/** Where the schemas of a document lie. */
export const SCHEMA_PREFIX = "#/components/schemas/";

const META = "io.k8s.apimachinery.pkg.apis.meta.v1";
const CORE = "io.k8s.api.core.v1";
const BERTH = "dev.berth.v1";

/** Names of components that the documents need beside those of schemas/. */
export const COMMON_NAMES = {
  listMeta: "io.k8s.apimachinery.pkg.apis.meta.v1.ListMeta",
  deleteOptions: "io.k8s.apimachinery.pkg.apis.meta.v1.DeleteOptions",
  preconditions: "io.k8s.apimachinery.pkg.apis.meta.v1.Preconditions",
  status: "io.k8s.apimachinery.pkg.apis.meta.v1.Status",
  patch: "io.k8s.apimachinery.pkg.apis.meta.v1.Patch",
  objectMeta: "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta",
  scale: "io.k8s.api.autoscaling.v1.Scale",
  eviction: "io.k8s.api.policy.v1.Eviction",
  quantity: "io.k8s.apimachinery.pkg.api.resource.Quantity",
  intOrString: "io.k8s.apimachinery.pkg.util.intstr.IntOrString",
} as const;

/** Packages of what several kinds share, by file. */
const SHARED_PACKAGES: Readonly<Record<string, string>> = {
  "shared/autoscaling.json": "io.k8s.api.autoscaling.v2",
  "shared/rbac.json": "io.k8s.api.rbac.v1",
};

/** Groups whose Go package is not named after the group's first word. */
const GROUP_PACKAGES: Readonly<Record<string, string>> = {
  "": "io.k8s.api.core",
  "berth.dev": "dev.berth",
  "apiextensions.k8s.io": "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions",
};

/** Types that Kubernetes has in its package of metadata. */
const META_TITLES: ReadonlySet<string> = new Set([
  "Condition",
  "LabelSelector",
  "LabelSelectorRequirement",
  "ManagedFieldsEntry",
  "ObjectMeta",
  "OwnerReference",
]);

/** Types that Kubernetes has not: its own differ, or are several. */
const OWN_TITLES: ReadonlySet<string> = new Set([
  "KeyRef",
  "OptionalObjectName",
  "ScalingChange",
  "ScalingHistory",
  "ScalingWish",
  "TemplateMeta",
  "VolumeClaimTemplate",
]);

/** What Kubernetes calls types that schemas/ has under another title. */
const KUBERNETES_TITLES: Readonly<Record<string, string>> = {
  EndpointsPort: "EndpointPort",
  FileFieldSelector: "FileKeySelector",
  GrpcAction: "GRPCAction",
  HorizontalPodAutoscalerSpecV1: "HorizontalPodAutoscalerSpec",
  HorizontalPodAutoscalerStatusV1: "HorizontalPodAutoscalerStatus",
  HorizontalPodAutoscalerV1: "HorizontalPodAutoscaler",
  HttpGetAction: "HTTPGetAction",
  HttpHeader: "HTTPHeader",
  LabelRequirement: "LabelSelectorRequirement",
  TcpSocketAction: "TCPSocketAction",
};

/** The name of a type as Kubernetes' documents have it, by its title and the file that states it. Pure. */
export function componentName(file: string, title: string): string {
  const name = KUBERNETES_TITLES[title] ?? title;
  return `${packageOf(file, name)}.${name}`;
}

/** The name of the list of a kind. Pure. */
export function listName(kindName: string): string {
  return `${kindName}List`;
}

/** The file of schemas/ that states a kind. Pure. */
export function schemaFile(kind: {
  readonly group: string;
  readonly version: string;
  readonly kind: string;
}): string {
  return [kind.group, kind.version, kind.kind, "json"].filter((part) => part !== "").join(".");
}

function packageOf(file: string, name: string): string {
  if (META_TITLES.has(name)) return META;
  if (OWN_TITLES.has(name)) return BERTH;
  if (file.startsWith("shared/")) return SHARED_PACKAGES[file] ?? CORE;
  const [, version = "", ...group] = file
    .replace(/\.json$/, "")
    .split(".")
    .toReversed();
  const of = group.toReversed().join(".");
  return `${GROUP_PACKAGES[of] ?? `io.k8s.api.${of.split(".")[0] ?? ""}`}.${version}`;
}
