import type { Pod } from "../model/kinds.gen.ts";
import type { NodeIdentity } from "../model/node-affinity.ts";
import { quantityValue } from "../model/quantity.ts";
import type { NodeTable } from "./node-table.ts";
import type { FilterPlugin } from "./plugin.ts";
import type { VolumeTable } from "./volumes-table.ts";
import { claimNamesOf } from "../model/storage.ts";
import { isInZone, needsOf, volumeConflicts, type VolumeNeeds } from "./volumes.ts";

/** A node states how many volumes of a driver it takes as `attachable-volumes-csi-DRIVER` of its allocatable. */
const LIMIT_PREFIX = "attachable-volumes-csi-";

/** Kubernetes' filters of volumes, in its order, over a table that the scheduler keeps up to date. */
export function volumeFilters(table: VolumeTable): readonly FilterPlugin[] {
  return [restrictions(table), limits(table), binding(table), zone(table)];
}

/** A claim of access mode ReadWriteOncePod has one pod, wherever that is. */
function restrictions(table: VolumeTable): FilterPlugin {
  const isTaken = (pod: Pod): boolean =>
    claimNamesOf(pod).some((name) => table.isExclusivelyUsed(pod, name));
  const refusal = {
    reasons: [
      "node has pod using PersistentVolumeClaim with the same name and ReadWriteOncePod access mode",
    ],
    unresolvable: true,
  };
  return {
    name: "VolumeRestrictions",
    dependsOn: "node",
    podKey: claimsKey,
    stamp: (pod) => (claimNamesOf(pod).length === 0 ? "" : String(isTaken(pod))),
    prepare(pod) {
      return isTaken(pod) ? { passes: () => false, refusal: () => refusal } : undefined;
    },
  };
}

/** A node takes no more volumes of a driver than it says. */
function limits(table: VolumeTable): FilterPlugin {
  return {
    name: "NodeVolumeLimits",
    dependsOn: "pods",
    podKey: claimsKey,
    prepare(pod, { nodes }) {
      const wanted = table.driversOf(pod);
      if (wanted.size === 0) return undefined;
      const refusal = { reasons: ["node(s) exceed max volume count"], unresolvable: true };
      return {
        passes(index) {
          const allocatable = nodes.nodeOf(index).status?.allocatable ?? {};
          for (const [driver, volumes] of wanted) {
            const limit = allocatable[LIMIT_PREFIX + driver];
            if (limit === undefined) continue;
            const used = table.volumesOn(nodes.nameOf(index), driver);
            const all = new Set([...used, ...volumes]);
            if (all.size > used.size && all.size > (quantityValue(limit) ?? 0)) return false;
          }
          return true;
        },
        refusal: () => refusal,
      };
    },
  };
}

/** Volumes must be usable on the node, or be got there. */
function binding(table: VolumeTable): FilterPlugin {
  return nodeFilter("VolumeBinding", table, (needs, node) => volumeConflicts(needs, node, table));
}

/** A volume's own zone labels must be those of the node. */
function zone(table: VolumeTable): FilterPlugin {
  return nodeFilter("VolumeZone", table, (needs, node) =>
    isInZone(needs, node) ? [] : ["node(s) had no available volume zone"],
  );
}

function nodeFilter(
  name: string,
  table: VolumeTable,
  reasonsOf: (needs: VolumeNeeds, node: NodeIdentity) => readonly string[],
): FilterPlugin {
  return {
    name,
    dependsOn: "node",
    podKey: claimsKey,
    prepare(pod, { nodes }) {
      const needs = needsOf(pod, table);
      if (needs.verdict !== undefined) {
        const refusal = { reasons: [needs.verdict], unresolvable: true };
        return { passes: () => false, refusal: () => refusal };
      }
      if (needs.bound.length + needs.waiting.length === 0) return undefined;
      const reasons = (index: number): readonly string[] =>
        reasonsOf(needs, identityAt(nodes, index));
      return {
        passes: (index) => reasons(index).length === 0,
        refusal: (index) => ({ reasons: reasons(index), unresolvable: true }),
      };
    },
  };
}

function claimsKey(pod: Pod): string {
  return claimNamesOf(pod).join(" ");
}

function identityAt(nodes: NodeTable, index: number): NodeIdentity {
  return { name: nodes.nameOf(index), labels: nodes.labelsOf(index) };
}
