import { describe, expect, test } from "vitest";
import { DirectWrites } from "../../src/controller/direct-writes.ts";
import type { Service } from "../../src/model/kinds.gen.ts";
import type { ApiObject } from "../../src/model/meta.ts";
import { SimWorld } from "../../src/planner/sim-world.ts";
import * as build from "../support/builders.ts";
import { ManualClock } from "../support/manual-clock.ts";

const clock = new ManualClock(build.NOW);
/** A service network with two addresses. */
const over = (...objects: ApiObject[]): DirectWrites =>
  new DirectWrites({
    world: { at: (now) => new SimWorld(objects, now) },
    serviceCidr: "10.96.0.0/30",
    reservedIps: [],
    clock,
  });
const service = (name: string, spec: Partial<Service["spec"]> = {}): Service => {
  const ports = [{ protocol: "TCP" as const, port: 80, targetPort: 80 }];
  return {
    apiVersion: "v1",
    kind: "Service",
    metadata: { name, namespace: "play" },
    spec: { type: "ClusterIP", sessionAffinity: "None", ports, ...spec },
  } as Service;
};
function complete(writes: DirectWrites, object: ApiObject, stored?: ApiObject) {
  const verdict = writes.complete(object, stored);
  if (verdict.kind === "refused") throw new Error(`${verdict.path}: ${verdict.message}`);
  return { ...verdict, ip: (verdict.object as Service).spec.clusterIP };
}

describe("a Service", () => {
  test("gets an address that nobody has, or is about to have", () => {
    const writes = over();
    const a = complete(writes, service("a"));
    const b = complete(writes, service("b"));
    expect(new Set([a.ip, b.ip])).toEqual(new Set(["10.96.0.1", "10.96.0.2"]));
    expect(() => complete(writes, service("c"))).toThrow("all addresses of the service network");
    a.settle();
    expect(complete(writes, service("c")).ip).toBe(a.ip);
  });

  test("keeps its address and node port when a change does not name them", () => {
    const stored = complete(over(), service("a", { type: "NodePort" })).object as Service;
    const next = complete(over(stored), service("a", { type: "NodePort" }), stored);
    expect(next.object).toEqual(stored);
  });
});

describe("what is fixed at creation is refused", () => {
  test.each<[ApiObject, object, string]>([
    [
      build.deployment(),
      { selector: { matchLabels: { app: "other" } } },
      "spec.selector: field is immutable",
    ],
    [
      build.pod({ name: "p" }),
      { restartPolicy: "Never" },
      "spec: pod updates may not change fields other than the images",
    ],
  ])("%#", (stored, spec, why) => {
    const { spec: before } = stored as ApiObject & { readonly spec: object };
    const next = { ...stored, spec: { ...before, ...spec } } as ApiObject;
    expect(() => complete(over(stored), next, stored)).toThrow(why);
    expect(complete(over(stored), stored, stored).object).toEqual(stored);
  });
});
