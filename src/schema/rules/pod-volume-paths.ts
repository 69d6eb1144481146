import type { VolumeProjection } from "../../model/kinds.gen.ts";
import { formatPath, quote } from "../finding.ts";
import type { FieldPath } from "../finding.ts";
import type { PodRule } from "./rule.ts";

/** The sources of a projected volume write each file once. */
export const podVolumePaths: PodRule = (spec, path, report) => {
  spec.volumes?.forEach(({ projected }, index) => {
    const first = new Map<string, FieldPath>();
    projected?.sources?.forEach((source, at) => {
      const base = [...path, "volumes", index, "projected", "sources", at];
      for (const file of filesOf(source, base)) {
        const before = first.get(file.name);
        if (before === undefined) {
          first.set(file.name, file.path);
          continue;
        }
        report({
          code: "volume/path-clash",
          message: `${formatPath(file.path)} ${quote(file.name)} is written already, by ${formatPath(before)}`,
          path: file.path,
          hint: "give each file its own path",
        });
      }
    });
  });
};

interface ProjectedFile {
  readonly name: string;
  readonly path: FieldPath;
}

function filesOf(source: VolumeProjection, base: FieldPath): readonly ProjectedFile[] {
  const files: ProjectedFile[] = [];
  for (const field of ["configMap", "secret", "downwardAPI"] as const) {
    source[field]?.items?.forEach((item, index) => {
      files.push({ name: item.path, path: [...base, field, "items", index, "path"] });
    });
  }
  for (const field of ["serviceAccountToken", "clusterTrustBundle"] as const) {
    const name = source[field]?.path;
    if (name !== undefined) files.push({ name, path: [...base, field, "path"] });
  }
  return files;
}
