import { describe, expect, test } from "vitest";
import { imagesNeeded, readReferences } from "../../src/api/images-needed.ts";
import { PINS_ANNOTATION } from "../../src/model/image-pins.ts";
import type { ControllerRevision } from "../../src/model/kinds.gen.ts";
import type { ApiObject } from "../../src/model/meta.ts";
import type { Resource } from "../../src/model/resources.ts";
import { cronJob, job, pod, replicaSet } from "../support/builders.ts";

const A = `sha256:${"a".repeat(64)}`;
const B = `sha256:${"b".repeat(64)}`;

function needed(objects: readonly ApiObject[], references: readonly string[]): readonly string[] {
  const list = (resource: Resource) => ({
    items: objects
      .filter(({ kind }) => kind === resource.kind)
      .map((object) => ({ object, bytes: Buffer.alloc(0) })),
    revision: 1,
  });
  return imagesNeeded({ list } as unknown as Parameters<typeof imagesNeeded>[0], references);
}

describe("imagesNeeded()", () => {
  test("are those of pods and of all templates, however they are written", () => {
    const objects = [pod({ name: "p" }), replicaSet(), job(), cronJob()];
    expect(needed(objects, ["app:v1", "docker.io/library/app:v1", "app:v2", "other:v1"])).toEqual([
      "app:v1",
      "docker.io/library/app:v1",
    ]);
  });

  test("of a release that is pinned are what it is pinned to, not what its tag means now", () => {
    const pins = JSON.stringify({ "app:v1": A });
    const pinned = replicaSet({ replicas: 0 }, { annotations: { [PINS_ANNOTATION]: pins } });
    expect(needed([pinned], ["app:v1", `app@${A}`, `app@${B}`])).toEqual([`app@${A}`]);
  });

  test("are those of retained revisions too", () => {
    const revision: ControllerRevision = {
      apiVersion: "apps/v1",
      kind: "ControllerRevision",
      metadata: { name: "db-1", namespace: "shop" },
      revision: 1,
      data: {
        spec: {
          template: {
            spec: {
              initContainers: [{ name: "i", image: "init" }],
              containers: [{ name: "a", image: "db:1" }],
            },
          },
        },
      },
    };
    expect(needed([revision], ["init:latest", "db:1", "db:2"])).toEqual(["init:latest", "db:1"]);
  });
});

test.each([
  [{}],
  [{ references: "a" }],
  [{ references: [1] }],
  [{ references: Array.from({ length: 10_001 }, () => "a") }],
])("readReferences(%j) is refused", (body) => {
  expect(() => readReferences(body)).toThrow(/must be a list of at most 10000/);
});
