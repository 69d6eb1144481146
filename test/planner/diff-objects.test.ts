import { describe, expect, test } from "vitest";
import type { ApiObject } from "../../src/model/meta.ts";
import { diffObjects } from "../../src/planner/diff-objects.ts";

const object = (more: Record<string, unknown>, metadata: Record<string, unknown> = {}): ApiObject =>
  ({
    apiVersion: "v1",
    kind: "ConfigMap",
    metadata: { name: "a", namespace: "shop", ...metadata },
    ...more,
  }) as ApiObject;

const lines = (before: ApiObject, after: ApiObject): string[] =>
  diffObjects(before, after).map(
    ({ path, before: old, after: next }) => `${path}: ${old ?? "-"} → ${next ?? "-"}`,
  );

describe("diffObjects()", () => {
  test("names each field that differs, sorted by path", () => {
    const before = object({
      data: { a: "1", gone: "x" },
      spec: { list: [{ image: "one" }, 2], kept: true },
    });
    const after = object({
      data: { a: "2", "new.key": "y" },
      spec: { list: [{ image: "two" }], kept: true },
    });
    expect(lines(before, after)).toEqual([
      'data.a: "1" → "2"',
      'data.gone: "x" → -',
      'data["new.key"]: - → "y"',
      'spec.list[0].image: "one" → "two"',
      "spec.list[1]: 2 → -",
    ]);
  });

  test("looks past status, stored metadata and our own marks", () => {
    const before = object(
      { status: { phase: "old" }, data: {} },
      {
        uid: "u",
        resourceVersion: "7",
        labels: { "berth.dev/app": "root" },
        annotations: { "berth.dev/source": "a.yaml:1", note: "x" },
      },
    );
    const after = object(
      { status: { phase: "new" } },
      { annotations: { "berth.dev/source": "b.yaml:9", note: "y" } },
    );
    expect(lines(before, after)).toEqual(['metadata.annotations.note: "x" → "y"']);
  });

  test("hides the values of Secrets, not their keys", () => {
    const secret = (data: Record<string, string>): ApiObject => ({
      ...object({ data }),
      kind: "Secret",
    });
    expect(
      lines(secret({ a: "c2VjcmV0", b: "eA==" }), secret({ a: "b3RoZXI=", c: "eQ==" })),
    ).toEqual(["data.a: (hidden) → (hidden)", "data.b: (hidden) → -", "data.c: - → (hidden)"]);
  });
});
