import { expect, test } from "vitest";
import { formatExplanation } from "../../src/cli/explain-scheduling.ts";
import { toPlacement } from "../../src/cli/read-objects.ts";
import type { Node } from "../../src/model/kinds.gen.ts";
import type { ApiObject } from "../../src/model/meta.ts";
import { explainPod } from "../../src/scheduler/explain-pod.ts";
import { node, NOW } from "../support/builders.ts";
import { waitingPod, type PodFields } from "../support/scheduler.ts";

const tainted: Node = {
  ...node({ name: "gpu" }),
  spec: { taints: [{ key: "gpu", value: "yes", effect: "NoSchedule" }] },
};
const NODES = [
  node({ name: "small", cpu: "1" }),
  node({ name: "full", cpu: "4" }),
  tainted,
  node({ name: "off", spec: { unschedulable: true } }),
];
const running = waitingPod({ name: "db", node: "full", cpu: "3500m" });

function explain(fields: Partial<PodFields>, nodes: readonly ApiObject[] = NODES): string {
  const pod = waitingPod({ name: "p", ...fields });
  const objects = [...nodes, running, pod];
  return formatExplanation("shop/p", explainPod(pod, toPlacement(objects, NOW)));
}

test("names the nodes by filter, the nearest of them, and what would help", () => {
  expect(explain({ cpu: "2", spec: { priority: -1 } })).toBe(
    `Pod shop/p: 0/4 nodes are available: 1 node(s) had untolerated taint {gpu: yes}, 1 node(s) were unschedulable, 2 Insufficient cpu. preemption: 0/4 nodes are available: 1 No preemption victims found for incoming pod, 3 Preemption is not helpful for scheduling.

REFUSED  BY                 BECAUSE                                   NODES
2        NodeResourcesFit   Insufficient cpu                          full, small
1        TaintToleration    node(s) had untolerated taint {gpu: yes}  gpu
1        NodeUnschedulable  node(s) were unschedulable                off

Nearest is small. It lacks
  1 cpu: the pod asks for 2, 1 of 1 are free

What would help:
  - free 1 cpu on small, ask for less, or add a node
  - add a toleration for {gpu: yes} to the pod, or remove the taint from gpu
  - uncordon off`,
  );
});

test.each<{ readonly name: string; readonly fields: Partial<PodFields>; readonly says: string }>([
  { name: "fits", fields: { cpu: "500m" }, says: 'It fits on node "small".' },
  { name: "placed", fields: { node: "full" }, says: 'It is on node "full".' },
  {
    name: "gated",
    fields: { spec: { schedulingGates: [{ name: "quota" }] } },
    says: "Scheduling is blocked due to non-empty scheduling gates",
  },
  {
    name: "of another scheduler",
    fields: { spec: { schedulerName: "mine" } },
    says: 'waits for the scheduler "mine": Berth has "default-scheduler" and "binpack"',
  },
  {
    name: "of a group that is not complete",
    fields: { annotations: { "berth.dev/pod-group": "g", "berth.dev/pod-group-min": "2" } },
    says: 'pod group "g" has 1 of at least 2 pods that can be placed',
  },
  {
    name: "with a claim that is not there",
    fields: { spec: { volumes: [{ name: "v", persistentVolumeClaim: { claimName: "data" } }] } },
    says: '0/4 nodes are available: persistentvolumeclaim "data" not found. preemption: 0/4 nodes are available: 4 Preemption is not helpful for scheduling.',
  },
])("tells of a pod that is $name", ({ fields, says }) => {
  expect(explain(fields).split("\n")[0]).toBe(`Pod shop/p: ${says}`);
});

test("tells when there is no node at all", () => {
  expect(explain({}, [])).toBe(
    "Pod shop/p: no nodes available to schedule pods\n\nWhat would help:\n  - add a node: there is none",
  );
});
