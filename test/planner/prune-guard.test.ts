import { describe, expect, test } from "vitest";
import type { ObjectRef } from "../../src/model/meta.ts";
import { guardPrune } from "../../src/planner/prune-guard.ts";

const configMap = (index: number): ObjectRef => ({
  apiVersion: "v1",
  kind: "ConfigMap",
  namespace: "shop",
  name: `c${index}`,
});
const many = (count: number, from = 0): ObjectRef[] =>
  Array.from({ length: count }, (_, index) => configMap(from + index));
const namespace: ObjectRef = { apiVersion: "v1", kind: "Namespace", name: "shop" };

interface Case {
  readonly name: string;
  readonly previous: readonly ObjectRef[];
  readonly next: readonly ObjectRef[];
  readonly message?: string;
  readonly returning?: boolean;
  readonly owed?: readonly ObjectRef[];
  readonly verdict: string;
}

const CASES: readonly Case[] = [
  { name: "removing nothing is fine", previous: many(2), next: many(5), verdict: "allow" },
  { name: "three of four may go", previous: many(4), next: many(1), verdict: "allow" },
  {
    name: "four of five are too many",
    previous: many(5),
    next: many(1),
    verdict: "it would remove 4 of 5 objects, more than 3",
  },
  { name: "30 % of twenty may go", previous: many(20), next: many(14), verdict: "allow" },
  {
    name: "one more may not",
    previous: many(20),
    next: many(13),
    verdict: "it would remove 7 of 20 objects, more than 6",
  },
  {
    name: "all of a small App are too many",
    previous: many(3),
    next: many(3, 10),
    verdict: "it would remove all 3 objects of the App",
  },
  {
    name: "an empty folder is not consent",
    previous: many(1),
    next: [],
    verdict: "it would remove all 1 objects of the App",
  },
  {
    name: "a Namespace needs consent",
    previous: [namespace, ...many(9)],
    next: many(9),
    verdict: "it would remove Namespace shop, with all that is in it",
  },
  {
    name: "content that was healthy before may come back",
    previous: many(9),
    next: many(1),
    returning: true,
    verdict: "allow",
  },
  {
    name: "a Namespace needs consent even then",
    previous: [namespace, ...many(9)],
    next: many(9),
    returning: true,
    verdict: "it would remove Namespace shop",
  },
  {
    name: "what was consented to before is not asked about again",
    previous: many(9),
    next: many(9),
    owed: [namespace, ...many(5, 20)],
    verdict: "allow",
  },
  {
    name: "that consent is for nothing else",
    previous: [{ ...namespace, name: "other" }, ...many(9)],
    next: many(9),
    owed: [namespace],
    verdict: "it would remove Namespace other, with all",
  },
  {
    name: "the trailer is consent",
    previous: many(9),
    next: [],
    message: "tidy up\n\nAllow-Prune: root\n",
    verdict: "allow",
  },
  {
    name: "the trailer of another App is not",
    previous: many(9),
    next: [],
    message: "tidy up\n\nAllow-Prune: other",
    verdict: "it would remove all 9",
  },
  {
    name: "the words in the middle of a message are not",
    previous: many(9),
    next: [],
    message: "tidy\n\nAllow-Prune: root\n\nmore text",
    verdict: "it would remove all 9",
  },
];

describe("guardPrune()", () => {
  test.for(CASES)("$name", ({ previous, next, message, returning, owed = [], verdict }) => {
    const kept = new Set(next.map(({ name }) => name));
    const result = guardPrune({
      app: "root",
      previous,
      next,
      toPrune: [...owed, ...previous.filter(({ name }) => !kept.has(name))],
      owed,
      commitMessage: message ?? "change",
      returning: returning ?? false,
    });
    expect(result.kind === "allow" ? "allow" : result.message).toContain(verdict);
  });

  test("names what would go and how to consent", () => {
    const verdict = guardPrune({
      app: "root",
      previous: many(7),
      next: [],
      toPrune: many(7),
      owed: [],
      commitMessage: "x",
      returning: false,
    });
    expect(verdict).toEqual({
      kind: "hold",
      reason: "PruneGuard",
      message:
        "it would remove all 7 objects of the App: ConfigMap shop/c0, ConfigMap shop/c1, ConfigMap shop/c2, ConfigMap shop/c3, " +
        'ConfigMap shop/c4 and 2 more; consent with `berth approve root`, or with the trailer "Allow-Prune: root" in the commit message',
    });
  });
});
