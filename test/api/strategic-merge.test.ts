import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { ApiFailure } from "../../src/api/failure.ts";
import { applyMergePatch } from "../../src/api/merge-patch.ts";
import { applyStrategicMerge } from "../../src/api/strategic-merge.ts";
import { mergeFieldsOf } from "../../src/api/strategic-merge-fields.ts";

type Json = Readonly<Record<string, unknown>>;

const patched = (target: Json, patch: Json, kind = "apps/v1/Deployment"): Json => {
  const cut = kind.lastIndexOf("/");
  return applyStrategicMerge(target, patch, mergeFieldsOf(kind.slice(0, cut), kind.slice(cut + 1)));
};
/** A Deployment with this pod spec, and back. */
const deploy = (spec: Json): Json => ({ spec: { template: { spec } } });
const podSpec = (target: Json, patch: Json): unknown => {
  const { spec } = patched(deploy(target), deploy(patch)) as ReturnType<typeof deploy>;
  return (spec as { template: { spec: unknown } }).template.spec;
};
const A = { name: "a", image: "a:1" };
const B = { name: "b", image: "b:1" };
const C = { name: "c", image: "c:1" };

describe("lists with a merge key", () => {
  test.each<[string, unknown, Json, unknown]>([
    [
      "change the element of that name",
      [A, B],
      { containers: [{ name: "b", image: "b:2" }] },
      [A, { ...B, image: "b:2" }],
    ],
    ["put a new element first", [A], { containers: [C] }, [C, A]],
    [
      "put new ones in order",
      [A, B],
      {
        containers: [C],
        "$setElementOrder/containers": [{ name: "a" }, { name: "c" }, { name: "b" }],
      },
      [A, C, B],
    ],
    [
      "are put in order without a change",
      [A, B],
      { "$setElementOrder/containers": [{ name: "b" }, { name: "a" }] },
      [B, A],
    ],
    [
      "keep what the order does not name where it was",
      [A, B, C],
      { "$setElementOrder/containers": [{ name: "c" }, { name: "a" }] },
      [B, C, A],
    ],
    ["lose an element", [A, B], { containers: [{ name: "a", $patch: "delete" }] }, [B]],
    [
      "lose one while others are put in order",
      [A, B, C],
      {
        containers: [{ name: "a", $patch: "delete" }],
        "$setElementOrder/containers": [{ name: "c" }, { name: "b" }],
      },
      [C, B],
    ],
    [
      "do not mind that it is gone already",
      [A],
      { containers: [{ name: "x", $patch: "delete" }] },
      [A],
    ],
    ["are replaced", [A, B], { containers: [C, { $patch: "replace" }] }, [C]],
    ["go by null", [A], { containers: null }, undefined],
    [
      "lose a field of an element",
      [A],
      { containers: [{ name: "a", image: null }] },
      [{ name: "a" }],
    ],
    [
      "are emptied, whatever else stands beside it",
      [A],
      { containers: [{ name: "a", $patch: "replace" }] },
      [],
    ],
    [
      "merge lists in elements",
      [{ ...A, env: [{ name: "X", value: "1" }] }],
      {
        containers: [
          {
            name: "a",
            env: [{ name: "Y", value: "2" }],
            "$setElementOrder/env": [{ name: "X" }, { name: "Y" }],
          },
        ],
      },
      [
        {
          ...A,
          env: [
            { name: "X", value: "1" },
            { name: "Y", value: "2" },
          ],
        },
      ],
    ],
    [
      "replace lists without a key in elements",
      [{ ...A, args: ["1", "2"] }],
      { containers: [{ name: "a", args: ["3"] }] },
      [{ ...A, args: ["3"] }],
    ],
  ])("%s", (_, containers, patch, expected) => {
    expect((podSpec({ containers }, patch) as Json)["containers"]).toEqual(expected);
  });

  test("keep ports that differ by protocol alone", () => {
    const ports = [
      { port: 53, protocol: "TCP", name: "tcp" },
      { port: 53, protocol: "UDP", name: "udp" },
    ];
    const web = { port: 80, protocol: "TCP", name: "web" };
    const next = patched({ spec: { ports } }, { spec: { ports: [web] } }, "v1/Service");
    expect(next).toEqual({ spec: { ports: [web, ...ports] } });
  });

  test("start where there was none, without directives and what is to go", () => {
    const patch = {
      containers: [{ ...A, env: null, $patch: "merge" }],
      "$setElementOrder/containers": [{ name: "a" }],
    };
    expect(podSpec({}, patch)).toEqual({ containers: [A] });
  });
});

