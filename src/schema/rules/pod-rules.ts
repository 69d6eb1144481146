import type { PodSpec } from "../../model/kinds.gen.ts";
import type { FieldPath } from "../finding.ts";
import { podAffinity } from "./pod-affinity.ts";
import { podClaims } from "./pod-claims.ts";
import { podDns } from "./pod-dns.ts";
import { podGates } from "./pod-gates.ts";
import { podHost } from "./pod-host.ts";
import { podHostPorts } from "./pod-host-ports.ts";
import { podInitContainers } from "./pod-init-containers.ts";
import { podMounts } from "./pod-mounts.ts";
import { podNames } from "./pod-names.ts";
import { podProbes } from "./pod-probes.ts";
import { podResources } from "./pod-resources.ts";
import { podSecurity } from "./pod-security.ts";
import { podSpread } from "./pod-spread.ts";
import { podTolerations } from "./pod-tolerations.ts";
import { podVolumePaths } from "./pod-volume-paths.ts";
import type { PodRule, Report } from "./rule.ts";

const POD_RULES: readonly PodRule[] = [
  podNames,
  podResources,
  podTolerations,
  podProbes,
  podInitContainers,
  podHostPorts,
  podVolumePaths,
  podSecurity,
  podHost,
  podSpread,
  podAffinity,
  podDns,
  podGates,
  podClaims,
];

/** What must hold in the spec of a pod at `path`. `claims` are volumes that its workload gives it. */
export function checkPodSpec(
  spec: PodSpec,
  path: FieldPath,
  { claims = [], report }: { readonly claims?: readonly string[]; readonly report: Report },
): void {
  podMounts(spec, path, { claims, report });
  for (const rule of POD_RULES) rule(spec, path, report);
}
