import { createHmac } from "node:crypto";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { request } from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import type { App, Release } from "../../src/model/kinds.gen.ts";
import { Cluster } from "../support/cluster.ts";
import { mustRun } from "../support/command.ts";
import { eventually } from "../support/eventually.ts";
import { serveGit } from "../support/git-http.ts";

const SECRET = { username: "ada", password: "s3cr3t-token" };
const HOOK = "correct horse battery staple";

const configMap = (name: string, value: string): string =>
  `apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: ${name}\ndata:\n  value: "${value}"\n`;

const childApp = (name: string, repo: string, more = ""): string =>
  `apiVersion: berth.dev/v1
kind: App
metadata:
  name: ${name}
spec:
  repo: ${repo}
  path: apps/${name}
  intervalSeconds: 3600
  secretRef: { name: root-git }
  webhookSecretRef: { name: hook }
${more}`;

function post(port: number, body: string, headers: Record<string, string>): Promise<number> {
  return new Promise((resolve, reject) => {
    const options = { method: "POST", headers, rejectUnauthorized: false };
    const call = request(`https://127.0.0.1:${port}/webhooks/git`, options, (response) => {
      response.resume();
      response.on("end", () => resolve(response.statusCode ?? 0));
    });
    call.on("error", reject);
    call.end(body);
  });
}

test("Apps in an App: credentials, webhooks, a bad commit and its fix, and the removal of one", async () => {
  const root = await mkdtemp(join(tmpdir(), "berth-apps-"));
  const bare = join(root, "shop.git");
  await mustRun("git", ["init", "-q", "--bare", "-b", "main", bare]);
  await writeFile(join(root, "password"), `${SECRET.password}\n`);
  await using server = await serveGit(root, SECRET);
  const url = `${server.url}/shop.git`;
  const cluster = await Cluster.make({ start: false });
  try {
    const { repo } = cluster;
    const push = async (message: string): Promise<string> => {
      const id = await repo.commit(message);
      await repo.git("push", "-q", "origin", "main");
      return id;
    };
    await repo.git("remote", "add", "origin", bare);
    await repo.write("root/one.yaml", childApp("one", url));
    await repo.write("root/two.yaml", childApp("two", url, "  dependsOn: [{ name: one }]\n"));
    await repo.write("apps/one/a.yaml", configMap("one", "1"));
    await repo.write("apps/two/a.yaml", configMap("two", "1"));
    await push("first");

    const flags = ["--repo", url, "--path", "root", "--interval", "3600"];
    const login = [
      "--git-username",
      SECRET.username,
      "--git-password-file",
      join(root, "password"),
    ];
    const up = await cluster.berth("up", ...flags, ...login, "--port", String(cluster.port));
    expect(up.output).toContain("ready");
    const value = (name: string): Promise<string> =>
      cluster.kubectl("get", "configmap", name, "-o", "jsonpath={.data.value}");
    const app = async (name: string): Promise<App> =>
      JSON.parse(await cluster.kubectl("get", "app", name, "-o", "json")) as App;
    const release = async (name: string): Promise<Release["status"]> => {
      const found = (await app(name)).status?.release ?? "none";
      return (JSON.parse(await cluster.kubectl("get", "release", found, "-o", "json")) as Release)
        .status;
    };
    await eventually("the Apps are there", async () => (await value("two")) === "1", 30_000);

    // The token of the webhooks is in a Secret that people write.
    await cluster.kubectl(
      "-n",
      "berth-system",
      "create",
      "secret",
      "generic",
      "hook",
      `--from-literal=token=${HOOK}`,
    );
    const body = JSON.stringify({ repository: { clone_url: url } });
    const signature = createHmac("sha256", HOOK).update(body).digest("hex");
    const signed = { "x-hub-signature-256": `sha256=${signature}` };
    const until = (what: string, isSo: () => Promise<boolean>): Promise<boolean> =>
      eventually(what, isSo, 30_000);
    const before = server.requests.length;
    expect(await post(cluster.port, `${body} `, signed)).toBe(401);
    expect(server.requests).toHaveLength(before);

    await repo.write("apps/one/a.yaml", "kind: [");
    await repo.write("apps/two/a.yaml", configMap("two", "2"));
    await push("bad");
    expect(await post(cluster.port, body, signed)).toBe(202);
    await until("one is Rejected", async () => (await release("one")).phase === "Rejected");
    await until("two waits", async () => (await release("two")).phase === "Pending");
    expect([await value("one"), await value("two")]).toEqual(["1", "1"]);

    await repo.write("apps/one/a.yaml", configMap("one", "2"));
    await push("fix");
    expect(await post(cluster.port, body, signed)).toBe(202);
    await until("the fix is there", async () => (await value("two")) === "2");
    const conversations = server.requests
      .slice(before)
      .filter((entry) => entry.includes("info/refs"));
    // Two webhooks, three Apps, one repository: a listing and a fetch for each commit.
    expect(conversations.length).toBeLessThanOrEqual(6);

    await repo.remove("root/two.yaml");
    await push("remove two\n\nAllow-Prune: root");
    expect((await cluster.berth("status")).output).toMatch(/\btwo\b/);
    await cluster.kubectl(
      "patch",
      "app",
      "root",
      "--type=merge",
      "-p",
      '{"spec":{"intervalSeconds":1}}',
    );
    await until("two is gone", async () => {
      const names = await cluster.kubectl("get", "apps,configmaps", "-o", "name");
      return !names.includes("two");
    });
    expect(await value("one")).toBe("2");
    const logs = await readFile(join(cluster.dataDir, "log", "control-plane.log"), "utf8");
    expect(logs).not.toContain(SECRET.password);
    expect(logs).not.toContain(HOOK);
  } finally {
    await cluster[Symbol.asyncDispose]();
    await rm(root, { recursive: true, force: true });
  }
});
