import type { PersistentVolume } from "../../model/kinds.gen.ts";
import { accessModes } from "./access-modes.ts";
import { checkRequirements } from "./requirements.ts";
import type { ObjectRule } from "./rule.ts";

/** A volume has a size, and says where it is when that is one node. */
export const persistentVolume: ObjectRule<PersistentVolume> = ({ spec }, report) => {
  accessModes(spec.accessModes, ["spec"], report);
  if (spec.capacity?.["storage"] === undefined) {
    const hint = 'write for instance "storage: 1Gi"';
    const path = ["spec", "capacity", "storage"];
    report({ code: "field/required", message: "spec.capacity.storage is required", path, hint });
  }
  if (spec.local !== undefined && spec.nodeAffinity?.required === undefined) {
    const path = ["spec", "nodeAffinity"];
    const message = "spec.nodeAffinity is required for a local volume: it says where it is";
    report({ code: "field/required", message, path });
  }
  if ((spec.mountOptions ?? []).length > 0 && spec.nfs === undefined) {
    const path = ["spec", "mountOptions"];
    const message =
      "spec.mountOptions is refused: only a volume of an NFS server is mounted with options";
    report({ code: "field/refused", message, path, on: "key", hint: "remove it" });
  }
  spec.nodeAffinity?.required?.nodeSelectorTerms.forEach((term, index) => {
    const terms = ["spec", "nodeAffinity", "required", "nodeSelectorTerms"];
    checkRequirements(term.matchExpressions, [...terms, index, "matchExpressions"], report);
  });
};
