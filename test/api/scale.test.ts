import { describe, expect, test } from "vitest";
import { ApiFailure } from "../../src/api/failure.ts";
import { applyScale, toScale } from "../../src/api/scale.ts";
import type { ApiObject } from "../../src/model/meta.ts";

const workload = (kind: string, spec: unknown, status?: unknown): ApiObject =>
  Object.assign(
    {
      apiVersion: kind === "ReplicationController" ? "v1" : "apps/v1",
      kind,
      metadata: { name: "web", namespace: "shop", uid: "u", resourceVersion: "7" },
    },
    { spec, status },
  );
const web = workload("Deployment", { replicas: 3, selector: { matchLabels: { app: "web" } } });

describe("toScale", () => {
  test.each([
    [web, 3, { replicas: 0, selector: "app=web" }],
    [
      workload("StatefulSet", { selector: { matchLabels: { b: "1", a: "2" } } }, { replicas: 2 }),
      1,
      { replicas: 2, selector: "a=2,b=1" },
    ],
    [
      workload("ReplicaSet", {
        replicas: 0,
        selector: { matchExpressions: [{ key: "a", operator: "In", values: ["x", "y"] }] },
      }),
      0,
      { replicas: 0, selector: "a in (x,y)" },
    ],
    [
      workload("ReplicationController", { replicas: 2, selector: { app: "web" } }),
      2,
      { replicas: 0, selector: "app=web" },
    ],
    [workload("ReplicationController", { replicas: 2 }), 2, { replicas: 0 }],
  ])("%#: replicas, and a selector as text", (object, replicas, status) => {
    expect(toScale(object)).toEqual({
      apiVersion: "autoscaling/v1",
      kind: "Scale",
      metadata: { name: "web", namespace: "shop", uid: "u", resourceVersion: "7" },
      spec: { replicas },
      status,
    });
  });
});

describe("applyScale", () => {
  test("changes the replicas alone, and hands on the version that is named", () => {
    const next = applyScale(web, { spec: { replicas: 5 }, metadata: { resourceVersion: "6" } });
    expect(next).toMatchObject({
      spec: { replicas: 5, selector: { matchLabels: { app: "web" } } },
      metadata: { name: "web", uid: "u", resourceVersion: "6" },
    });
  });

  test("of nothing is none, as in Kubernetes", () => {
    expect(applyScale(web, {})).toMatchObject({ spec: { replicas: 0 } });
  });

  test.each([
    [{ spec: { replicas: -1 } }, 422, "spec.replicas: Invalid value: -1"],
    [{ spec: { replicas: 1.5 } }, 422, "spec.replicas: Invalid value: 1.5"],
    [{ spec: { replicas: "2" } }, 422, 'spec.replicas: Invalid value: "2"'],
    [{ kind: "Deployment", spec: { replicas: 2 } }, 400, "does not match the expected kind"],
    [{ metadata: { name: "other" } }, 400, "must be those of the URL"],
    [{ metadata: { namespace: "other" } }, 400, "must be those of the URL"],
  ])("refuses %j", (wanted, code, why) => {
    expect(() => applyScale(web, wanted)).toThrow(ApiFailure);
    try {
      applyScale(web, wanted);
    } catch (error) {
      expect(error).toMatchObject({ code, message: expect.stringContaining(why) as string });
    }
  });
});
