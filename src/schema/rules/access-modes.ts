import type { PersistentVolumeClaimSpec } from "../../model/kinds.gen.ts";
import { formatPath } from "../finding.ts";
import type { FieldPath } from "../finding.ts";
import type { Report } from "./rule.ts";

/** ReadWriteOncePod goes with no other access mode. */
export function accessModes(
  modes: PersistentVolumeClaimSpec["accessModes"],
  path: FieldPath,
  report: Report,
): void {
  if (modes.length < 2 || !modes.includes("ReadWriteOncePod")) return;
  const at = [...path, "accessModes"];
  const message = `${formatPath(at)} ReadWriteOncePod cannot stand beside another mode`;
  report({ code: "volume/access-modes", message, path: at, on: "key" });
}
