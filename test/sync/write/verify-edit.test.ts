import { expect, test } from "vitest";
import type { ApiObject } from "../../../src/model/meta.ts";
import { refOf } from "../../../src/model/meta.ts";
import type { Manifest } from "../../../src/schema/manifest.ts";
import { describeCommit } from "../../../src/sync/write/describe-change.ts";
import type { ObjectEdit } from "../../../src/sync/write/object-edit.ts";
import { findMisedit } from "../../../src/sync/write/verify-edit.ts";

const map = (name: string, a = "1"): ApiObject =>
  ({
    apiVersion: "v1",
    kind: "ConfigMap",
    metadata: { name, namespace: "shop" },
    data: { a },
  }) as ApiObject;
const tree = (...objects: readonly ApiObject[]): readonly Manifest[] =>
  objects.map((object) => ({
    object,
    hash: JSON.stringify(object),
    at: { file: "a.yaml", line: 1, column: 1 },
  }));
const update = (name: string, a: string): ObjectEdit => ({
  kind: "update",
  ref: refOf(map(name)),
  before: map(name),
  written: map(name, a),
  after: map(name, a),
});
const remove = (name: string): ObjectEdit => ({ kind: "delete", ref: refOf(map(name)) });
const create = (name: string): ObjectEdit => ({
  kind: "create",
  ref: refOf(map(name)),
  written: map(name),
  after: map(name),
});
const BEFORE = tree(map("a"), map("b"));

test.each<[what: string, edit: ObjectEdit, after: readonly Manifest[], said: RegExp | undefined]>([
  ["exactly that", update("a", "2"), tree(map("a", "2"), map("b")), undefined],
  [
    "another value",
    update("a", "2"),
    tree(map("a", "3"), map("b")),
    /exactly what is wanted of ConfigMap shop\/a/,
  ],
  [
    "another object changed",
    update("a", "2"),
    tree(map("a", "2"), map("b", "2")),
    /shop\/b would change as well/,
  ],
  ["another object gone", update("a", "2"), tree(map("a", "2")), /shop\/b would change as well/],
  [
    "another object made",
    update("a", "2"),
    tree(map("a", "2"), map("b"), map("c")),
    /shop\/c would appear/,
  ],
  ["it is gone", update("a", "2"), tree(map("b")), /shop\/a would not be among/],
  ["deleted", remove("a"), tree(map("b")), undefined],
  ["not deleted", remove("a"), BEFORE, /shop\/a would still be declared/],
  ["created", create("c"), tree(map("a"), map("b"), map("c")), undefined],
  ["created, and ignored", create("c"), BEFORE, /shop\/c would not be among/],
])("%s", (_what, edit, after, said) => {
  const found = findMisedit([edit], BEFORE, after);
  if (said === undefined) expect(found).toBeUndefined();
  else expect(found).toMatch(said);
});

test("a commit of several says each, and who consents to what", () => {
  const edits = [update("a", "2"), remove("b"), create("c")];
  expect(
    describeCommit({ edits, namespace: "shop", client: "berth delete", allowPrune: "root" }),
  ).toBe(
    `Change 3 configmaps

- Change data.a of configmap a
- Delete configmap b
- Create configmap c

Berth-Request: berth delete
Allow-Prune: root`,
  );
  expect(
    describeCommit({ edits, namespace: "shop", client: "berth delete", message: "Tidy up" }),
  ).toBe("Tidy up\n\nBerth-Request: berth delete");
});
