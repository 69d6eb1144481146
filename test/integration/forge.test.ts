import { describe, expect, test } from "vitest";
import { openForge } from "../../src/sync/forge/open-forge.ts";
import { MAX_COMMENT_CHARACTERS } from "../../src/sync/forge/forge.ts";
import { addComment, fakeForge } from "../support/fake-forge.ts";

const { signal } = new AbortController();
const MARKER = "<!-- berth-plan: prod -->";
const REQUEST = { head: "berth/revert", base: "main", title: "Undo", body: "why" };

describe.for(["github", "gitlab", "gitea"] as const)("openForge() of %s", (kind) => {
  test("opens one pull request a branch, and finds it again", async () => {
    await using server = await fakeForge(kind);
    const forge = openForge(server.options);
    expect(await forge.findPullRequest({ head: "berth/revert" }, signal)).toBeUndefined();
    const opened = await forge.openPullRequest(REQUEST, signal);
    expect(opened).toMatchObject({ number: 1, head: "berth/revert", base: "main", title: "Undo" });
    expect(opened.headCommit).toMatch(/^f{40}$/);
    expect(await forge.openPullRequest(REQUEST, signal)).toEqual(opened);
    expect(server.pulls).toHaveLength(1);
    expect(await forge.findPullRequest({ head: "berth/revert", base: "main" }, signal)).toEqual(
      opened,
    );
    expect(
      await forge.findPullRequest({ head: "berth/revert", base: "other" }, signal),
    ).toBeUndefined();
    for (const pull of server.pulls) pull.open = false;
    expect(await forge.findPullRequest({ head: "berth/revert" }, signal)).toBeUndefined();
  });

  test("writes one comment a marker, however many others there are", async () => {
    await using server = await fakeForge(kind);
    const forge = openForge(server.options);
    for (let index = 0; index < 120; index += 1) addComment(server, 7, `talk ${index}`, "them");
    addComment(server, 7, `> ${MARKER}\nI quote`, "them");
    addComment(server, 8, `${MARKER}\nanother pull request`);
    const write = (body: string): Promise<string> =>
      forge.upsertComment({ number: 7, marker: MARKER, body: `${MARKER}\n${body}` }, signal);
    expect(await write("one")).toBe("created");
    addComment(server, 7, "later talk", "them");
    expect(await write("one")).toBe("same");
    expect(await write("two")).toBe("updated");
    const own = server.comments.filter(({ body, pull }) => pull === 7 && body.startsWith(MARKER));
    expect(own.map(({ body }) => body)).toEqual([`${MARKER}\ntwo`]);
    expect(await forge.findComment({ number: 7, marker: MARKER }, signal)).toBe(`${MARKER}\ntwo`);
    expect(server.comments.find(({ pull }) => pull === 8)?.body).toContain("another");
  });

  test("sets a status, again too, and cuts what is too long", async () => {
    await using server = await fakeForge(kind);
    const forge = openForge(server.options);
    const status = { commit: "a".repeat(40), name: "berth/plan", description: "x".repeat(500) };
    await forge.setStatus({ ...status, state: "pending" }, signal);
    await forge.setStatus({ ...status, state: "pending" }, signal);
    await forge.setStatus({ ...status, state: "failure", url: "http://run" }, signal);
    const last = server.statuses.at(-1);
    expect(last?.commit).toBe(status.commit);
    expect(last?.body).toMatchObject({
      state: kind === "gitlab" ? "failed" : "failure",
      target_url: "http://run",
    });
  });

  test.for([
    [401, "unauthorized"],
    [403, "unauthorized"],
    [404, "not-found"],
    [429, "rate-limited"],
    [301, "refused"],
    [502, "unreachable"],
  ] as const)("tells what %i means, and not the token", async ([status, code]) => {
    await using server = await fakeForge(kind);
    server.refuse(status);
    const error: unknown = await openForge(server.options)
      .openPullRequest(REQUEST, signal)
      .catch((found: unknown) => found);
    expect(error).toMatchObject({ name: "ForgeError", code });
    expect(String(error)).not.toContain(server.options.token);
  });

  test("refuses a comment that no server takes, before it is sent", async () => {
    await using server = await fakeForge(kind);
    const body = `${MARKER}${"x".repeat(MAX_COMMENT_CHARACTERS)}`;
    const comment = { number: 7, marker: MARKER, body };
    await expect(openForge(server.options).upsertComment(comment, signal)).rejects.toMatchObject({
      code: "refused",
    });
    expect(server.requests).toEqual([]);
  });

  test("a server that is away is named, with the reason", async () => {
    const server = await fakeForge(kind);
    await server[Symbol.asyncDispose]();
    await expect(openForge(server.options).openPullRequest(REQUEST, signal)).rejects.toThrow(
      /127\.0\.0\.1:\d+ is not reachable \(ECONNREFUSED\)/,
    );
  });
});
