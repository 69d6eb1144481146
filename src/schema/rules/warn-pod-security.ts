import { checkedPodOf } from "../../model/checked-pod.ts";
import { podSecurityMessage, podSecurityOf } from "../../model/pod-security.ts";
import type { Finding } from "../finding.ts";
import type { Declared, TreeFinding } from "./tree-finding.ts";

/** Pods and templates that break the level which their Namespace, of the same tree, warns of. Pure. */
export function warnOfPodSecurity<D extends Declared>(declared: readonly D[]): TreeFinding<D>[] {
  const policies = new Map(
    declared
      .filter(({ object }) => object.kind === "Namespace" && object.apiVersion === "v1")
      .map(({ object: { metadata } }) => [
        metadata.name,
        podSecurityOf(metadata.labels).policies.warn,
      ]),
  );
  return declared.flatMap((item) => {
    const policy = policies.get(item.object.metadata.namespace ?? "");
    if (policy === undefined || policy.level === "privileged") return [];
    const pod = checkedPodOf(item.object);
    const why = pod === undefined ? undefined : podSecurityMessage(policy, pod, "would violate");
    if (why === undefined) return [];
    const finding: Finding = {
      code: "security/level",
      message: why,
      path: ["spec"],
      on: "key",
    };
    return [{ declared: item, finding }];
  });
}
