import type { ConfigMap, Container, EnvVar, KeyRef, Pod, Secret } from "../model/kinds.gen.ts";
import { containerOf, podField, resourceField, type Allocatable } from "./pod-fields.ts";

/** What the variables of a container may come from. */
export interface EnvSources {
  readonly pod: Pod;
  readonly podIp: string;
  readonly hostIp: string;
  readonly allocatable: Allocatable;
  /** By which pods find Services; what the container says goes first. */
  readonly services?: ReadonlyMap<string, string>;
  /** Of the pod's namespace; `undefined` when there is none of that name. */
  readonly configMap: (name: string) => ConfigMap | undefined;
  readonly secret: (name: string) => Secret | undefined;
}

export type EnvResult =
  | { readonly kind: "resolved"; readonly env: ReadonlyMap<string, string> }
  /** What is missing, as Kubernetes says it. */
  | { readonly kind: "missing"; readonly message: string };

/** A reference of a container to an object of its namespace. */
export interface ConfigReference {
  readonly kind: "ConfigMap" | "Secret";
  readonly name: string;
}

/** The objects that a container's variables name. Pure. */
export function envReferences(container: Container): readonly ConfigReference[] {
  const refs: readonly (ConfigReference | undefined)[] = [
    ...(container.envFrom ?? []).flatMap(({ configMapRef, secretRef }) => [
      toReference("ConfigMap", configMapRef),
      toReference("Secret", secretRef),
    ]),
    ...(container.env ?? []).flatMap(({ valueFrom }) => [
      toReference("ConfigMap", valueFrom?.configMapKeyRef),
      toReference("Secret", valueFrom?.secretKeyRef),
    ]),
  ];
  return refs.filter((ref) => ref !== undefined);
}

/** The variables of a container in Kubernetes' order: `envFrom` first, then `env`, which may refer to all before. Pure. */
export function resolveEnv(container: Container, sources: EnvSources): EnvResult {
  const env = new Map<string, string>(sources.services);
  const missing = (message: string): EnvResult => ({ kind: "missing", message });
  for (const from of container.envFrom ?? []) {
    const found = envFromData(from, sources);
    if (found.kind === "missing") return found;
    for (const [key, value] of found.env) {
      if (isVariableName(`${from.prefix ?? ""}${key}`))
        env.set(`${from.prefix ?? ""}${key}`, value);
    }
  }
  for (const variable of container.env ?? []) {
    const found = valueOf(variable, { container, env }, sources);
    if (found.kind === "missing") return missing(found.message);
    if (found.kind === "value") env.set(variable.name, found.value);
  }
  return { kind: "resolved", env };
}

/** `$(NAME)` becomes the variable's value, `$$` becomes `$`; an unknown name stays as it is. Pure. */
export function expand(text: string, env: ReadonlyMap<string, string>): string {
  return text.replaceAll(/\$(?:\$|\(([^)]*)\))/g, (match: string, name: string | undefined) =>
    name === undefined ? "$" : (env.get(name) ?? match),
  );
}

type Value =
  | { readonly kind: "value"; readonly value: string }
  | { readonly kind: "absent" }
  | { readonly kind: "missing"; readonly message: string };

function valueOf(
  { value, valueFrom }: EnvVar,
  { container, env }: { readonly container: Container; readonly env: ReadonlyMap<string, string> },
  sources: EnvSources,
): Value {
  if (valueFrom?.fieldRef !== undefined) {
    const found = fieldValue(valueFrom.fieldRef.fieldPath, sources);
    return found === undefined
      ? { kind: "missing", message: `unsupported fieldPath: ${valueFrom.fieldRef.fieldPath}` }
      : { kind: "value", value: found };
  }
  if (valueFrom?.resourceFieldRef !== undefined) {
    const ref = valueFrom.resourceFieldRef;
    const about =
      ref.containerName === undefined ? container : containerOf(sources.pod, ref.containerName);
    return about === undefined
      ? { kind: "missing", message: `container ${ref.containerName ?? ""} not found` }
      : { kind: "value", value: resourceField(about, ref, sources.allocatable) };
  }
  if (valueFrom?.configMapKeyRef !== undefined) {
    const ref = valueFrom.configMapKeyRef;
    return keyValue("ConfigMap", ref, sources, configMapData(sources.configMap(ref.name)));
  }
  if (valueFrom?.secretKeyRef !== undefined) {
    const ref = valueFrom.secretKeyRef;
    return keyValue("Secret", ref, sources, secretData(sources.secret(ref.name)));
  }
  return { kind: "value", value: expand(value ?? "", env) };
}

function keyValue(
  kind: ConfigReference["kind"],
  ref: KeyRef,
  { pod }: EnvSources,
  data: ReadonlyMap<string, string> | undefined,
): Value {
  const value = data?.get(ref.key);
  if (value !== undefined) return { kind: "value", value };
  if (ref.optional === true) return { kind: "absent" };
  const message =
    data === undefined
      ? notFound(kind, ref.name)
      : `couldn't find key ${ref.key} in ${kind} ${pod.metadata.namespace ?? ""}/${ref.name}`;
  return { kind: "missing", message };
}

function envFromData(
  { configMapRef, secretRef }: NonNullable<Container["envFrom"]>[number],
  sources: EnvSources,
): EnvResult {
  if (configMapRef !== undefined) {
    const data = configMapData(sources.configMap(configMapRef.name));
    if (data === undefined && configMapRef.optional !== true)
      return { kind: "missing", message: notFound("ConfigMap", configMapRef.name) };
    return { kind: "resolved", env: data ?? new Map() };
  }
  if (secretRef !== undefined) {
    const data = secretData(sources.secret(secretRef.name));
    if (data === undefined && secretRef.optional !== true)
      return { kind: "missing", message: notFound("Secret", secretRef.name) };
    return { kind: "resolved", env: data ?? new Map() };
  }
  return { kind: "resolved", env: new Map() };
}

/** What Kubernetes says of an object that is not there. Pure. */
export function notFound(kind: ConfigReference["kind"], name: string): string {
  return `${kind.toLowerCase()} "${name}" not found`;
}

function fieldValue(path: string, { pod, podIp, hostIp }: EnvSources): string | undefined {
  const { spec } = pod;
  const fields: Readonly<Record<string, string>> = {
    "spec.nodeName": spec.nodeName ?? "",
    "spec.serviceAccountName": spec.serviceAccountName ?? "",
    "status.podIP": podIp,
    "status.podIPs": podIp,
    "status.hostIP": hostIp,
    "status.hostIPs": hostIp,
  };
  return fields[path] ?? podField(pod, path);
}

function configMapData(object: ConfigMap | undefined): ReadonlyMap<string, string> | undefined {
  return object === undefined ? undefined : new Map(Object.entries(object.data ?? {}));
}

function secretData(object: Secret | undefined): ReadonlyMap<string, string> | undefined {
  if (object === undefined) return undefined;
  const decode = (value: string): string => Buffer.from(value, "base64").toString("utf8");
  return new Map(Object.entries(object.data ?? {}).map(([key, value]) => [key, decode(value)]));
}

function isVariableName(name: string): boolean {
  return name !== "" && !name.includes("=") && !name.includes("\0");
}

function toReference(
  kind: ConfigReference["kind"],
  ref: { readonly name: string } | undefined,
): ConfigReference | undefined {
  return ref === undefined ? undefined : { kind, name: ref.name };
}
