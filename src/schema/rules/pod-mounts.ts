import type { PodSpec } from "../../model/kinds.gen.ts";
import { formatPath, quote } from "../finding.ts";
import type { FieldPath } from "../finding.ts";
import { didYouMean } from "../suggest.ts";
import { eachContainer } from "./rule.ts";
import type { Report } from "./rule.ts";

/** What is mounted is declared, in the pod or in the claims that its workload makes for it. */
export function podMounts(
  spec: PodSpec,
  path: FieldPath,
  { claims, report }: { readonly claims: readonly string[]; readonly report: Report },
): void {
  const names = [...(spec.volumes ?? []).map((volume) => volume.name), ...claims];
  const declared = new Set(names);
  const check = (name: string, at: FieldPath): void => {
    if (declared.has(name)) return;
    const where = formatPath([...path, "volumes"]);
    report({
      code: "volume/undeclared",
      message: `${formatPath(at)} names the volume ${quote(name)}, which is not in ${where}`,
      path: [...at, "name"],
      hint: didYouMean(name, names) ?? `add it to ${where}`,
    });
  };
  eachContainer(spec, (container, place) => {
    container.volumeMounts?.forEach((mount, index) => {
      const at = [...path, ...place, "volumeMounts", index];
      check(mount.name, at);
      if (mount.subPath === undefined || mount.subPathExpr === undefined) return;
      const message = `${formatPath(at)} must have only one of subPath and subPathExpr`;
      report({ code: "field/one-of", message, path: at });
    });
    container.volumeDevices?.forEach((device, index) => {
      check(device.name, [...path, ...place, "volumeDevices", index]);
    });
  });
}
