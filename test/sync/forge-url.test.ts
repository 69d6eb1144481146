import { expect, test } from "vitest";
import { forgeOfUrl } from "../../src/sync/forge/open-forge.ts";

test.for([
  ["https://github.com/acme/shop.git", "github https://api.github.com acme/shop"],
  ["https://u:p@github.com/acme/shop", "github https://api.github.com acme/shop"],
  ["git@github.com:acme/shop.git", "github https://api.github.com acme/shop"],
  ["https://github.acme.example/a/b", "github https://github.acme.example/api/v3 a/b"],
  [
    "https://gitlab.example/acme/apps/shop.git",
    "gitlab https://gitlab.example/api/v4 acme/apps/shop",
  ],
  ["ssh://git@gitlab.example:2222/acme/shop.git", "gitlab https://gitlab.example/api/v4 acme/shop"],
  ["http://gitea.local:3000/a/b", "gitea http://gitea.local:3000/api/v1 a/b"],
  ["https://codeberg.org/a/b", "gitea https://codeberg.org/api/v1 a/b"],
  ["https://git.example/a/b", undefined],
  ["/srv/git/shop", undefined],
] as const)("forgeOfUrl(%s)", ([repo, expected]) => {
  const found = forgeOfUrl(repo);
  expect(found && `${found.kind} ${found.apiUrl} ${found.project}`).toBe(expected);
});

test("a host whose name says nothing is what it is said to be", () => {
  expect(forgeOfUrl("https://git.example/a/b", "gitea")).toEqual({
    kind: "gitea",
    apiUrl: "https://git.example/api/v1",
    project: "a/b",
  });
});
