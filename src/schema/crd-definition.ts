import type { CustomResourceDefinition } from "../model/kinds.gen.ts";
import { convertSchema } from "./crd-schema.ts";
import { defaultFindings } from "./crd-values.ts";
import { formatPath } from "./finding.ts";
import type { FieldPath, Finding } from "./finding.ts";
import type { ObjectRule } from "./rules/rule.ts";

/** The schemas that a CustomResourceDefinition carries are structural. */
export const definitionSchemas: ObjectRule<CustomResourceDefinition> = (definition, report) => {
  checkSchemas(definition).forEach(report);
};

function checkSchemas({ spec }: CustomResourceDefinition): readonly Finding[] {
  return spec.versions.flatMap(({ schema }, index) => {
    const props = schema?.openAPIV3Schema;
    if (props === undefined) return [];
    const path: FieldPath = ["spec", "versions", index, "schema", "openAPIV3Schema"];
    const findings: Finding[] = [];
    if (props.type !== undefined && props.type !== "object") {
      const at = [...path, "type"];
      const message = `${formatPath(at)} must be "object"`;
      findings.push({ code: "crd/schema", message, path: at });
    }
    const converted = convertSchema(props, path);
    return [...findings, ...converted.findings, ...defaultFindings(converted.schema, path)];
  });
}
