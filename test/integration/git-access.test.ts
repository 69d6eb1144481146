import { execFile } from "node:child_process";
import { readdir, readFile } from "node:fs/promises";
import { createServer } from "node:https";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { promisify } from "node:util";
import { request } from "node:http";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { Access } from "../../src/sync/access.ts";
import type { GitRepository } from "../../src/sync/git.ts";
import { openWithGit } from "../../src/sync/git-binary.ts";
import { openWithIsomorphic } from "../../src/sync/git-isomorphic.ts";
import { failure } from "../support/git-contract.ts";
import { GitUser, type TempDir, tempDir } from "../support/git-fixture.ts";
import { serveGit, type GitHttpServer } from "../support/git-http.ts";
import { type GitSshServer, makeKey, serveSsh } from "../support/git-ssh.ts";

const run = promisify(execFile);
const signal = (): AbortSignal => AbortSignal.timeout(30_000);
const PATIENCE = { timeout: 30_000 };

let dir: TempDir;
let user: GitUser;
let head: string;

beforeAll(async () => {
  dir = await tempDir();
  user = await new GitUser(join(dir.path, "user")).init();
  head = await user.commit({ "a.yaml": "a: 1\n" });
  const bare = await new GitUser(join(dir.path, "served", "repo.git")).init("--bare");
  await bare.git("config", "http.receivepack", "true");
  await user.git("push", "--quiet", bare.dir, "main");
});
afterAll(() => dir[Symbol.asyncDispose]());

function open(repo: string, access: Access, mirrors = "mirrors"): Promise<GitRepository> {
  return openWithGit(repo, { mirrorDir: join(dir.path, mirrors), access }, signal());
}

/** Every byte below a folder. */
async function contents(path: string): Promise<string> {
  const entries = await readdir(path, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile());
  const texts = await Promise.all(
    files.map((file) => readFile(join(file.parentPath, file.name), "latin1")),
  );
  return texts.join("\n");
}

describe("SSH", PATIENCE, () => {
  let ssh: GitSshServer;
  let access: Access;
  beforeAll(async () => {
    ssh = await serveSsh(join(dir.path, "ssh"));
    access = { identity: ssh.identity, knownHosts: ssh.knownHosts };
  });
  afterAll(() => ssh[Symbol.asyncDispose]());

  test("a deploy key and a pinned host key read and write, and leave nothing behind", async () => {
    const url = `${ssh.url}${join(dir.path, "served", "repo.git")}`;
    const repo = await open(url, access, "with spaces'");
    expect((await repo.head("main", signal())).id).toBe(head);
    const made = await repo.write(
      {
        branch: "main",
        parent: head,
        message: "by api",
        author: { name: "Grace", email: "grace@example.org" },
        changes: [{ path: "b.yaml", content: Buffer.from("b: 1\n") }],
      },
      signal(),
    );
    expect((await repo.head("main", signal())).id).toBe(made.id);
    await repo.close();
    expect(await contents(join(dir.path, "with spaces'"))).not.toContain("PRIVATE KEY");
    await user.git("push", "--quiet", "--force", join(dir.path, "served", "repo.git"), "main");
  });

  test("an unknown host key is refused with the cure", async () => {
    await makeKey(join(dir.path, "other"));
    const key = (await readFile(join(dir.path, "other.pub"), "utf8"))
      .split(" ")
      .slice(0, 2)
      .join(" ");
    const place = ssh.knownHosts.split(" ")[0];
    for (const knownHosts of [`elsewhere ${key}\n`, `${place} ${key}\n`]) {
      const repo = await open(`${ssh.url}${join(dir.path, "served/repo.git")}`, {
        ...access,
        knownHosts,
      });
      const error = await failure(repo.head("main", signal()));
      expect(error.code).toBe("host-key");
      expect(error.message).toContain("is not one of the pinned ones; compare it");
      await repo.close();
    }
  });

  test("a key that the server does not know, and one that is none, are refused with the cure", async () => {
    await makeKey(join(dir.path, "stranger"));
    const identity = await readFile(join(dir.path, "stranger"), "utf8");
    for (const wrong of [identity, "not a key\n"]) {
      const repo = await open(`${ssh.url}${join(dir.path, "served/repo.git")}`, {
        ...access,
        identity: wrong,
      });
      const error = await failure(repo.head("main", signal()));
      expect(error.code).toBe("unauthorized");
      expect(error.message).toContain("deploy key of the repository");
      await repo.close();
    }
  });

  test("a repository that is not there is told, and the embedded engine says what to do", async () => {
    const repo = await open(`${ssh.url}/nowhere.git`, access);
    expect((await failure(repo.head("main", signal()))).code).toBe("not-a-repository");
    await repo.close();
    const options = { mirrorDir: join(dir.path, "mirrors"), access };
    const error = await failure(openWithIsomorphic(`${ssh.url}/x.git`, options, signal()));
    expect(error.message).toContain("install git");
  });
});

describe("HTTP(S)", PATIENCE, () => {
  let server: GitHttpServer;
  const secret = { username: "ada", password: "s3cr3t" };
  beforeAll(async () => {
    server = await serveGit(join(dir.path, "served"), secret);
  });
  afterAll(() => server[Symbol.asyncDispose]());

  test("a user and a password of a Secret", async () => {
    const repo = await open(`${server.url}/repo.git`, secret, "http");
    expect((await repo.head("main", signal())).id).toBe(head);
    await repo.close();
    expect(await contents(join(dir.path, "http"))).not.toContain("s3cr3t");
    const wrong = await open(`${server.url}/repo.git`, { ...secret, password: "guess" }, "http");
    const error = await failure(wrong.head("main", signal()));
    expect(error.code).toBe("unauthorized");
    expect(error.message).not.toContain("guess");
    await wrong.close();
  });

  test("a certificate of an authority of one's own, by ca.crt alone", async () => {
    const key = join(dir.path, "tls.key");
    const cert = join(dir.path, "tls.crt");
    const subject = ["-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1"];
    await run("openssl", [
      "req",
      "-x509",
      "-newkey",
      "rsa:2048",
      "-nodes",
      "-days",
      "2",
      "-keyout",
      key,
      "-out",
      cert,
      ...subject,
    ]);
    const ca = await readFile(cert, "utf8");
    const front = createServer({ key: await readFile(key), cert: ca }, (incoming, outgoing) => {
      const { method, url, headers } = incoming;
      const inner = request(`${server.url}${url}`, { method, headers }, (answer) => {
        outgoing.writeHead(answer.statusCode ?? 500, answer.headers);
        answer.pipe(outgoing);
      });
      incoming.pipe(inner);
    });
    await new Promise<void>((resolve) => front.listen(0, "127.0.0.1", resolve));
    const url = `https://127.0.0.1:${(front.address() as AddressInfo).port}/repo.git`;
    const repo = await open(url, { ...secret, ca }, "tls");
    expect((await repo.head("main", signal())).id).toBe(head);
    await repo.close();
    const without = await open(url, secret, "tls");
    expect((await failure(without.head("main", signal()))).code).toBe("unreachable");
    await without.close();
    front.closeAllConnections();
    await new Promise((resolve) => front.close(resolve));
  });
});
