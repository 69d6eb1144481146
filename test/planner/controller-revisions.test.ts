import { describe, expect, test } from "vitest";
import type { ControllerRevision, PodTemplateSpec } from "../../src/model/kinds.gen.ts";
import type { ApiObject } from "../../src/model/meta.ts";
import {
  cleanRevisions,
  HASH_LABEL,
  readHistory,
  templateOf,
  type RevisionHistory,
} from "../../src/planner/controller-revisions.ts";
import { template } from "../support/builders.ts";
import { statefulSet } from "../support/set-builders.ts";
import { render, worldOf } from "../support/world.ts";

const set = statefulSet({}, { annotations: { "kubernetes.io/change-cause": "wish" } });

function read(
  objects: readonly ApiObject[],
  wanted: PodTemplateSpec = template(),
  owner = set,
): RevisionHistory {
  return readHistory(worldOf(objects), owner, wanted, HASH_LABEL);
}

function stored(version: string, revision: number, uid = `uid-${version}`): ControllerRevision {
  const { update } = read([], template(version));
  return { ...update, metadata: { ...update.metadata, uid }, revision };
}

describe("readHistory()", () => {
  test("a new template makes a revision that kubectl can read and bring back", () => {
    const { update, steps, collisionCount } = read([]);
    expect(render({ steps })).toEqual([
      `create ControllerRevision shop/${update.metadata.name} (NewRevision)`,
    ]);
    expect(collisionCount).toBe(0);
    expect(update).toMatchObject({
      revision: 1,
      metadata: {
        labels: { app: "web", [HASH_LABEL]: update.metadata.name.replace("web-", "") },
        annotations: { "kubernetes.io/change-cause": "wish" },
        ownerReferences: [{ kind: "StatefulSet", uid: "uid-sts", controller: true }],
      },
      data: { spec: { template: { ...template(), $patch: "replace" } } },
    });
    expect(templateOf(update)).toEqual(template());
  });

  test("the same template gives the same name, another one another", () => {
    expect(read([]).update.metadata.name).toBe(read([]).update.metadata.name);
    expect(read([], template("v2")).update.metadata.name).not.toBe(read([]).update.metadata.name);
  });

  test("the newest one stays as it is", () => {
    const history = read([stored("v1", 4), stored("v2", 7)], template("v2"));
    expect(history.steps).toEqual([]);
    expect(history.update.revision).toBe(7);
    expect(history.old.map(({ revision }) => revision)).toEqual([4]);
  });

  test("an earlier one becomes the newest again", () => {
    const history = read([stored("v1", 4), stored("v2", 7)]);
    expect(history.steps).toMatchObject([{ kind: "update", reason: "Revision" }]);
    expect(history.update.revision).toBe(8);
    expect(history.update.metadata.uid).toBe("uid-v1");
  });

  test("one without an owner is adopted", () => {
    const { ownerReferences: _, ...metadata } = stored("v1", 1).metadata;
    const stray = { ...stored("v1", 1), metadata };
    const history = read([stray], template("v2"));
    expect(render({ steps: history.steps })).toEqual([
      `update ControllerRevision shop/${metadata.name} (Adopt)`,
      `create ControllerRevision shop/${history.update.metadata.name} (NewRevision)`,
    ]);
    expect(render({ steps: read([stray]).steps })).toEqual([
      `update ControllerRevision shop/${metadata.name} (Revision)`,
    ]);
  });

  test("a name that something else has is avoided, and counted", () => {
    const { name } = read([]).update.metadata;
    const foreign = stored("v3", 1);
    const taken = {
      ...foreign,
      metadata: { ...foreign.metadata, name, ownerReferences: [], labels: {} },
    };
    const history = read([taken]);
    expect(history.collisionCount).toBe(1);
    expect(history.update.metadata.name).not.toBe(name);
    const counted = { ...set, status: { replicas: 0, collisionCount: 1 } };
    expect(read([], template(), counted).update.metadata.name).toBe(history.update.metadata.name);
  });

  test("what holds no template gives none", () => {
    expect(templateOf({ ...stored("v1", 1), data: {} })).toBeUndefined();
    expect(templateOf({ ...stored("v1", 1), data: { spec: { template: 5 } } })).toBeUndefined();
  });
});

describe("cleanRevisions()", () => {
  test.for([
    [10, []],
    [1, ["v1"]],
    [0, ["v1", "v2"]],
  ] as const)("limit %i", ([revisionHistoryLimit, gone]) => {
    const owner = statefulSet({ revisionHistoryLimit });
    const steps = cleanRevisions(owner, [stored("v1", 1), stored("v2", 2)]);
    expect(steps.map((step) => (step.kind === "delete" ? step.uid : ""))).toEqual(
      gone.map((version) => `uid-${version}`),
    );
  });
});
