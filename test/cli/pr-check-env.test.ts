import { describe, expect, test } from "vitest";
import { readCi } from "../../src/cli/pr-check-env.ts";

const GITHUB = {
  GITHUB_ACTIONS: "true",
  GITHUB_API_URL: "https://api.github.com",
  GITHUB_SERVER_URL: "https://github.com",
  GITHUB_REPOSITORY: "acme/shop",
  GITHUB_BASE_REF: "main",
  GITHUB_SHA: "m".repeat(40),
  GITHUB_RUN_ID: "12",
  GITHUB_TOKEN: "t",
  GITHUB_STEP_SUMMARY: "/tmp/summary",
};
const EVENT = {
  pull_request: { number: 7, base: { ref: "main", sha: "base" }, head: { sha: "head" } },
};

describe("readCi()", () => {
  test("GitHub Actions, of a pull request", () => {
    expect(readCi(GITHUB, EVENT, {})).toEqual({
      ci: "github",
      forge: { kind: "github", apiUrl: "https://api.github.com", project: "acme/shop" },
      token: "t",
      number: 7,
      baseBranch: "main",
      base: "base",
      head: "head",
      runUrl: "https://github.com/acme/shop/actions/runs/12",
      summaryFile: "/tmp/summary",
    });
  });

  test("GitHub Actions, of a merge queue", () => {
    const event = { merge_group: { base_sha: "b", head_sha: "h", base_ref: "refs/heads/main" } };
    const env = { ...GITHUB, GITHUB_BASE_REF: "" };
    expect(readCi(env, event, {})).toMatchObject({ base: "b", head: "h", number: undefined });
  });

  test("Gitea Actions, which speak as GitHub's do", () => {
    const { GITHUB_API_URL: _, ...rest } = GITHUB;
    const env = { ...rest, GITEA_ACTIONS: "true", GITHUB_SERVER_URL: "https://git.example" };
    expect(readCi({ ...env, GITEA_TOKEN: "g" }, EVENT, {})).toMatchObject({
      ci: "gitea",
      forge: { kind: "gitea", apiUrl: "https://git.example/api/v1", project: "acme/shop" },
      token: "g",
      number: 7,
    });
  });

  test("GitLab CI, where the commit of the job may be the merge already", () => {
    const env = {
      GITLAB_CI: "true",
      CI_API_V4_URL: "https://gitlab.example/api/v4",
      CI_PROJECT_ID: "42",
      CI_MERGE_REQUEST_IID: "9",
      CI_MERGE_REQUEST_TARGET_BRANCH_NAME: "main",
      CI_MERGE_REQUEST_DIFF_BASE_SHA: "diffbase",
      CI_COMMIT_SHA: "commit",
      CI_JOB_URL: "https://gitlab.example/job/1",
      BERTH_FORGE_TOKEN: "f",
    };
    expect(readCi(env, undefined, {})).toEqual({
      ci: "gitlab",
      forge: { kind: "gitlab", apiUrl: "https://gitlab.example/api/v4", project: "42" },
      token: "f",
      number: 9,
      baseBranch: "main",
      base: "diffbase",
      head: "commit",
      runUrl: "https://gitlab.example/job/1",
      summaryFile: undefined,
    });
    const merged = {
      CI_MERGE_REQUEST_SOURCE_BRANCH_SHA: "source",
      CI_MERGE_REQUEST_TARGET_BRANCH_SHA: "tip",
    };
    expect(readCi({ ...env, ...merged }, undefined, {})).toMatchObject({
      head: "source",
      base: "tip",
    });
  });

  test("flags say it where no CI does, and win where one does", () => {
    const flags = {
      base: "x",
      head: "y",
      number: 3,
      forge: "gitea",
      forgeUrl: "http://g",
      project: "a/b",
    } as const;
    const forge = { kind: "gitea", apiUrl: "http://g", project: "a/b" };
    expect(readCi({}, undefined, flags)).toMatchObject({
      ci: "none",
      forge,
      base: "x",
      head: "y",
      number: 3,
    });
    expect(readCi(GITHUB, EVENT, flags)).toMatchObject({ forge, base: "x", head: "y", number: 3 });
    expect(readCi({}, undefined, { forge: "github" }).forge).toBeUndefined();
  });

  test("what an event does not have is not made up", () => {
    for (const event of [undefined, null, {}, { pull_request: null }, "x"])
      expect(readCi({}, event, {})).toMatchObject({ number: undefined, base: undefined });
  });
});
