import { allowsNode, identityOf } from "../../src/model/node-affinity.ts";
import { isTrue } from "../../src/model/condition.ts";
import { untoleratedTaint } from "../../src/model/taints.ts";
import type { PlacePods } from "../../src/planner/sim-cluster.ts";

/** Each pod goes to the first Ready node that its selector, affinity and tolerations allow. For simulations about other things. */
export const placePods: PlacePods = ({ pods, nodes }) => {
  const bindings: ReturnType<PlacePods>["bindings"][number][] = [];
  const unplaced: ReturnType<PlacePods>["unplaced"][number][] = [];
  for (const { metadata, spec } of pods) {
    const { namespace = "", name, uid = "" } = metadata;
    const found = nodes.find(
      (node) =>
        isTrue(node.status?.conditions, "Ready") &&
        allowsNode(spec, identityOf(node)) &&
        untoleratedTaint(node.spec.taints ?? [], spec.tolerations ?? [], [
          "NoSchedule",
          "NoExecute",
        ]) === undefined,
    );
    if (found === undefined) unplaced.push({ namespace, name, uid, message: "no node fits" });
    else bindings.push({ namespace, name, uid, node: found.metadata.name });
  }
  return { bindings, unplaced };
};
