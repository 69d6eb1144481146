import { compare } from "../base/order.ts";
import type { StringMap } from "./meta.ts";
import {
  appArmorProfile,
  capabilitiesBaseline,
  hostNamespaces,
  hostPathVolumes,
  hostPorts,
  privileged,
  procMount,
  seccompAnnotations,
  seccompBaseline,
  seLinuxOptions,
  sysctls,
  windowsHostProcess,
  type CheckedPod,
  type PodCheck,
  type Violation,
} from "./pod-security-checks.ts";
import {
  allowPrivilegeEscalation,
  capabilitiesRestricted,
  restrictedVolumes,
  runAsNonRoot,
  runAsUser,
  seccompRestricted,
} from "./pod-security-restricted.ts";

/** Kubernetes' levels, each stricter than the one before. */
export const POD_SECURITY_LEVELS = ["privileged", "baseline", "restricted"] as const;
export type PodSecurityLevel = (typeof POD_SECURITY_LEVELS)[number];
/** What becomes of a pod that breaks a level: refused, noted, or warned of. */
export const POD_SECURITY_MODES = ["enforce", "audit", "warn"] as const;
export type PodSecurityMode = (typeof POD_SECURITY_MODES)[number];

/** A level as of a minor version of Kubernetes, such as 33. */
export interface PodSecurityPolicy {
  readonly level: PodSecurityLevel;
  readonly minor: number | "latest";
}

/** A label of a namespace that says no level, or no version. */
export interface PodSecurityLabelProblem {
  readonly label: string;
  readonly value: string;
  readonly must: string;
}

export interface NamespacePodSecurity {
  readonly policies: Readonly<Record<PodSecurityMode, PodSecurityPolicy>>;
  readonly problems: readonly PodSecurityLabelProblem[];
}

/** The standards are those of this minor version: later ones, and `latest`, come to the same. */
const NEWEST_MINOR = 33;
const LABEL_PREFIX = "pod-security.kubernetes.io/";
const PRIVILEGED: PodSecurityPolicy = { level: "privileged", minor: "latest" };

interface Control {
  readonly id: string;
  readonly level: "baseline" | "restricted";
  /** A control of baseline that this one takes the place of. */
  readonly overrides?: string;
  /** As of which minor version which check; ascending. Before the first there is none. */
  readonly checks: readonly (readonly [minor: number, check: PodCheck])[];
}

const SYSCTLS_27: readonly string[] = ["net.ipv4.ip_local_reserved_ports"];
const SYSCTLS_29: readonly string[] = [
  ...SYSCTLS_27,
  "net.ipv4.tcp_keepalive_time",
  "net.ipv4.tcp_fin_timeout",
  "net.ipv4.tcp_keepalive_intvl",
  "net.ipv4.tcp_keepalive_probes",
];
const SYSCTLS_32: readonly string[] = [...SYSCTLS_29, "net.ipv4.tcp_rmem", "net.ipv4.tcp_wmem"];

/** Kubernetes' table: https://kubernetes.io/docs/concepts/security/pod-security-standards/ */
const CONTROLS: readonly Control[] = [
  { id: "appArmorProfile", level: "baseline", checks: [[0, appArmorProfile]] },
  { id: "capabilities_baseline", level: "baseline", checks: [[0, capabilitiesBaseline]] },
  { id: "hostNamespaces", level: "baseline", checks: [[0, hostNamespaces]] },
  { id: "hostPathVolumes", level: "baseline", checks: [[0, hostPathVolumes]] },
  { id: "hostPorts", level: "baseline", checks: [[0, hostPorts]] },
  { id: "privileged", level: "baseline", checks: [[0, privileged]] },
  { id: "procMount", level: "baseline", checks: [[0, procMount]] },
  {
    id: "seLinuxOptions",
    level: "baseline",
    checks: [
      [0, seLinuxOptions([])],
      [31, seLinuxOptions(["container_engine_t"])],
    ],
  },
  {
    id: "seccompProfile_baseline",
    level: "baseline",
    checks: [
      [0, seccompAnnotations],
      [19, seccompBaseline],
    ],
  },
  {
    id: "sysctls",
    level: "baseline",
    checks: [
      [0, sysctls([])],
      [27, sysctls(SYSCTLS_27)],
      [29, sysctls(SYSCTLS_29)],
      [32, sysctls(SYSCTLS_32)],
    ],
  },
  { id: "windowsHostProcess", level: "baseline", checks: [[0, windowsHostProcess]] },
  { id: "allowPrivilegeEscalation", level: "restricted", checks: [[8, allowPrivilegeEscalation]] },
  {
    id: "capabilities_restricted",
    level: "restricted",
    overrides: "capabilities_baseline",
    checks: [[22, capabilitiesRestricted]],
  },
  {
    id: "restrictedVolumes",
    level: "restricted",
    overrides: "hostPathVolumes",
    checks: [[0, restrictedVolumes]],
  },
  { id: "runAsNonRoot", level: "restricted", checks: [[0, runAsNonRoot]] },
  { id: "runAsUser", level: "restricted", checks: [[23, runAsUser]] },
  {
    id: "seccompProfile_restricted",
    level: "restricted",
    overrides: "seccompProfile_baseline",
    checks: [[19, seccompRestricted]],
  },
];

