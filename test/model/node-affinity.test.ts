import { describe, expect, test } from "vitest";
import type { NodeSelectorRequirement, NodeSelectorTerm } from "../../src/model/kinds.gen.ts";
import {
  allowsNode,
  identityOf,
  matchesNodeSelector,
  matchesNodeTerm,
} from "../../src/model/node-affinity.ts";
import { node } from "../support/builders.ts";

const a = identityOf(node({ name: "a", labels: { zone: "z1", disk: "ssd", cores: "16" } }));

const labels = (
  key: string,
  operator: NodeSelectorRequirement["operator"],
  ...values: readonly string[]
): NodeSelectorTerm => ({
  matchExpressions: [values.length === 0 ? { key, operator } : { key, operator, values }],
});
const field = (
  operator: NodeSelectorRequirement["operator"],
  ...values: readonly string[]
): NodeSelectorTerm => ({ matchFields: [{ key: "metadata.name", operator, values }] });

const TERMS: readonly (readonly [says: string, term: NodeSelectorTerm, matches: boolean])[] = [
  ["zone in z1, z2", labels("zone", "In", "z1", "z2"), true],
  ["zone in z2", labels("zone", "In", "z2"), false],
  ["rack in r1, which is not there", labels("rack", "In", "r1"), false],
  ["zone not in z2", labels("zone", "NotIn", "z2"), true],
  ["zone not in z1", labels("zone", "NotIn", "z1"), false],
  ["rack not in r1, which is not there", labels("rack", "NotIn", "r1"), true],
  ["zone exists", labels("zone", "Exists"), true],
  ["rack exists", labels("rack", "Exists"), false],
  ["constructor exists", labels("constructor", "Exists"), false],
  ["rack does not exist", labels("rack", "DoesNotExist"), true],
  ["zone does not exist", labels("zone", "DoesNotExist"), false],
  ["cores > 8", labels("cores", "Gt", "8"), true],
  ["cores > 16", labels("cores", "Gt", "16"), false],
  ["cores < 32", labels("cores", "Lt", "32"), true],
  ["cores < 16", labels("cores", "Lt", "16"), false],
  ["cores > two values", labels("cores", "Gt", "1", "2"), false],
  ["zone > 1, which is no number", labels("zone", "Gt", "1"), false],
  ["cores > x, which is no number", labels("cores", "Gt", "x"), false],
  ["name in a", field("In", "a"), true],
  ["name in b", field("In", "b"), false],
  ["name not in a", field("NotIn", "a"), false],
  ["another field", { matchFields: [{ key: "spec.x", operator: "In", values: ["a"] }] }, false],
  ["nothing", {}, false],
  ["both hold", { ...labels("zone", "In", "z1"), ...field("In", "a") }, true],
  ["only the label holds", { ...labels("zone", "In", "z1"), ...field("In", "b") }, false],
  ["only the name holds", { ...labels("zone", "In", "z2"), ...field("In", "a") }, false],
];

describe("matchesNodeTerm", () => {
  test.each(TERMS)("%s", (_, term, matches) => {
    expect(matchesNodeTerm(term, a)).toBe(matches);
  });
});

describe("matchesNodeSelector", () => {
  test("one term is enough, and none is not", () => {
    const terms = [labels("zone", "In", "z2"), labels("zone", "In", "z1")];
    expect(matchesNodeSelector({ nodeSelectorTerms: terms }, a)).toBe(true);
    expect(matchesNodeSelector({ nodeSelectorTerms: [] }, a)).toBe(false);
  });
});

describe("allowsNode", () => {
  const affinity = (term: NodeSelectorTerm): object => ({
    nodeAffinity: { requiredDuringSchedulingIgnoredDuringExecution: { nodeSelectorTerms: [term] } },
  });
  test("a pod that states nothing goes anywhere", () => expect(allowsNode({}, a)).toBe(true));
  test("selector and affinity must both allow it", () => {
    const nodeSelector = { disk: "ssd" };
    expect(allowsNode({ nodeSelector, affinity: affinity(field("In", "a")) }, a)).toBe(true);
    expect(allowsNode({ nodeSelector, affinity: affinity(field("In", "b")) }, a)).toBe(false);
    expect(
      allowsNode({ nodeSelector: { disk: "hdd" }, affinity: affinity(field("In", "a")) }, a),
    ).toBe(false);
  });
  test("what is only preferred forbids nothing", () => {
    const preference = { weight: 1, preference: field("In", "b") };
    const nodeAffinity = { preferredDuringSchedulingIgnoredDuringExecution: [preference] };
    expect(allowsNode({ affinity: { nodeAffinity } }, a)).toBe(true);
  });
});
