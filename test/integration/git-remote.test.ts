import { chmod, readdir, readFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import type { GitRepository } from "../../src/sync/git.ts";
import { openWithGit } from "../../src/sync/git-binary.ts";
import { openWithIsomorphic } from "../../src/sync/git-isomorphic.ts";
import { describeGitRepository, failure, type Origin } from "../support/git-contract.ts";
import { describeGitRefs } from "../support/git-refs-contract.ts";
import { GitUser, type TempDir, tempDir, text } from "../support/git-fixture.ts";
import { type GitHttpServer, serveGit } from "../support/git-http.ts";

const ENGINES = { git: openWithGit, isomorphic: openWithIsomorphic };
const SECRET = { username: "ada", password: "s3cr3t/+ü" };
const signal = (): AbortSignal => AbortSignal.timeout(60_000);

/** A user, a bare repository behind HTTP, and what joins them. */
async function makeRemote(
  dir: string,
): Promise<{ user: GitUser; server: GitHttpServer; url: string; bare: GitUser }> {
  const bare = await new GitUser(join(dir, "served", "repo.git")).init("--bare");
  await bare.git("config", "http.receivepack", "true");
  const user = await new GitUser(join(dir, "user")).init();
  await user.git("remote", "add", "origin", bare.dir);
  const server = await serveGit(join(dir, "served"), SECRET);
  const login = `${SECRET.username}:${encodeURIComponent(SECRET.password)}@`;
  return { user, server, bare, url: `${server.url.replace("://", `://${login}`)}/repo.git` };
}

async function publish(user: GitUser, args: readonly string[]): Promise<void> {
  if (args[0] === "--delete") await user.git("push", "--quiet", "origin", ...args);
  else
    await user.git(
      "push",
      "--quiet",
      "--all",
      "origin",
      ...args.filter((arg) => arg.startsWith("-")),
    );
  const tags = args.filter((arg) => arg.startsWith("v"));
  const options = args.filter((arg) => arg === "--force");
  if (tags.length > 0) await user.git("push", "--quiet", ...options, "origin", ...tags);
}

for (const [engine, open] of Object.entries(ENGINES)) {
  const openIn = (dir: string, url: string): Promise<GitRepository> =>
    open(url, { mirrorDir: join(dir, "mirrors") }, signal());

  const make = async (dir: string): Promise<Origin> => {
    const { user, server, url, bare } = await makeRemote(dir);
    return {
      repo: bare.dir,
      user,
      publish: (...args) => publish(user, args),
      headOf: (branch) => bare.git("rev-parse", branch),
      open: () => openIn(dir, url),
      [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
    };
  };
  describeGitRepository(`${engine} on a remote`, make);
  describeGitRefs(`${engine} on a remote`, make);

  describe(`${engine} on a remote`, () => {
    async function using(
      work: (remote: Awaited<ReturnType<typeof makeRemote>>, dir: TempDir) => Promise<void>,
    ): Promise<void> {
      await using dir = await tempDir();
      const remote = await makeRemote(dir.path);
      await using server = remote.server;
      await work({ ...remote, server }, dir);
    }

    test("a wrong password is unauthorized, and no secret is in the message or the mirror", () =>
      using(async ({ user, url }, dir) => {
        await user.commit({ "a.yaml": "a" });
        await publish(user, []);
        const wrong = url.replace(encodeURIComponent(SECRET.password), "hunter2");
        const repo = await openIn(dir.path, wrong);
        const error = await failure(repo.head("main", signal()));
        expect(error.code).toBe("unauthorized");
        expect(`${error.message} ${String(error.cause)}`).not.toMatch(/hunter2|ada/);
        const good = await openIn(dir.path, url);
        await good.head("main", signal());
        const [mirror = ""] = await readdir(join(dir.path, "mirrors"));
        const config = await readFile(join(dir.path, "mirrors", mirror, "config"), "utf8");
        expect(config).not.toMatch(/s3cr3t|127\.0\.0\.1/);
        await repo.close();
        await good.close();
      }));

    test("no server at the address is unreachable; the mirror still has what was fetched", () =>
      using(async ({ user, url, server }, dir) => {
        const id = await user.commit({ "apps/a.yaml": "a" });
        await publish(user, []);
        const repo = await openIn(dir.path, url);
        await repo.head("main", signal());
        await server[Symbol.asyncDispose]();
        const error = await failure(repo.head("main", signal()));
        expect(error.code).toBe("unreachable");
        expect(error.message).toContain("Berth keeps what runs");
        await repo.close();
        const again = await openIn(dir.path, url);
        const tree = await again.treeId(id, "apps", signal());
        const files = await again.readFiles(await again.listTree(tree, signal()), signal());
        expect(files.map((file) => text(file.content))).toEqual(["a"]);
        await again.close();
      }));

    test("an address without a repository is not-a-repository", () =>
      using(async ({ url }, dir) => {
        const repo = await openIn(dir.path, url.replace("repo.git", "other.git"));
        expect((await failure(repo.head("main", signal()))).code).toBe("not-a-repository");
        await repo.close();
      }));

    test("an answer that is cut off fails, and the next try succeeds", () =>
      using(async ({ user, url, server }, dir) => {
        const noise = Buffer.from(Array.from({ length: 50_000 }, (_, i) => (i * 7919) % 251));
        const first = await user.commit({ "apps/a.yaml": "a" });
        await publish(user, []);
        const repo = await openIn(dir.path, url);
        await repo.head("main", signal());
        const second = await user.commit({ "apps/noise.bin": noise });
        await publish(user, []);
        server.cutAfterBytes = 400;
        const error = await failure(repo.head("main", signal()));
        expect(error.code).toBe("unreachable");
        expect((await repo.commit(first, signal())).id).toBe(first);
        server.cutAfterBytes = undefined;
        expect((await repo.head("main", signal())).id).toBe(second);
        await repo.close();
      }));

    test("a server that never answers is left when the caller gives up", () =>
      using(async ({ user, url, server }, dir) => {
        await user.commit({ "apps/a.yaml": "a" });
        await publish(user, []);
        const repo = await openIn(dir.path, url);
        server.mute = true;
        const cancel = new AbortController();
        const call = repo.head("main", cancel.signal);
        await expect.poll(() => server.requests.length).toBeGreaterThan(0);
        cancel.abort(new Error("enough"));
        await expect(call).rejects.toThrow("enough");
        await repo.close();
      }));

    test("head() of an unchanged branch asks for refs and fetches nothing; callers share it", () =>
      using(async ({ user, url, server }, dir) => {
        await user.commit({ "apps/a.yaml": "a" });
        await publish(user, []);
        const repo = await openIn(dir.path, url);
        await repo.head("main", signal());
        server.requests.length = 0;
        await repo.head("main", signal());
        const once = server.requests.length;
        server.requests.length = 0;
        await Promise.all(Array.from({ length: 5 }, () => repo.head("main", signal())));
        expect(server.requests.length).toBe(once);
        expect(once).toBeLessThanOrEqual(2);
        await repo.close();
      }));

    test("history beyond what was fetched first is fetched on demand", () =>
      using(async ({ user, url }, dir) => {
        const first = await user.commit({ "apps/old.yaml": "old" }, "the oldest");
        for (let index = 0; index < 60; index++) await user.commit({}, `empty ${index}`);
        await publish(user, []);
        const repo = await openIn(dir.path, url);
        const head = await repo.head("main", signal());
        const found = await repo.history(head.id, "apps", 5, signal());
        expect(found.map(({ id }) => id)).toEqual([first]);
        expect((await repo.resolve("HEAD~60", signal())).id).toBe(first);
        await repo.close();
      }));

    test("a short id from before what was fetched first is found", () =>
      using(async ({ user, url }, dir) => {
        const first = await user.commit({ "apps/old.yaml": "old" });
        for (let index = 0; index < 60; index++) await user.commit({}, `empty ${index}`);
        await publish(user, []);
        const repo = await openIn(dir.path, url);
        await repo.head("main", signal());
        expect((await repo.resolve(first.slice(0, 10), signal())).id).toBe(first);
        await repo.close();
      }));

    test("a push that a hook refuses is rejected with the hook's words", () =>
      using(async ({ user, url, bare }, dir) => {
        const parent = await user.commit({ "a.yaml": "a" });
        await publish(user, []);
        const hook = new GitUser(join(bare.dir, "hooks"));
        await hook.put("pre-receive", "#!/bin/sh\necho protected branch >&2\nexit 1\n");
        await chmod(join(bare.dir, "hooks/pre-receive"), 0o755);
        const repo = await openIn(dir.path, url);
        const changes = [{ path: "a.yaml", content: Buffer.from("b") }];
        const author = { name: "Grace", email: "g@example.org" };
        const write = repo.write(
          { branch: "main", parent, changes, author, message: "m" },
          signal(),
        );
        const error = await failure(write);
        expect(error.code).toBe("rejected");
        expect(error.message).toContain("pre-receive hook declined");
        expect(await bare.git("rev-parse", "main")).toBe(parent);
        await repo.close();
      }));

    test.for(["GET", "POST"])(
      "a branch that moves between our look and our push (%s) is a conflict, and stays moved",
      (moment) =>
        using(async ({ user, url, server, bare }, dir) => {
          const parent = await user.commit({ "a.yaml": "a" });
          await publish(user, []);
          const tree = await bare.git("rev-parse", `${parent}^{tree}`);
          const moved = await bare.git("commit-tree", tree, "-p", parent, "-m", "moved");
          const repo = await openIn(dir.path, url);
          server.before = async (request) => {
            if (request.startsWith(moment) && request.includes("git-receive-pack"))
              await bare.git("update-ref", "refs/heads/main", moved);
          };
          const changes = [{ path: "a.yaml", content: Buffer.from("b") }];
          const by = { name: "Grace", email: "g@example.org" };
          const commit = { branch: "main", parent, changes, author: by, message: "m" };
          const error = await failure(repo.write(commit, signal()));
          expect(error.code).toBe("conflict");
          expect(await bare.git("rev-parse", "main")).toBe(moved);
          await repo.close();
        }),
    );

    test("a branch that is reset to an older commit meanwhile is a conflict, too", () =>
      using(async ({ user, url, server, bare }, dir) => {
        const older = await user.commit({ "a.yaml": "1" });
        const parent = await user.commit({ "a.yaml": "2" });
        await publish(user, []);
        const repo = await openIn(dir.path, url);
        server.before = async (request) => {
          if (request.includes("git-receive-pack"))
            await bare.git("update-ref", "refs/heads/main", older);
        };
        const changes = [{ path: "a.yaml", content: Buffer.from("3") }];
        const by = { name: "Grace", email: "g@example.org" };
        const commit = { branch: "main", parent, changes, author: by, message: "m" };
        expect((await failure(repo.write(commit, signal()))).code).toBe("conflict");
        expect(await bare.git("rev-parse", "main")).toBe(older);
        await repo.close();
      }));

    test("a push whose answer is lost is found to have landed", () =>
      using(async ({ user, url, server, bare }, dir) => {
        const parent = await user.commit({ "a.yaml": "a" });
        await publish(user, []);
        const repo = await openIn(dir.path, url);
        server.before = async (request) => {
          server.cutAfterBytes =
            request.startsWith("POST") && request.endsWith("git-receive-pack") ? 0 : undefined;
        };
        const changes = [{ path: "a.yaml", content: Buffer.from("b") }];
        const by = { name: "Grace", email: "g@example.org" };
        const commit = { branch: "main", parent, changes, author: by, message: "m" };
        const made = await repo.write(commit, signal());
        expect(await bare.git("rev-parse", "main")).toBe(made.id);
        await repo.close();
      }));

    test("a server that speaks no Git is not-a-repository", async () => {
      await using dir = await tempDir();
      const server = createServer((_, response) =>
        response.end("<!doctype html>\n<html>\n<p>hello</p>\n</html>\n"),
      );
      await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
      const { port } = server.address() as AddressInfo;
      const repo = await openIn(dir.path, `http://127.0.0.1:${port}/x`);
      expect((await failure(repo.head("main", signal()))).code).toBe("not-a-repository");
      await repo.close();
      await new Promise((resolve) => server.close(resolve));
    });
  });
}
