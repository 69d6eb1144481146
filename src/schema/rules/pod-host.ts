import type { PodSpec, SeccompProfile } from "../../model/kinds.gen.ts";
import { isSafeSysctl, sysctlName } from "../../model/sysctls.ts";
import { formatPath, quote } from "../finding.ts";
import type { FieldPath } from "../finding.ts";
import type { PodRule, Report } from "./rule.ts";
import { eachContainer } from "./rule.ts";

/** What a pod asks of its node can be given to it, and does not harm others there. */
export const podHost: PodRule = (spec, path, report) => {
  sysctls(spec, [...path, "securityContext", "sysctls"], report);
  if (spec.hostPID === true && spec.shareProcessNamespace === true) {
    const where = [...path, "shareProcessNamespace"];
    report({
      code: "security/contradiction",
      message: `${formatPath(where)} cannot be true beside hostPID, which shares the processes of the whole node`,
      path: where,
      hint: "remove one of the two",
    });
  }
  profiles(spec.securityContext, [...path, "securityContext"], report);
  eachContainer(spec, (container, place) => {
    const at = [...path, ...place];
    profiles(container.securityContext, [...at, "securityContext"], report);
    container.volumeMounts?.forEach(({ mountPropagation }, index) => {
      const isPrivileged = container.securityContext?.privileged === true;
      if (mountPropagation !== "Bidirectional" || isPrivileged) return;
      const where = [...at, "volumeMounts", index, "mountPropagation"];
      report({
        code: "security/needs-privilege",
        message: `${formatPath(where)} Bidirectional is only for privileged containers: what they mount appears on the node`,
        path: where,
        hint: "write HostToContainer, or securityContext.privileged: true",
      });
    });
    strictGroups(spec, container.securityContext?.runAsGroup, path, report);
  });
};

function sysctls(spec: PodSpec, at: FieldPath, report: Report): void {
  spec.securityContext?.sysctls?.forEach(({ name: written }, index) => {
    const name = sysctlName(written);
    const where = [...at, index, "name"];
    const of = `${formatPath(where)} ${quote(written)}`;
    const about = { code: "security/sysctl", path: where } as const;
    if (!isSafeSysctl(name))
      report({
        ...about,
        message: `${of} may not be set by a pod: it could harm the other pods of the node`,
        hint: "set it on the node, in /etc/sysctl.d",
      });
    else if (name.startsWith("net.") && spec.hostNetwork === true)
      report({
        ...about,
        message: `${of} cannot be set beside hostNetwork: it would be the node's`,
        hint: "remove one of the two",
      });
    else if (name.startsWith("kernel.shm") && spec.hostIPC === true)
      report({
        ...about,
        message: `${of} cannot be set beside hostIPC: it would be the node's`,
        hint: "remove one of the two",
      });
  });
}

type Profile = Pick<SeccompProfile, "type" | "localhostProfile">;

function profiles(
  context: { readonly seccompProfile?: Profile; readonly appArmorProfile?: Profile } | undefined,
  at: FieldPath,
  report: Report,
): void {
  for (const field of ["seccompProfile", "appArmorProfile"] as const) {
    const profile = context?.[field];
    if (profile === undefined) continue;
    const isNamed = (profile.localhostProfile ?? "") !== "";
    const where = [...at, field, "localhostProfile"];
    if (profile.type === "Localhost" && !isNamed)
      report({
        code: "field/required",
        message: `${formatPath(where)} is required with type Localhost`,
        path: where,
      });
    if (profile.type !== "Localhost" && profile.localhostProfile !== undefined)
      report({
        code: "security/contradiction",
        message: `${formatPath(where)} cannot be set with type ${profile.type}`,
        path: where,
        hint: "write type: Localhost, or remove it",
      });
  }
}

/** Docker leaves the groups of the image out only for a user whose group is said. */
function strictGroups(
  { securityContext }: PodSpec,
  own: number | undefined,
  path: FieldPath,
  report: Report,
): void {
  if (securityContext?.supplementalGroupsPolicy !== "Strict") return;
  if ((own ?? securityContext.runAsGroup) !== undefined) return;
  const where = [...path, "securityContext", "runAsGroup"];
  const message = `${formatPath(where)} is required with supplementalGroupsPolicy Strict`;
  report({ code: "field/required", message, path: where });
}
