import { expect, test } from "vitest";
import { formatQuery } from "../../src/agent/docker-dial.ts";

test.each([
  [undefined, ""],
  [{}, ""],
  [{ all: true, n: 1, none: undefined }, "?all=true&n=1"],
  [{ fromImage: "a:5000/b@sha256:1" }, "?fromImage=a%3A5000%2Fb%40sha256%3A1"],
  [{ filters: { label: ["a=b"] } }, "?filters=%7B%22label%22%3A%5B%22a%3Db%22%5D%7D"],
])("formatQuery(%j) is %s", (query, text) => {
  expect(formatQuery(query)).toBe(text);
});
