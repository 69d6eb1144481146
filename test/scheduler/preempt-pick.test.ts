import { describe, expect, test } from "vitest";
import type { Pod } from "../../src/model/kinds.gen.ts";
import { compareCost, compareImportance, costOf } from "../../src/scheduler/preempt-pick.ts";
import { waitingPod } from "../support/scheduler.ts";

type Short = readonly [priority: number, started: number | undefined];

const pod = ([priority, started]: Short, name = "p"): Pod =>
  waitingPod({ name, node: "a", priority, ...(started === undefined ? {} : { started }) });

interface Case {
  readonly name: string;
  readonly rather: readonly Short[];
  readonly than: readonly Short[];
  readonly violations?: readonly [number, number];
}

const CASES: readonly Case[] = [
  {
    name: "fewer violated budgets, though the victims are more important",
    rather: [
      [5, 0],
      [5, 0],
    ],
    than: [[1, 0]],
    violations: [0, 1],
  },
  {
    name: "a less important first victim",
    rather: [
      [1, 0],
      [1, 0],
    ],
    than: [[2, 0]],
  },
  {
    name: "a smaller sum",
    rather: [
      [3, 0],
      [1, 0],
    ],
    than: [
      [3, 0],
      [2, 0],
    ],
  },
  {
    name: "fewer victims, though some count below nothing",
    rather: [[3, 0]],
    than: [
      [3, 0],
      [-9, 0],
    ],
  },
  { name: "those that began later", rather: [[3, 9]], than: [[3, 5]] },
  {
    name: "those whose most important began later",
    rather: [
      [3, 9],
      [1, 1],
    ],
    than: [
      [3, 5],
      [1, 8],
    ],
  },
  { name: "one that has not begun", rather: [[3, undefined]], than: [[3, 99]] },
];

describe("compareCost()", () => {
  test.each(CASES)("prefers $name", ({ rather, than, violations = [0, 0] }) => {
    const cost = (pods: readonly Short[], violated: number): ReturnType<typeof costOf> =>
      costOf({ node: "a", pods: pods.map((item) => pod(item)), violations: violated });
    const [a, b] = [cost(rather, violations[0]), cost(than, violations[1])];
    expect([compareCost(a, b), compareCost(b, a), compareCost(a, a)]).toEqual([-1, 1, 0]);
  });
});

test("compareImportance() keeps the more important, then what runs longer, then by name", () => {
  const pods = [
    pod([1, 0], "c"),
    pod([2, 9], "a"),
    pod([2, 1], "b"),
    pod([1, 0], "a"),
    pod([2, undefined], "n"),
  ];
  expect(pods.toSorted(compareImportance).map(({ metadata }) => metadata.name)).toEqual([
    "b",
    "a",
    "n",
    "a",
    "c",
  ]);
});
