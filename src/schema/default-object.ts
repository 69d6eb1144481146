import type { ApiObject } from "../model/meta.ts";
import { findResource } from "../model/resources.ts";
import { encodeBase64 } from "./base64.ts";
import { defaultBarePodSpec, defaultPodSpec, defaultTemplate } from "./default-pod.ts";
import { asFields, asList, mapList } from "./fields.ts";
import type { Fields } from "./fields.ts";

type Default = (object: Fields) => Fields;

/**
 * The object with every field that Kubernetes would fill in, and with the namespace when its kind has one.
 * For objects that their schema accepts. Pure; `defaultObject(defaultObject(x)) = defaultObject(x)`.
 */
export function defaultObject(object: ApiObject, namespace: string): ApiObject {
  const fill = DEFAULTS[`${object.apiVersion}/${object.kind}`];
  const namespaced = findResource(object.apiVersion, object.kind)?.namespaced ?? true;
  const placed: ApiObject = namespaced
    ? {
        ...object,
        metadata: { ...object.metadata, namespace: object.metadata.namespace ?? namespace },
      }
    : object;
  return fill === undefined ? placed : (fill(placed as unknown as Fields) as unknown as ApiObject);
}

const DEFAULTS: Readonly<Record<string, Default>> = {
  "v1/Namespace": defaultNamespace,
  "v1/Secret": defaultSecret,
  "v1/Service": specDefault(defaultServiceSpec),
  "v1/Pod": specDefault((spec) => defaultBarePodSpec(defaultPodSpec(spec))),
  "apps/v1/Deployment": specDefault(defaultDeploymentSpec),
  "apps/v1/ReplicaSet": specDefault((spec) => ({
    replicas: 1,
    ...spec,
    template: defaultTemplate(spec["template"]),
  })),
  "batch/v1/Job": defaultJob,
};

function specDefault(fill: Default): Default {
  return (object) => ({ ...object, spec: fill(asFields(object["spec"])) });
}

function defaultNamespace(object: Fields): Fields {
  const metadata = asFields(object["metadata"]);
  const labels = {
    ...asFields(metadata["labels"]),
    "kubernetes.io/metadata.name": metadata["name"],
  };
  return { ...object, metadata: { ...metadata, labels } };
}

function defaultSecret(object: Fields): Fields {
  const { stringData, ...rest } = object;
  const plain = Object.entries(asFields(stringData)).map(([key, text]) => [
    key,
    encodeBase64(String(text)),
  ]);
  // Line breaks in base64 mean nothing; without them equal contents are equal texts.
  const encoded = Object.entries(asFields(object["data"])).map(([key, text]) => [
    key,
    String(text).replaceAll(/[\r\n]/g, ""),
  ]);
  const data = Object.fromEntries([...encoded, ...plain]) as Fields;
  return {
    type: "Opaque",
    ...rest,
    ...(Object.keys(data).length > 0 || object["data"] !== undefined ? { data } : {}),
  };
}

function defaultServiceSpec(spec: Fields): Fields {
  const type = spec["type"] ?? "ClusterIP";
  const { clusterIP, clusterIPs, ...rest } = spec;
  const address = clusterIP ?? asList(clusterIPs)[0] ?? "";
  return {
    type,
    sessionAffinity: "None",
    internalTrafficPolicy: "Cluster",
    ipFamilies: ["IPv4"],
    ipFamilyPolicy: "SingleStack",
    ports: [],
    ...(type === "NodePort" ? { externalTrafficPolicy: "Cluster" } : {}),
    ...rest,
    // An empty address is an absent one: the allocator gives it.
    ...(address === "" ? {} : { clusterIP: address, clusterIPs: [address] }),
    ...mapList(spec, "ports", (port) => ({ protocol: "TCP", targetPort: port["port"], ...port })),
  };
}

function defaultDeploymentSpec(spec: Fields): Fields {
  return {
    replicas: 1,
    revisionHistoryLimit: 10,
    progressDeadlineSeconds: 600,
    ...spec,
    strategy: defaultStrategy(asFields(spec["strategy"])),
    template: defaultTemplate(spec["template"]),
  };
}

function defaultStrategy(strategy: Fields): Fields {
  const type = strategy["type"] ?? "RollingUpdate";
  if (type !== "RollingUpdate") return { ...strategy, type };
  const rollingUpdate = {
    maxUnavailable: "25%",
    maxSurge: "25%",
    ...asFields(strategy["rollingUpdate"]),
  };
  return { type, rollingUpdate };
}

function defaultJob(object: Fields): Fields {
  const spec = asFields(object["spec"]);
  const metadata = asFields(object["metadata"]);
  const template = defaultTemplate(spec["template"]);
  const labels = asFields(asFields(template["metadata"])["labels"]);
  // Without both counts a Job is one pod; with parallelism alone it is a work queue that ends itself.
  const isSingle = spec["completions"] === undefined && spec["parallelism"] === undefined;
  const takesLabels = Object.keys(asFields(metadata["labels"])).length === 0;
  return {
    ...object,
    metadata: takesLabels && Object.keys(labels).length > 0 ? { ...metadata, labels } : metadata,
    spec: {
      ...(isSingle ? { completions: 1 } : {}),
      parallelism: 1,
      backoffLimit: 6,
      completionMode: "NonIndexed",
      suspend: false,
      ...spec,
      template,
    },
  };
}