/**
 * What the labels of a namespace ask of its pods. Without labels anything goes; a level that cannot be read is the
 * strictest where pods are refused, and none where people are only told. Warned of is what is refused, unless the labels
 * say otherwise. Pure.
 */
export function podSecurityOf(labels: StringMap | undefined): NamespacePodSecurity {
  const problems: PodSecurityLabelProblem[] = [];
  const read = (mode: PodSecurityMode): Partial<PodSecurityPolicy> => {
    const level = readLevel(labels, mode, problems);
    const minor = readMinor(labels, mode, problems);
    return { ...(level === undefined ? {} : { level }), ...(minor === undefined ? {} : { minor }) };
  };
  const enforced = read("enforce");
  const enforce = { ...PRIVILEGED, ...enforced };
  const audit = { ...PRIVILEGED, ...read("audit") };
  const warned = read("warn");
  const warn: PodSecurityPolicy =
    warned.level === undefined && enforced.level !== undefined
      ? { ...enforce, ...warned }
      : { ...PRIVILEGED, ...warned };
  return { policies: { enforce, audit, warn }, problems };
}

function readLevel(
  labels: StringMap | undefined,
  mode: PodSecurityMode,
  problems: PodSecurityLabelProblem[],
): PodSecurityLevel | undefined {
  const label = `${LABEL_PREFIX}${mode}`;
  const value = labels?.[label];
  if (value === undefined) return undefined;
  const level = POD_SECURITY_LEVELS.find((one) => one === value);
  if (level !== undefined) return level;
  problems.push({ label, value, must: `must be one of ${POD_SECURITY_LEVELS.join(", ")}` });
  return mode === "enforce" ? "restricted" : "privileged";
}

function readMinor(
  labels: StringMap | undefined,
  mode: PodSecurityMode,
  problems: PodSecurityLabelProblem[],
): number | "latest" | undefined {
  const label = `${LABEL_PREFIX}${mode}-version`;
  const value = labels?.[label];
  if (value === undefined || value === "latest") return value;
  const minor = /^v1\.(0|[1-9]\d{0,4})$/.exec(value)?.[1];
  if (minor !== undefined) return Number(minor);
  problems.push({ label, value, must: `must be "latest" or "v1.x"` });
  return "latest";
}

/** All that a pod has against a level, in Kubernetes' order. Pure. */
export function podSecurityViolations(
  { level, minor }: PodSecurityPolicy,
  pod: CheckedPod,
): readonly Violation[] {
  if (level === "privileged") return [];
  const at = minor === "latest" ? NEWEST_MINOR : Math.min(minor, NEWEST_MINOR);
  const standing = CONTROLS.flatMap((control) => {
    if (control.level === "restricted" && level === "baseline") return [];
    const check = control.checks.findLast(([since]) => since <= at)?.[1];
    return check === undefined ? [] : [{ ...control, check }];
  });
  const replaced = new Set(standing.map(({ overrides }) => overrides));
  return standing
    .filter(({ id }) => !replaced.has(id))
    .toSorted((a, b) => compare(a.level, b.level) || compare(a.id, b.id))
    .flatMap(({ check }) => check(pod) ?? []);
}

/** `violates PodSecurity "restricted:latest": …`; `undefined` when the pod keeps to the level. Pure. */
export function podSecurityMessage(
  policy: PodSecurityPolicy,
  pod: CheckedPod,
  verb: "violates" | "would violate" = "violates",
): string | undefined {
  const found = podSecurityViolations(policy, pod);
  if (found.length === 0) return undefined;
  const version = policy.minor === "latest" ? "latest" : `v1.${policy.minor}`;
  const why = found.map(({ reason, detail }) => `${reason} (${detail})`).join(", ");
  return `${verb} PodSecurity "${policy.level}:${version}": ${why}`;
}
