import { formatPath } from "../finding.ts";
import type { PodRule } from "./rule.ts";
import { eachContainer } from "./rule.ts";

/** What a container may do is said without contradiction, and can be done. */
export const podSecurity: PodRule = (spec, path, report) => {
  eachContainer(spec, ({ securityContext }, place) => {
    const at = [...path, ...place, "securityContext"];
    const { allowPrivilegeEscalation, privileged, capabilities } = securityContext ?? {};
    const grants =
      privileged === true
        ? "privileged"
        : (capabilities?.add ?? []).some((name) => /^(?:CAP_)?SYS_ADMIN$/.test(name))
          ? "capabilities.add SYS_ADMIN"
          : undefined;
    if (allowPrivilegeEscalation === false && grants !== undefined) {
      const where = [...at, "allowPrivilegeEscalation"];
      report({
        code: "security/contradiction",
        message: `${formatPath(where)} cannot be false beside ${grants}, which gives every privilege`,
        path: where,
        hint: "remove one of the two",
      });
    }
    const user = securityContext?.runAsUser ?? spec.securityContext?.runAsUser;
    const isNonRoot = securityContext?.runAsNonRoot ?? spec.securityContext?.runAsNonRoot;
    if (user === 0 && isNonRoot === true) {
      const isOwn = securityContext?.runAsUser === 0;
      const where = isOwn ? [...at, "runAsUser"] : [...path, "securityContext", "runAsUser"];
      report({
        code: "security/root",
        message: `${formatPath(where)} is 0, which runAsNonRoot forbids: the container can never start`,
        path: where,
        harmless: true,
        hint: "choose another user, or remove runAsNonRoot",
      });
    }
  });
};
