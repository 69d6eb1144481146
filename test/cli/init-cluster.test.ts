import { describe, expect, test } from "vitest";
import { nodeNameOf } from "../../src/cli/init-cluster.ts";

describe("nodeNameOf()", () => {
  test.for([
    ["alpha", "alpha"],
    ["Alpha_Beta", "alpha-beta"],
    ["web1.example.com", "web1.example.com"],
    ["-odd-", "odd"],
    ["___", "node"],
    [`${"x".repeat(62)}-y`, "x".repeat(62)],
  ])("%s is %s", ([host, name]) => {
    expect(nodeNameOf(host ?? "")).toBe(name);
  });
});
