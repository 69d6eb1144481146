import { expect, test } from "vitest";
import { GitError } from "../../src/sync/git.ts";
import {
  checkBranch,
  checkFilePath,
  checkPath,
  checkPinName,
  checkRevision,
} from "../../src/sync/git-names.ts";

test.for(["main", "feature/x", "release-1.2", "ünïcode", "a@b", "v1.lockx"])(
  "checkBranch() takes %j",
  (name) => {
    expect(checkBranch(name)).toBe(name);
  },
);

test.for([
  "",
  "-x",
  "--upload-pack=x",
  ".x",
  "a/.b",
  "a..b",
  "a.lock",
  "a.lock/b",
  "a//b",
  "a/",
  "/a",
  "a.",
  "a b",
  "a~1",
  "a^",
  "a:b",
  "a?",
  "a*",
  "a[",
  "a\\b",
  "a@{1}",
  "@",
  "a\u0000b",
  "a\u007fb",
  "refs/heads/main",
  "x".repeat(1001),
])("checkBranch() refuses %j", (name) => {
  expect(() => checkBranch(name)).toThrow(GitError);
});

test("checkBranch() names the short form of a full ref", () => {
  expect(() => checkBranch("refs/heads/env/prod")).toThrow('give the short name "env/prod"');
});

test.for([
  [".", "."],
  ["", "."],
  ["./", "."],
  ["apps", "apps"],
  ["./apps//web/", "apps/web"],
  ["a..b/c", "a..b/c"],
] as const)("checkPath(%j) is %j", ([path, expected]) => {
  expect(checkPath(path)).toBe(expected);
});

test.for(["..", "../x", "a/../b", "/a", "a\nb", "a\u0000"])("checkPath() refuses %j", (path) => {
  expect(() => checkPath(path)).toThrow("must stay inside the repository");
});

test.for([".git/config", "a/.git/x", ".GIT/x", "git~1/x", "a//b", "./a", "a/", "../a", "."])(
  "checkFilePath() refuses %j",
  (path) => {
    expect(() => checkFilePath(path)).toThrow(GitError);
  },
);

test("checkFilePath() takes files that only look like Git's", () => {
  expect(checkFilePath(".gitignore")).toBe(".gitignore");
  expect(checkFilePath(".github/x.yaml")).toBe(".github/x.yaml");
});

test("checkRevision() takes what Git names and refuses options and line ends", () => {
  expect(checkRevision("HEAD~2")).toBe("HEAD~2");
  for (const bad of ["", "-n1", "a\nb", "a\0"]) expect(() => checkRevision(bad)).toThrow(GitError);
});

test("checkPinName() refuses names that are no refs", () => {
  expect(checkPinName("deployed/default/web")).toBe("deployed/default/web");
  expect(() => checkPinName("../heads/main")).toThrow(GitError);
});
