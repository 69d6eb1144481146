import { describe, expect, test } from "vitest";
import type { ApiObject } from "../../src/model/meta.ts";
import { formatProblem } from "../../src/model/problem.ts";
import type { DeclaredObject } from "../../src/planner/apply-manifest.ts";
import { checkAdmission } from "../../src/planner/check-admission.ts";
import { SimWorld } from "../../src/planner/sim-world.ts";
import { container, deployment, job, NOW, pod, podSpec, template } from "../support/builders.ts";

type Amounts = Readonly<Record<string, string>>;

const quota = (hard: Amounts, namespace = "shop"): ApiObject =>
  ({
    apiVersion: "v1",
    kind: "ResourceQuota",
    metadata: { name: "q", namespace },
    spec: { hard },
  }) as ApiObject;
const range = (item: Record<string, unknown>): ApiObject =>
  ({
    apiVersion: "v1",
    kind: "LimitRange",
    metadata: { name: "l", namespace: "shop" },
    spec: { limits: [{ type: "Container", ...item }] },
  }) as ApiObject;

const asking = (requests: Amounts) =>
  template("v1", { containers: [container({ resources: { requests, limits: requests } })] });
const web = (replicas: number, requests: Amounts = { cpu: "1" }): ApiObject =>
  deployment({ replicas, template: asking(requests) });
const cron = (parallelism: number): ApiObject =>
  ({
    apiVersion: "batch/v1",
    kind: "CronJob",
    metadata: { name: "c", namespace: "shop" },
    spec: {
      jobTemplate: { spec: { ...job({ parallelism }).spec, template: asking({ cpu: "1" }) } },
    },
  }) as unknown as ApiObject;
const claim = (storage: string): ApiObject =>
  ({
    apiVersion: "v1",
    kind: "PersistentVolumeClaim",
    metadata: { name: "data", namespace: "shop" },
    spec: { resources: { requests: { storage } } },
  }) as unknown as ApiObject;

function check(declared: readonly ApiObject[], stored: readonly ApiObject[] = []): string[] {
  const manifests = declared.map((object, index): DeclaredObject => ({
    object,
    hash: "h",
    at: { file: "a.yaml", line: index + 1, column: 1 },
  }));
  return checkAdmission(new SimWorld(stored, NOW), manifests).map(formatProblem);
}

describe("checkAdmission()", () => {
  test("lets in what fits exactly", () => {
    expect(check([quota({ "requests.cpu": "3", pods: "3" }), web(3)])).toEqual([]);
    expect(check([web(3)])).toEqual([]);
  });

  test("tells, at its line, what is more than the quota allows by itself", () => {
    expect(check([quota({ "requests.cpu": "3" }), web(4)])).toEqual([
      "a.yaml:2:1: Deployment shop/web: exceeded quota: q, requested: requests.cpu=1, used: requests.cpu=3, " +
        "limited: requests.cpu=3: what this commit declares is more than the quota allows; declare less, or change the ResourceQuota [apply/quota]",
    ]);
  });

  test("adds up what the commit declares, and leaves out what runs already", () => {
    const second = { ...web(2), metadata: { name: "other", namespace: "shop" } };
    expect(check([quota({ pods: "3" }), web(2), second])).toEqual([
      expect.stringContaining("a.yaml:3:1: Deployment shop/other: exceeded quota"),
    ]);
    expect(
      check([quota({ pods: "3" }), web(2)], [second, pod({ name: "x" }), pod({ name: "y" })]),
    ).toEqual([]);
  });

  test("a quota of the commit takes the place of the one that is there", () => {
    expect(check([web(2)], [quota({ pods: "1" })])).toHaveLength(1);
    expect(check([quota({ pods: "2" }), web(2)], [quota({ pods: "1" })])).toEqual([]);
    expect(check([web(2)], [quota({ pods: "1" }, "elsewhere")])).toEqual([]);
  });

  test("containers must state what is limited, unless a limit range does it for them", () => {
    const silent = deployment({ replicas: 1 });
    const bare = pod({ name: "bare" });
    const cpu = quota({ "limits.cpu": "4" });
    expect(check([cpu, silent])).toEqual([
      expect.stringContaining("failed quota: q: must specify limits.cpu for: app"),
    ]);
    expect(check([cpu, range({ default: { cpu: "1" } }), silent, bare])).toEqual([]);
  });

  test("counts objects", () => {
    expect(check([quota({ "count/deployments.apps": "0" }), web(0)])).toEqual([
      expect.stringContaining("requested: count/deployments.apps=1"),
    ]);
  });

  test.for([
    {
      name: "a Job's pods at the same time",
      object: job({ parallelism: 3, completions: 2, template: asking({ cpu: "1" }) }),
      fits: "2",
    },
    {
      name: "a suspended Job has none",
      object: job({ suspend: true, template: asking({ cpu: "9" }) }),
      fits: "1",
    },
    { name: "a CronJob's pod by itself", object: cron(5), fits: "1" },
  ])("$name", ({ object, fits }) => {
    expect(check([quota({ cpu: fits }), object])).toEqual([]);
    const less = String(Number(fits) - 0.5);
    const isRefused = check([quota({ cpu: less }), object]).length === 1;
    expect(isRefused).toBe((object as ReturnType<typeof job>).spec.suspend !== true);
  });

  test("a CronJob's pods are there now and then: they take nothing from the others", () => {
    expect(check([quota({ cpu: "1" }), web(1), cron(1)])).toEqual([]);
  });

  test("tells what breaks a limit range", () => {
    const spec = podSpec({ containers: [container({ resources: { limits: { cpu: "2" } } })] });
    const big = deployment({ replicas: 1, template: { ...template(), spec } });
    expect(check([range({ max: { cpu: "1" } }), big])).toEqual([
      "a.yaml:2:1: Deployment shop/web: maximum cpu usage per Container is 1, but limit is 2: so LimitRange l has it; change what the object asks for, or the LimitRange [apply/limit-range]",
    ]);
    const claims = range({ type: "PersistentVolumeClaim", max: { storage: "1Gi" } });
    expect(check([claims, claim("1Gi")])).toEqual([]);
    expect(check([claims, claim("2Gi")])).toHaveLength(1);
  });
});
