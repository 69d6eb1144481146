import { describe, expect, test } from "vitest";
import { applyResize } from "../../src/api/resize.ts";
import type { Pod } from "../../src/model/kinds.gen.ts";
import { container, pod } from "../support/builders.ts";

const resources = { requests: { cpu: "100m", memory: "64Mi" }, limits: { memory: "128Mi" } };
const stored: Pod = pod({ name: "web", spec: { containers: [container({ resources })] } });
const asking = (wanted: unknown) => ({
  spec: { containers: [{ name: "app", image: "evil:1", resources: wanted }], hostNetwork: true },
});

describe("applyResize()", () => {
  test("changes CPU and memory, and nothing else that is sent along", () => {
    const wanted = { requests: { cpu: "200m", memory: "96Mi" }, limits: { memory: "256Mi" } };
    const next = applyResize(stored, asking(wanted)) as unknown as Pod;
    expect(next).toEqual({
      ...stored,
      spec: { ...stored.spec, containers: [container({ resources: wanted })] },
    });
  });

  test.each([
    [{ limits: {} }, /limits: Forbidden: resource limits cannot be removed/],
    [{ requests: { cpu: "1" } }, /requests: Forbidden: resource requests cannot be removed/],
    [
      { requests: { ...resources.requests, "ephemeral-storage": "1Gi" } },
      /only cpu and memory resources are mutable/,
    ],
    [{ requests: { cpu: "much", memory: "64Mi" } }, /must be an amount/],
    [
      { requests: { cpu: "100m", memory: "256Mi" } },
      /must be less than or equal to memory limit of 128Mi/,
    ],
    [
      { requests: { cpu: "100m", memory: "128Mi" }, limits: { cpu: "100m", memory: "128Mi" } },
      /Pod QOS Class may not change as a result of resizing/,
    ],
  ])("refuses %j", (wanted, message) => {
    expect(() => applyResize(stored, asking(wanted))).toThrow(message);
  });

  test("refuses a pod that is over", () => {
    const over = pod({ name: "web", phase: "Failed" });
    expect(() => applyResize(over, asking(resources))).toThrow(/pod is not running/);
  });

  test("keeps the version that the change names", () => {
    const next = applyResize(stored, { metadata: { resourceVersion: "7", labels: { a: "b" } } });
    expect(next["metadata"]).toEqual({ ...stored.metadata, resourceVersion: "7" });
  });
});