describe("directives of maps", () => {
  const emptyDir = { name: "v", emptyDir: {} };
  test.each<[string, Json, Json, Json]>([
    [
      "replace",
      { labels: { a: "1" } },
      { labels: { $patch: "replace", b: "2" } },
      { labels: { b: "2" } },
    ],
    [
      "delete",
      { labels: { a: "1" }, x: 1 },
      { labels: { $patch: "delete" } },
      { labels: {}, x: 1 },
    ],
    [
      "merge",
      { labels: { a: "1" } },
      { labels: { $patch: "merge", b: "2" } },
      { labels: { a: "1", b: "2" } },
    ],
    [
      "retainKeys",
      { strategy: { type: "RollingUpdate", rollingUpdate: { maxSurge: 1 } } },
      { strategy: { $retainKeys: ["type"], type: "Recreate" } },
      { strategy: { type: "Recreate" } },
    ],
    [
      "retainKeys in a list",
      { volumes: [emptyDir] },
      { volumes: [{ name: "v", $retainKeys: ["name", "configMap"], configMap: { name: "c" } }] },
      { volumes: [{ name: "v", configMap: { name: "c" } }] },
    ],
  ])("%s", (_, target, patch, expected) => {
    expect(podSpec(target, patch)).toEqual(expected);
  });
});

describe("lists of plain values", () => {
  const meta = (finalizers: readonly string[]): Json => ({ metadata: { finalizers } });
  test.each<[string, Json, readonly string[]]>([
    ["gain what is new, once", { finalizers: ["b", "x"] }, ["a", "b", "x"]],
    ["lose what is named", { "$deleteFromPrimitiveList/finalizers": ["a"] }, ["b"]],
    [
      "keep what is named for both",
      { "$deleteFromPrimitiveList/finalizers": ["a"], finalizers: ["a"] },
      ["a", "b"],
    ],
    [
      "lose and gain in the stated order",
      {
        "$deleteFromPrimitiveList/finalizers": ["a"],
        finalizers: ["x"],
        "$setElementOrder/finalizers": ["x", "b"],
      },
      ["x", "b"],
    ],
  ])("%s", (_, metadata, expected) => {
    expect(patched(meta(["a", "b"]), { metadata })).toEqual(meta(expected));
  });
});

test.each<[string, string, Json, Json, Json]>([
  [
    "tolerations",
    "v1/Pod",
    { spec: { tolerations: [{ key: "a" }] } },
    { spec: { tolerations: [{ key: "b" }] } },
    { spec: { tolerations: [{ key: "b" }] } },
  ],
  [
    "a budget's selector",
    "policy/v1/PodDisruptionBudget",
    { spec: { selector: { matchLabels: { a: "1" } } } },
    { spec: { selector: { matchLabels: { b: "1" } } } },
    { spec: { selector: { matchLabels: { b: "1" } } } },
  ],
  [
    "rules of an Ingress",
    "networking.k8s.io/v1/Ingress",
    { spec: { rules: [{ host: "a" }] } },
    { spec: { rules: [{ host: "b" }] } },
    { spec: { rules: [{ host: "b" }] } },
  ],
  [
    "an account's pull secrets",
    "v1/ServiceAccount",
    { imagePullSecrets: [{ name: "a" }] },
    { imagePullSecrets: [{ name: "b" }] },
    { imagePullSecrets: [{ name: "b" }] },
  ],
  ["map by text", "v1/ConfigMap", { data: { a: "1" } }, { data: "x" }, { data: "x" }],
])("%s are replaced", (_, kind, target, patch, expected) => {
  expect(patched(target, patch, kind)).toEqual(expected);
});

test("a CronJob's containers are merged too", () => {
  const cron = (containers: unknown): Json => ({
    spec: { jobTemplate: { spec: { template: { spec: { containers } } } } },
  });
  const next = patched(cron([A, B]), cron([{ name: "b", image: "b:2" }]), "batch/v1/CronJob");
  expect(next).toEqual(cron([A, { ...B, image: "b:2" }]));
});

test.each<[Json, string]>([
  [{ containers: [{ image: "x" }] }, "does not contain declared merge key: name"],
  [{ containers: ["a"] }, 'the merge key "name" must be a map'],
  [{ labels: { $patch: "explode" } }, 'unknown patch type found: "explode"'],
  [{ strategy: { $retainKeys: "type" } }, "$retainKeys must be a list"],
  [{ strategy: { $retainKeys: ["type"], other: 1 } }, '"other" is missing'],
  [{ containers: [C], "$setElementOrder/containers": [{ name: "a" }] }, "must name every element"],
  [{ "$setElementOrder/containers": {} }, "$setElementOrder/containers must be a list"],
])("%j is refused", (patch, why) => {
  const run = (): unknown => podSpec({ containers: [A], labels: {}, strategy: {} }, patch);
  expect(run).toThrow(why);
  expect(run).toThrow(ApiFailure);
});

test("without lists and directives it is a merge patch, and changes neither argument", () => {
  const name = fc.constantFrom("a", "b", "c");
  const { tree } = fc.letrec<{ tree: unknown }>((tie) => ({
    tree: fc.oneof(
      { depthSize: "small" },
      fc.integer(),
      fc.constant(null),
      fc.dictionary(name, tie("tree")),
    ),
  }));
  const noNulls = (value: unknown): unknown => applyMergePatch({}, value);
  fc.assert(
    fc.property(fc.dictionary(name, tree), fc.dictionary(name, tree), (written, patch) => {
      const target = noNulls(written) as Json;
      const [before, asked] = [structuredClone(target), structuredClone(patch)];
      expect(patched(target, patch)).toEqual(applyMergePatch(target, patch));
      expect([target, patch]).toEqual([before, asked]);
    }),
    { numRuns: 300 },
  );
});
