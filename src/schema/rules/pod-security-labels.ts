import type { Namespace } from "../../model/kinds.gen.ts";
import { podSecurityOf } from "../../model/pod-security.ts";
import { formatPath, quote } from "../finding.ts";
import type { ObjectRule } from "./rule.ts";

/** A label that asks for a Pod Security level names one: a level that nobody can read would refuse all pods. */
export const podSecurityLabels: ObjectRule<Namespace> = ({ metadata }, report) => {
  for (const { label, value, must } of podSecurityOf(metadata.labels).problems) {
    const path = ["metadata", "labels", label];
    report({
      code: "security/level-label",
      message: `${formatPath(path)} is ${quote(value)}: it ${must}`,
      path,
    });
  }
};
