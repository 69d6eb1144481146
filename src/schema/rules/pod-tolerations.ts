import type { Toleration } from "../../model/kinds.gen.ts";
import { formatPath } from "../finding.ts";
import type { PodRule } from "./rule.ts";

interface TolerationRule {
  readonly field: keyof Toleration;
  readonly says: string;
  readonly isBroken: (toleration: Toleration) => boolean;
}

const RULES: readonly TolerationRule[] = [
  {
    field: "value",
    says: "must be absent when the operator is Exists",
    isBroken: (t) => t.operator === "Exists" && (t.value ?? "") !== "",
  },
  {
    field: "operator",
    says: "must be Exists when there is no key",
    isBroken: (t) => (t.key ?? "") === "" && t.operator !== "Exists",
  },
  {
    field: "effect",
    says: "must be NoExecute when there are tolerationSeconds",
    isBroken: (t) => t.tolerationSeconds !== undefined && t.effect !== "NoExecute",
  },
];

/** A toleration's fields go together. */
export const podTolerations: PodRule = (spec, path, report) => {
  spec.tolerations?.forEach((toleration, index) => {
    for (const rule of RULES) {
      if (!rule.isBroken(toleration)) continue;
      const at = [...path, "tolerations", index, rule.field];
      report({ code: "field/conflict", message: `${formatPath(at)} ${rule.says}`, path: at });
    }
  });
};
