import { describe, expect, test } from "vitest";
import type { Deployment, Node, Secret } from "../../src/model/kinds.gen.ts";
import { refOf, type ApiObject } from "../../src/model/meta.ts";
import { describeDrift, plannedIn, planId, type PlanInputs } from "../../src/planner/plan-id.ts";
import { deployment, node } from "../support/builders.ts";
import { worldOf } from "../support/world.ts";

const WEB = deployment();
const KEYS: Secret = {
  apiVersion: "v1",
  kind: "Secret",
  metadata: { name: "keys", namespace: "shop", annotations: { "berth.dev/applied": "h1" } },
  type: "Opaque",
  data: { word: "b25l" },
};
const NODE = node({ name: "a" });
const INPUTS: PlanInputs = {
  app: "root",
  baseTree: "one",
  headTree: "two",
  inventory: [refOf(WEB), refOf(KEYS)],
  version: "1.0",
};

function idOf(objects: readonly ApiObject[], inputs: Partial<PlanInputs> = {}): string {
  return planId(worldOf(objects), { ...INPUTS, ...inputs });
}

const ID = idOf([WEB, KEYS, NODE]);

describe("planId()", () => {
  test("is the App and five digests, and depends on no order", () => {
    expect(ID).toMatch(/^root:(?:[0-9a-f]{8}-){4}[0-9a-f]{8}$/);
    const turned = { inventory: INPUTS.inventory.toReversed() };
    expect(idOf([NODE, KEYS, WEB], turned)).toBe(ID);
  });

  const changed = (patch: Partial<Deployment["spec"]>): Deployment => ({
    ...WEB,
    spec: { ...WEB.spec, ...patch },
  });
  const cordoned: Node = { ...NODE, spec: { unschedulable: true } };
  const smaller = node({ name: "a", cpu: "1" });
  const declared: Secret = {
    ...KEYS,
    metadata: { ...KEYS.metadata, annotations: { "berth.dev/applied": "h2" } },
  };

  test.for([
    ["another base", [WEB, KEYS, NODE], { baseTree: "x" }, "another commit ran before"],
    ["another head", [WEB, KEYS, NODE], { headTree: "x" }, "another content was planned"],
    [
      "a scaled workload",
      [changed({ replicas: 9 }), KEYS, NODE],
      {},
      "objects of the App had changed in the cluster",
    ],
    ["an object that is gone", [KEYS, NODE], {}, "objects of the App had changed in the cluster"],
    [
      "a Secret declared anew",
      [WEB, declared, NODE],
      {},
      "objects of the App had changed in the cluster",
    ],
    ["a cordoned node", [WEB, KEYS, cordoned], {}, "nodes had changed"],
    ["a smaller node", [WEB, KEYS, smaller], {}, "nodes had changed"],
    ["one more node", [WEB, KEYS, NODE, node({ name: "b" })], {}, "nodes had changed"],
    [
      "a node that is not Ready",
      [WEB, KEYS, node({ name: "a", ready: "False" })],
      {},
      "nodes had changed",
    ],
    ["a newer Berth", [WEB, KEYS, NODE], { version: "2" }, "another version of Berth planned"],
  ] as const)("%s shows in its part alone", ([, objects, inputs, told]) => {
    expect(describeDrift(ID, idOf(objects, inputs))).toBe(`not as planned: ${told}`);
  });

  test("status, other objects and the place in Git do not show", () => {
    const elsewhere = { ...WEB.metadata, annotations: { "berth.dev/source": "b.yaml:9" } };
    const same = { ...WEB, metadata: elsewhere, status: { replicas: 3 } } as Deployment;
    const masked = { ...KEYS, data: { word: "digest" } };
    const other = deployment({}, { name: "other", uid: "other" });
    expect(describeDrift(ID, idOf([same, masked, other, NODE]))).toBe("as planned");
  });

  test("several parts are told together", () => {
    const id = idOf([KEYS, NODE], { version: "2" });
    expect(describeDrift(ID, id)).toBe(
      "not as planned: objects of the App had changed in the cluster; another version of Berth planned",
    );
  });
});

describe("plannedIn()", () => {
  test.for([
    [`subject\n\nBerth-Plan: ${ID}`, ID],
    [`subject\n\nberth-plan:  ${ID}  \nSigned-off-by: x`, ID],
    [`subject\n\nBerth-Plan: other:${ID.slice(5)}`, undefined],
    ["subject\n\nBerth-Plan: root:nonsense", undefined],
    [`about Berth-Plan: ${ID}`, undefined],
    ["subject", undefined],
  ] as const)("%j", ([message, expected]) => {
    expect(plannedIn(message, "root")).toBe(expected);
  });
});
