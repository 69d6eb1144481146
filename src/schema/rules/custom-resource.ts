import type { CustomResourceDefinition } from "../../model/kinds.gen.ts";
import { formatPath, quote } from "../finding.ts";
import { reportDuplicates } from "./duplicates.ts";
import type { ObjectRule } from "./rule.ts";

/** A definition is named after what it defines. */
export const definitionName: ObjectRule<CustomResourceDefinition> = (
  { metadata, spec },
  report,
) => {
  const name = `${spec.names.plural}.${spec.group}`;
  if (metadata.name !== name) {
    report({
      code: "crd/name",
      message: `metadata.name must be spec.names.plural and spec.group, ${quote(name)}: it is ${quote(metadata.name)}`,
      path: ["metadata", "name"],
    });
  }
  for (const field of ["plural", "singular"] as const) {
    const text = spec.names[field];
    if (text === undefined || text === text.toLowerCase()) continue;
    const path = ["spec", "names", field];
    const message = `${formatPath(path)} must be in lower case: it is ${quote(text)}`;
    report({ code: "crd/name", message, path, hint: `write ${text.toLowerCase()}` });
  }
};

/** Of the versions of a definition one is stored, and each has a schema. */
export const definitionVersions: ObjectRule<CustomResourceDefinition> = ({ spec }, report) => {
  const path = ["spec", "versions"];
  reportDuplicates(spec.versions, (version) => version.name, { path, field: "name", report });
  const stored = spec.versions.filter(({ storage }) => storage).length;
  if (stored !== 1) {
    const message = `spec.versions must have one version with storage: true: it has ${stored}`;
    report({ code: "crd/versions", message, path, on: "key" });
  }
  spec.versions.forEach(({ schema }, index) => {
    if (schema?.openAPIV3Schema !== undefined) return;
    const at = [...path, index, "schema", "openAPIV3Schema"];
    report({ code: "field/required", message: `${formatPath(at)} is required`, path: at });
  });
};
