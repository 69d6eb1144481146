import { describe, expect, it } from "vitest";
import { formatProblem } from "../../src/model/problem.ts";
import { explainKind } from "../../src/schema/kinds.ts";
import { loadManifests } from "../../src/schema/load-manifests.ts";
import type { LoadOptions } from "../../src/schema/manifest.ts";
import { KNOWN_KINDS } from "../../src/schema/schemas.gen.ts";
import { checkAhead } from "../support/ahead.ts";

type Fields = Readonly<Record<string, unknown>>;

function load(text: string, options: Partial<LoadOptions> = {}): ReturnType<typeof loadManifests> {
  const content = new TextEncoder().encode(text);
  return loadManifests([{ path: "a.yaml", content }], { namespace: "default", ...options });
}

function findings(value: Fields): string[] {
  return checkAhead(value, "default").findings.map(
    ({ code, message, hint }) => `${message}${hint === undefined ? "" : `; ${hint}`} [${code}]`,
  );
}

describe("plain Secrets", () => {
  const text = `apiVersion: v1
kind: Secret
metadata: {name: login}
stringData: {password: hunter2}
---
apiVersion: v1
kind: Secret
metadata: {name: empty}
`;

  it("are allowed unless something is said", () => {
    const { manifests, problems, warnings } = load(text);
    expect([manifests.length, problems, warnings]).toEqual([2, [], []]);
    expect(load(text, { plainSecrets: "allow" })).toEqual({ manifests, problems, warnings });
  });

  it("are warned of", () => {
    const { manifests, problems, warnings } = load(text, { plainSecrets: "warn" });
    expect([manifests.length, problems]).toEqual([2, []]);
    expect(warnings.map(formatProblem)).toEqual([
      "a.yaml:2:7: The Secret stands in Git as plain text: base64 hides nothing; encrypt the file: berth secret encrypt FILE; or let the App allow it: spec.secrets.plain: allow [secret/plain]",
    ]);
  });

  it("are refused, and their values never told", () => {
    const { manifests, problems, warnings } = load(text, { plainSecrets: "refuse" });
    expect([manifests, warnings]).toEqual([[], []]);
    expect(problems.map(({ code, at }) => `${code} ${at.line}`)).toEqual(["secret/plain 2"]);
    expect(JSON.stringify(problems)).not.toContain("hunter2");
  });
});

describe("an autoscaling/v1 HorizontalPodAutoscaler", () => {
  const hpa = (spec: Fields): unknown =>
    checkAhead(
      {
        apiVersion: "autoscaling/v1",
        kind: "HorizontalPodAutoscaler",
        metadata: { name: "web" },
        spec: { scaleTargetRef: { kind: "Deployment", name: "web" }, maxReplicas: 3, ...spec },
      },
      "shop",
    ).object;

  it.each([
    [{ targetCPUUtilizationPercentage: 50 }, 50],
    [{}, 80],
  ])("with %j is stored as autoscaling/v2", (spec, averageUtilization) => {
    const target = { type: "Utilization", averageUtilization };
    expect(hpa(spec)).toEqual({
      apiVersion: "autoscaling/v2",
      kind: "HorizontalPodAutoscaler",
      metadata: { name: "web", namespace: "shop" },
      spec: {
        scaleTargetRef: { kind: "Deployment", name: "web" },
        minReplicas: 1,
        maxReplicas: 3,
        metrics: [{ type: "Resource", resource: { name: "cpu", target } }],
      },
    });
  });
});

it.each([
  ["apps/v1beta1", "Deployment", "1.16", "apps/v1"],
  ["extensions/v1beta1", "DaemonSet", "1.16", "apps/v1"],
  ["extensions/v1beta1", "Ingress", "1.22", "networking.k8s.io/v1"],
  ["autoscaling/v2beta2", "HorizontalPodAutoscaler", "1.26", "autoscaling/v2"],
  ["batch/v1beta1", "CronJob", "1.25", "batch/v1"],
])("%s %s was removed in %s", (apiVersion, kind, version, newer) => {
  expect(explainKind(apiVersion, kind)).toMatchObject({
    message: `"${apiVersion} ${kind}" was removed in Kubernetes ${version}`,
    hint: `write "apiVersion: ${newer}" and compare the fields`,
  });
});

it("every old version says when it was removed", () => {
  expect(Object.keys(KNOWN_KINDS.removedIn)).toEqual(Object.keys(KNOWN_KINDS.oldVersions));
});

describe("a field in the wrong place", () => {
  const template = { metadata: { labels: { app: "web" } } };
  const containers = [{ name: "web", image: "nginx:1" }];
  const deployment = (spec: Fields, pod: Fields = {}, inTemplate: Fields = {}): Fields => ({
    apiVersion: "apps/v1",
    kind: "Deployment",
    metadata: { name: "web" },
    spec: {
      selector: { matchLabels: { app: "web" } },
      template: { ...template, spec: { containers, ...pod }, ...inTemplate },
      ...spec,
    },
  });

  it.each<[string, Fields, string]>([
    ["replicas below", deployment({}, { replicas: 2 }), "it belongs to spec"],
    ["image above", deployment({ image: "a" }), "it belongs to spec.template.spec.containers[]"],
    [
      "image in the pod",
      deployment({}, { image: "a" }),
      "it belongs to spec.template.spec.containers[]",
    ],
    [
      "containers in the template",
      deployment({}, {}, { containers }),
      "it belongs to spec.template.spec",
    ],
    [
      "volumes in a container",
      deployment({}, { containers: [{ name: "web", image: "a", volumes: [] }] }),
      "it belongs to spec.template.spec",
    ],
    [
      "limits in a container",
      deployment({}, { containers: [{ name: "web", image: "a", limits: {} }] }),
      "it belongs to spec.template.spec.containers[0].resources",
    ],
    [
      "containerPort in a container",
      deployment({}, { containers: [{ name: "web", image: "a", containerPort: 80 }] }),
      "it belongs to spec.template.spec.containers[0].ports[]",
    ],
    ["maxSurge in spec", deployment({ maxSurge: 1 }), "it belongs to spec.strategy.rollingUpdate"],
  ])("%s", (_what, value, hint) => {
    const { findings: found } = checkAhead(value, "default");
    expect(found.map((finding) => `${finding.code}; ${finding.hint ?? ""}`)).toEqual([
      `field/unknown; ${hint}`,
    ]);
  });

  it("is told as a typing slip where it is one", () => {
    expect(findings(deployment({ replica: 2 }))).toEqual([
      'spec.replica is no field of spec; did you mean "replicas"? [field/unknown]',
    ]);
  });
});
