import { defaultContainer } from "./default-container.ts";
import { defaultVolume } from "./default-volume.ts";
import { asFields, asList, mapList } from "./fields.ts";
import type { Fields } from "./fields.ts";

/** What Kubernetes fills into the spec of a Pod or of a template. Pure, idempotent. */
export function defaultPodSpec(spec: Fields): Fields {
  return {
    restartPolicy: "Always",
    dnsPolicy: "ClusterFirst",
    terminationGracePeriodSeconds: 30,
    schedulerName: "default-scheduler",
    securityContext: {},
    ...spec,
    ...serviceAccount(spec),
    ...mapList(spec, "containers", defaultContainer),
    ...mapList(spec, "initContainers", defaultContainer),
    ...mapList(spec, "volumes", defaultVolume),
  };
}

/** What Kubernetes fills into a Pod and not into a template: requests, and host ports on the host's network. Pure. */
export function defaultBarePodSpec(spec: Fields): Fields {
  const isOnHost = spec["hostNetwork"] === true;
  const fill = (container: Fields): Fields =>
    isOnHost ? publishPorts(requestLimits(container)) : requestLimits(container);
  return {
    ...spec,
    ...mapList(spec, "containers", fill),
    ...mapList(spec, "initContainers", fill),
  };
}

/** A template with its spec filled. Pure, idempotent. */
export function defaultTemplate(template: unknown): Fields {
  const fields = asFields(template);
  return { ...fields, spec: defaultPodSpec(asFields(fields["spec"])) };
}

/** The older name of the field says the same; the newer one wins. */
function serviceAccount(spec: Fields): Fields {
  const { serviceAccount: older, serviceAccountName: name = older } = spec;
  return older === undefined ? {} : { serviceAccountName: name, serviceAccount: name };
}

/** Requests that are not stated are the limits. */
function requestLimits(container: Fields): Fields {
  const resources = asFields(container["resources"]);
  if (resources["limits"] === undefined) return container;
  const requests = { ...asFields(resources["limits"]), ...asFields(resources["requests"]) };
  return { ...container, resources: { ...resources, requests } };
}

/** On the host's network each port of a container is one of the host. */
function publishPorts(container: Fields): Fields {
  if (asList(container["ports"]).length === 0) return container;
  return {
    ...container,
    ...mapList(container, "ports", (port) => ({ hostPort: port["containerPort"], ...port })),
  };
}
