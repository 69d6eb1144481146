import { canonicalQuantity } from "../model/quantity.ts";
import { asFields, mapList } from "./fields.ts";
import type { Fields } from "./fields.ts";

/** Permission bits of files from ConfigMaps and Secrets: 0644. */
const DEFAULT_FILE_MODE = 420;

/** What Kubernetes fills into the spec of a Pod or of a template. Pure, idempotent. */
export function defaultPodSpec(spec: Fields): Fields {
  return {
    restartPolicy: "Always",
    dnsPolicy: "ClusterFirst",
    terminationGracePeriodSeconds: 30,
    schedulerName: "default-scheduler",
    securityContext: {},
    ...spec,
    ...mapList(spec, "containers", defaultContainer),
    ...mapList(spec, "initContainers", defaultContainer),
    ...mapList(spec, "volumes", defaultVolume),
  };
}

/** What Kubernetes fills into a Pod and not into a template: requests that are not stated are the limits. Pure. */
export function defaultBarePodSpec(spec: Fields): Fields {
  return {
    enableServiceLinks: true,
    ...spec,
    ...mapList(spec, "containers", requestLimits),
    ...mapList(spec, "initContainers", requestLimits),
  };
}

/** A template with its spec filled. Pure. */
export function defaultTemplate(template: unknown): Fields {
  const fields = asFields(template);
  return { ...fields, spec: defaultPodSpec(asFields(fields["spec"])) };
}

function requestLimits(container: Fields): Fields {
  const resources = asFields(container["resources"]);
  if (resources["limits"] === undefined) return container;
  const requests = { ...asFields(resources["limits"]), ...asFields(resources["requests"]) };
  return { ...container, resources: { ...resources, requests } };
}

function defaultContainer(container: Fields): Fields {
  return {
    imagePullPolicy: pullPolicy(String(container["image"])),
    terminationMessagePath: "/dev/termination-log",
    terminationMessagePolicy: "File",
    ...container,
    resources: defaultResources(asFields(container["resources"])),
    ...mapList(container, "ports", (port) => ({ protocol: "TCP", ...port })),
    ...mapList(container, "env", defaultEnvVar),
    ...mapField(container, "livenessProbe", defaultProbe),
    ...mapField(container, "readinessProbe", defaultProbe),
    ...mapField(container, "startupProbe", defaultProbe),
    ...mapField(container, "lifecycle", defaultLifecycle),
  };
}

/** `latest`, said or meant, may change: so it is pulled each time. */
function pullPolicy(image: string): "Always" | "IfNotPresent" {
  if (image.includes("@")) return "IfNotPresent";
  const name = image.slice(image.lastIndexOf("/") + 1);
  const colon = name.indexOf(":");
  return colon < 0 || name.slice(colon + 1) === "latest" ? "Always" : "IfNotPresent";
}

function defaultResources(resources: Fields): Fields {
  return {
    ...resources,
    ...mapField(resources, "requests", canonicalAmounts),
    ...mapField(resources, "limits", canonicalAmounts),
  };
}

function canonicalAmounts(amounts: Fields): Fields {
  return Object.fromEntries(
    Object.entries(amounts).map(([name, amount]) => [name, canonicalAmount(amount)]),
  );
}

function canonicalAmount(amount: unknown): string {
  return canonicalQuantity(String(amount)) ?? String(amount);
}

function defaultEnvVar(variable: Fields): Fields {
  return {
    ...variable,
    ...mapField(variable, "valueFrom", (source) => ({
      ...source,
      ...mapField(source, "fieldRef", (ref) => ({ apiVersion: "v1", ...ref })),
    })),
  };
}

function defaultProbe(probe: Fields): Fields {
  return {
    timeoutSeconds: 1,
    periodSeconds: 10,
    successThreshold: 1,
    failureThreshold: 3,
    ...probe,
    ...mapField(probe, "httpGet", defaultHttpGet),
  };
}

function defaultHttpGet(action: Fields): Fields {
  return { path: "/", scheme: "HTTP", ...action };
}

function defaultLifecycle(lifecycle: Fields): Fields {
  const handler = (fields: Fields): Fields => ({
    ...fields,
    ...mapField(fields, "httpGet", defaultHttpGet),
  });
  return {
    ...lifecycle,
    ...mapField(lifecycle, "postStart", handler),
    ...mapField(lifecycle, "preStop", handler),
  };
}

function defaultVolume(volume: Fields): Fields {
  const hasSource = Object.keys(volume).some((field) => field !== "name");
  if (!hasSource) return { ...volume, emptyDir: {} };
  const withMode = (source: Fields): Fields => ({ defaultMode: DEFAULT_FILE_MODE, ...source });
  return {
    ...volume,
    ...mapField(volume, "configMap", withMode),
    ...mapField(volume, "secret", withMode),
    ...mapField(volume, "hostPath", (source) => ({ type: "", ...source })),
    ...mapField(volume, "emptyDir", (source) =>
      source["sizeLimit"] === undefined
        ? source
        : { ...source, sizeLimit: canonicalAmount(source["sizeLimit"]) },
    ),
  };
}

function mapField(fields: Fields, name: string, change: (value: Fields) => Fields): Fields {
  return fields[name] === undefined ? {} : { [name]: change(asFields(fields[name])) };
}
