import { describe, expect, test } from "vitest";
import type { ApiObject } from "../../src/model/meta.ts";
import { renderTable } from "../support/api-table.ts";
import { at } from "../support/builders.ts";

function object(kind: string, name: string, more: object, apiVersion = "v1"): ApiObject {
  const scope = kind === "PriorityClass" ? {} : { namespace: "shop" };
  return { apiVersion, kind, metadata: { name, ...scope, creationTimestamp: at(-600) }, ...more };
}

const table = (one: ApiObject): string[] => renderTable([one]).split("\n");

describe("tables have the columns that people know", () => {
  test("resource quotas", () => {
    const hard = { pods: "2", "requests.cpu": "2", "limits.cpu": "4" };
    const status = { hard, used: { pods: "1", "requests.cpu": "500m", "limits.cpu": "1" } };
    expect(table(object("ResourceQuota", "q", { spec: { hard }, status }))).toEqual([
      "NAME   REQUEST                           LIMIT             AGE",
      "q      pods: 1/2, requests.cpu: 500m/2   limits.cpu: 1/4   10m",
    ]);
  });

  test("limit ranges", () => {
    expect(table(object("LimitRange", "l", { spec: { limits: [] } }))).toEqual([
      "NAME   CREATED AT",
      "l      2026-01-02T02:50:00Z",
    ]);
  });

  test("service accounts", () => {
    expect(table(object("ServiceAccount", "default", {}))).toEqual([
      "NAME      SECRETS   AGE",
      "default   0         10m",
    ]);
  });

  test("priority classes", () => {
    const fields = { value: 1000, preemptionPolicy: "Never" };
    expect(table(object("PriorityClass", "high", fields, "scheduling.k8s.io/v1"))).toEqual([
      "NAME   VALUE   GLOBAL-DEFAULT   AGE   PREEMPTIONPOLICY",
      "high   1000    false            10m   Never",
    ]);
  });

  test("endpoints", () => {
    const addresses = ["10.0.0.1", "10.0.0.2", "10.0.0.3", "10.0.0.4"].map((ip) => ({ ip }));
    const subsets = [{ addresses, ports: [{ port: 80 }] }];
    expect(table(object("Endpoints", "web", { subsets }))[1]).toBe(
      "web    10.0.0.1:80,10.0.0.2:80,10.0.0.3:80 + 1 more...   10m",
    );
    expect(table(object("Endpoints", "web", {}))[1]).toBe("web    <none>      10m");
  });
});
