import { defaultResources, mapField } from "./default-fields.ts";
import { asFields, mapList } from "./fields.ts";
import type { Fields } from "./fields.ts";

/** What Kubernetes fills into a container. Pure, idempotent. */
export function defaultContainer(container: Fields): Fields {
  return {
    imagePullPolicy: pullPolicy(container["image"]),
    terminationMessagePath: "/dev/termination-log",
    terminationMessagePolicy: "File",
    ...container,
    resources: defaultResources(asFields(container["resources"])),
    ...mapList(container, "ports", defaultPort),
    ...mapList(container, "env", defaultEnvVar),
    ...mapField(container, "livenessProbe", defaultProbe),
    ...mapField(container, "readinessProbe", defaultProbe),
    ...mapField(container, "startupProbe", defaultProbe),
    ...mapField(container, "lifecycle", defaultLifecycle),
  };
}

/** `latest`, said or meant, may change: so it is pulled each time. Pure. */
export function pullPolicy(reference: unknown): "Always" | "IfNotPresent" {
  const image = String(reference);
  const digest = image.indexOf("@");
  const named = digest < 0 ? image : image.slice(0, digest);
  const name = named.slice(named.lastIndexOf("/") + 1);
  const colon = name.indexOf(":");
  if (colon < 0) return digest < 0 ? "Always" : "IfNotPresent";
  return name.slice(colon + 1) === "latest" ? "Always" : "IfNotPresent";
}

/** What Kubernetes fills into the source of a variable or a file that names a field of the pod. Pure, idempotent. */
export function defaultFieldSource(source: Fields): Fields {
  return {
    ...source,
    ...mapField(source, "fieldRef", (ref) => ({ apiVersion: "v1", ...ref })),
    ...mapField(source, "resourceFieldRef", (ref) => ({ divisor: "0", ...ref })),
  };
}

function defaultPort(port: Fields): Fields {
  return { protocol: "TCP", ...port };
}

function defaultEnvVar(variable: Fields): Fields {
  if (variable["valueFrom"] === undefined) return variable;
  return { ...variable, valueFrom: defaultFieldSource(asFields(variable["valueFrom"])) };
}

function defaultProbe(probe: Fields): Fields {
  return {
    timeoutSeconds: 1,
    periodSeconds: 10,
    successThreshold: 1,
    failureThreshold: 3,
    ...probe,
    ...mapField(probe, "httpGet", defaultHttpGet),
    ...mapField(probe, "grpc", (action) => ({ service: "", ...action })),
  };
}

function defaultHttpGet(action: Fields): Fields {
  return { path: "/", scheme: "HTTP", ...action };
}

function defaultLifecycle(lifecycle: Fields): Fields {
  return {
    ...lifecycle,
    ...mapField(lifecycle, "postStart", defaultHandler),
    ...mapField(lifecycle, "preStop", defaultHandler),
  };
}

function defaultHandler(handler: Fields): Fields {
  return { ...handler, ...mapField(handler, "httpGet", defaultHttpGet) };
}
