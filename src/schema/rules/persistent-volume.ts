import type { PersistentVolume } from "../../model/kinds.gen.ts";
import { listWords } from "../finding.ts";
import { accessModes } from "./access-modes.ts";
import { checkRequirements } from "./requirements.ts";
import type { ObjectRule } from "./rule.ts";

/** Fields of a volume's spec that say nothing of where its data are. */
const NO_SOURCE: ReadonlySet<string> = new Set([
  "accessModes",
  "capacity",
  "claimRef",
  "mountOptions",
  "nodeAffinity",
  "persistentVolumeReclaimPolicy",
  "storageClassName",
  "volumeAttributesClassName",
  "volumeMode",
]);

/** A volume has a size, an access mode and one place for its data. */
export const persistentVolume: ObjectRule<PersistentVolume> = ({ spec }, report) => {
  accessModes(spec.accessModes, ["spec"], report);
  if (spec.capacity?.["storage"] === undefined) {
    const hint = 'write for instance "storage: 1Gi"';
    const path = ["spec", "capacity", "storage"];
    report({ code: "field/required", message: "spec.capacity.storage is required", path, hint });
  }
  const sources = Object.keys(spec).filter((field) => !NO_SOURCE.has(field));
  if (sources.length !== 1) {
    const state = sources.length === 0 ? "it has none" : `it has ${listWords(sources, "and")}`;
    const message = `spec must have one source, such as hostPath, nfs or local: ${state}`;
    report({ code: "volume/source", message, path: ["spec"], on: "key" });
  }
  if (spec.local !== undefined && spec.nodeAffinity?.required === undefined) {
    const path = ["spec", "nodeAffinity"];
    const message = "spec.nodeAffinity is required for a local volume: it says where it is";
    report({ code: "field/required", message, path });
  }
  spec.nodeAffinity?.required?.nodeSelectorTerms.forEach((term, index) => {
    const terms = ["spec", "nodeAffinity", "required", "nodeSelectorTerms"];
    checkRequirements(term.matchExpressions, [...terms, index, "matchExpressions"], report);
  });
};
