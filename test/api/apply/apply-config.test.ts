import { expect, test } from "vitest";
import { applyConfig, GIT_MANAGER } from "../../../src/api/apply/apply-config.ts";
import type { Claim, Writer } from "../../../src/api/apply/claims.ts";
import { setOf } from "../../../src/api/apply/field-set.ts";
import { FREE_MAP } from "../../../src/api/apply/field-type.ts";
import type { FieldType } from "../../../src/api/apply/field-type.ts";

const by: Writer = { manager: "ann", operation: "Apply", apiVersion: "v1", subresource: "" };
const ITEMS: FieldType = {
  kind: "map",
  isOpen: false,
  has: (field) => field === "items",
  field: () => ({ kind: "list", keys: ["name"], defaults: {}, item: FREE_MAP }),
};

function claim(who: Partial<Writer>, ...paths: readonly (readonly string[])[]): Claim {
  return { ...by, ...who, time: "t", fields: setOf(...paths) };
}

test("an item in which somebody else owns a field keeps its keys", () => {
  const item = ["f:items", 'k:{"name":"x"}'];
  const claims = [
    claim({}, item, [...item, "f:name"], [...item, "f:a"]),
    claim({ manager: "bob" }, [...item, "f:b"]),
  ];
  const live = { items: [{ name: "x", a: 1, b: 2 }] };
  const request = { live, type: ITEMS, claims, by, now: "t", force: false };
  const outcome = applyConfig({ ...request, config: {} });
  expect(outcome).toMatchObject({ kind: "applied", value: { items: [{ name: "x", b: 2 }] } });
});

test("Git's fields are no conflict, not even those that a commit took out since", () => {
  const item = ["f:items", 'k:{"name":"x"}'];
  const git = claim({ manager: GIT_MANAGER, operation: "Update" }, item, [...item, "f:name"]);
  const request = { type: ITEMS, claims: [git], by, now: "t", force: false };
  const config = { items: [{ name: "x" }] };
  expect(applyConfig({ ...request, live: {}, config })).toMatchObject({
    kind: "applied",
    value: config,
  });
});
