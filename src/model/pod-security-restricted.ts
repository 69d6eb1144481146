import type { Volume } from "./kinds.gen.ts";
import {
  addedBeyond,
  distinct,
  isConfining,
  namedContainers,
  namesWhere,
  plural,
  quoted,
  seccompBaseline,
  setters,
  type CheckedPod,
  type Violation,
} from "./pod-security-checks.ts";

export function allowPrivilegeEscalation(pod: CheckedPod): Violation | undefined {
  const names = namesWhere(pod, (security) => security.allowPrivilegeEscalation !== false);
  if (names.length === 0) return undefined;
  const detail = `${namedContainers(names)} must set securityContext.allowPrivilegeEscalation=false`;
  return { reason: "allowPrivilegeEscalation != false", detail };
}

const RESTRICTED_CAPABILITIES: ReadonlySet<string> = new Set(["NET_BIND_SERVICE"]);

export function capabilitiesRestricted(pod: CheckedPod): Violation | undefined {
  const reason = "unrestricted capabilities";
  const keeping = namesWhere(
    pod,
    ({ capabilities }) => !(capabilities?.drop ?? []).includes("ALL"),
  );
  const adding = addedBeyond(pod, RESTRICTED_CAPABILITIES, reason);
  const details = [
    ...(keeping.length === 0
      ? []
      : [`${namedContainers(keeping)} must set securityContext.capabilities.drop=["ALL"]`]),
    ...(adding === undefined ? [] : [adding.detail]),
  ];
  return details.length === 0 ? undefined : { reason, detail: details.join("; ") };
}

const ALLOWED_SOURCES: ReadonlySet<string> = new Set([
  "configMap",
  "csi",
  "downwardAPI",
  "emptyDir",
  "ephemeral",
  "persistentVolumeClaim",
  "projected",
  "secret",
]);

export function restrictedVolumes({ spec }: CheckedPod): Violation | undefined {
  const bad = (spec.volumes ?? []).flatMap((volume) => {
    const source = sourceOf(volume);
    return ALLOWED_SOURCES.has(source) ? [] : [{ name: volume.name, source }];
  });
  if (bad.length === 0) return undefined;
  const names = bad.map(({ name }) => name);
  const sources = distinct(bad.map(({ source }) => source));
  const uses = names.length === 1 ? "uses" : "use";
  const detail = `${plural(names, "volume")} ${quoted(names)} ${uses} ${plural(sources, "restricted volume type")} ${quoted(sources)}`;
  return { reason: "restricted volume types", detail };
}

/** A volume without a source is an emptyDir. */
function sourceOf({ name: _name, ...sources }: Volume): string {
  return Object.keys(sources)[0] ?? "emptyDir";
}

export function runAsNonRoot(pod: CheckedPod): Violation | undefined {
  const reason = "runAsNonRoot != true";
  const own = pod.spec.securityContext?.runAsNonRoot;
  const rooting = namesWhere(pod, (security) => security.runAsNonRoot === false);
  const who = setters(own === false, rooting);
  if (who !== undefined)
    return { reason, detail: `${who} must not set securityContext.runAsNonRoot=false` };
  const silent = namesWhere(pod, (security) => security.runAsNonRoot === undefined && own !== true);
  if (silent.length === 0) return undefined;
  const detail = `pod or ${namedContainers(silent)} must set securityContext.runAsNonRoot=true`;
  return { reason, detail };
}

export function runAsUser(pod: CheckedPod): Violation | undefined {
  const who = setters(
    pod.spec.securityContext?.runAsUser === 0,
    namesWhere(pod, (security) => security.runAsUser === 0),
  );
  return who === undefined
    ? undefined
    : { reason: "runAsUser=0", detail: `${who} must not set runAsUser=0` };
}

export function seccompRestricted(pod: CheckedPod): Violation | undefined {
  const wrong = seccompBaseline(pod);
  if (wrong !== undefined) return wrong;
  const isSet = isConfining(pod.spec.securityContext?.seccompProfile?.type);
  const silent = namesWhere(pod, (security) => security.seccompProfile === undefined && !isSet);
  if (silent.length === 0) return undefined;
  const detail = `pod or ${namedContainers(silent)} must set securityContext.seccompProfile.type to "RuntimeDefault" or "Localhost"`;
  return { reason: "seccompProfile", detail };
}
