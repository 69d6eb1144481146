import { expect, test } from "vitest";
import { formatTree } from "../../src/sync/tree-object.ts";
import { TreeReader, type TreeAccess } from "../../src/sync/tree-reader.ts";

const id = (digit: string): string => digit.repeat(40);

const ROOT = id("a");
const FOLDER = id("b");
const TREES: ReadonlyMap<string, Uint8Array> = new Map([
  [ROOT, formatTree([{ mode: "40000", name: "apps", id: FOLDER }])],
  [FOLDER, formatTree([{ mode: "100644", name: "web.yaml", id: id("c") }])],
]);

/** Answers once `answer` resolves, and notes what it was asked for. */
function slowAccess(): TreeAccess & { readonly asked: string[]; answer: () => void } {
  const gate = Promise.withResolvers<void>();
  const asked: string[] = [];
  return {
    repo: "/srv/shop",
    asked,
    answer: gate.resolve,
    async readTrees(ids, signal) {
      asked.push(...ids);
      const left = Promise.withResolvers<never>();
      signal.addEventListener("abort", () => left.reject(signal.reason), { once: true });
      await Promise.race([gate.promise, left.promise]);
      return ids.map((one) => TREES.get(one) ?? new Uint8Array());
    },
    sizesOf: async (ids) => new Map(ids.map((one) => [one, 10])),
  };
}

test("a folder that many ask for at once is read once", async () => {
  const access = slowAccess();
  const reader = new TreeReader(access);
  const { signal } = new AbortController();
  const found = Array.from({ length: 5 }, () => reader.find(ROOT, "apps", signal));
  const listed = reader.list(ROOT, signal);
  access.answer();
  for (const one of await Promise.all(found)) expect(one?.id).toBe(FOLDER);
  expect((await listed).map(({ path }) => path)).toEqual(["apps/web.yaml"]);
  expect(access.asked.toSorted()).toEqual([ROOT, FOLDER]);
});

test("whoever asked first and left takes nothing from the others", async () => {
  const access = slowAccess();
  const reader = new TreeReader(access);
  const first = new AbortController();
  const left = reader.find(ROOT, "apps", first.signal);
  const stays = reader.find(ROOT, "apps", new AbortController().signal);
  first.abort(new Error("left"));
  await expect(left).rejects.toThrow("left");
  access.answer();
  expect((await stays)?.id).toBe(FOLDER);
  expect(access.asked).toEqual([ROOT, ROOT]);
});
