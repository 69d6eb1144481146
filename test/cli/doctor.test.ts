import { expect, test } from "vitest";
import { compareClocks, formatFindings } from "../../src/cli/doctor.ts";

test.for([
  [10_000, "ok", undefined],
  [10_500, "ok", undefined],
  [13_000, "ok", undefined],
  [13_001, "warning", "2.0 s ahead of"],
  [7_999, "warning", "2.0 s behind"],
  [8_000, "ok", undefined],
] as const)("a node that answers at %i between 10,000 and 11,000: %s", ([now, status, words]) => {
  const finding = compareClocks({ node: "n1", now }, 10_000, 11_000);
  expect(finding.status).toBe(status);
  if (words !== undefined) expect(finding.message).toContain(words);
});

test("what is wrong comes with its cure, and how much is well", () => {
  const ok = { check: "api", status: "ok", node: "n1", message: "the API answers" } as const;
  const bad = {
    check: "mtu",
    status: "problem",
    node: "n2",
    peer: "n1",
    message: "packets are lost",
    cure: "lower the MTU",
  } as const;
  expect(formatFindings([ok, bad])).toBe(`✗ n2: packets are lost [mtu]
  → lower the MTU
1 of 2 checks on 2 nodes are well`);
  expect(formatFindings([ok])).toBe("✓ all 1 checks on 1 node are well");
});
