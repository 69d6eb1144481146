import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { Cluster } from "../support/cluster.ts";
import { mustRun } from "../support/command.ts";
import { eventually } from "../support/eventually.ts";
import { serveGit } from "../support/git-http.ts";

const configMap = (value: string): string =>
  `apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: settings\ndata:\n  value: ${value}\n`;

test("a remote repository is polled; while it is away nothing is stopped, and a rollback is pushed to it", async () => {
  const root = await mkdtemp(join(tmpdir(), "berth-remote-"));
  const bare = join(root, "shop.git");
  await mustRun("git", ["init", "-q", "--bare", "-b", "main", bare]);
  await mustRun("git", ["-C", bare, "config", "http.receivepack", "true"]);
  const cluster = await Cluster.make({ start: false });
  try {
    const { repo } = cluster;
    await repo.git("remote", "add", "origin", bare);
    await repo.write("deploy/settings.yaml", configMap("one"));
    const first = await repo.commit("first");
    await repo.git("push", "-q", "origin", "main");
    const value = (): Promise<string> =>
      cluster.kubectl("get", "configmap", "settings", "-o", "jsonpath={.data.value}");

    let second = "";
    {
      await using server = await serveGit(root);
      const url = `${server.url}/shop.git`;
      const up = await cluster.berth(
        "up",
        "--repo",
        url,
        "--path",
        "deploy",
        "--interval",
        "1",
        "--port",
        String(cluster.port),
      );
      expect(up.output).toContain(`following ${url}, branch main, path deploy`);
      await cluster.untilPhase(first, "Healthy");
      expect(await value()).toBe("one");

      await repo.write("deploy/settings.yaml", configMap("two"));
      second = await repo.commit("second");
      await repo.git("push", "-q", "origin", "main");
      await cluster.untilPhase(second, "Healthy");
      expect(await value()).toBe("two");

      const rollback = await cluster.berth("rollback");
      expect(rollback.output).toContain(`undoes ${second.slice(0, 12)} "second"`);
      await repo.git("fetch", "-q", "origin");
      const third = await repo.git("rev-parse", "origin/main");
      expect(await repo.git("log", "-1", "--format=%s", third)).toBe('Revert "second"');
      await cluster.untilPhase(third, "Healthy");
      expect(await value()).toBe("one");
    }

    // The server is gone now.
    const told = await eventually("the status tells that Git is away", async () => {
      const { output } = await cluster.berth("status");
      if (!output.includes("Git: ")) throw new Error(output);
      return output;
    });
    expect(told).toContain("healthy");
    expect(await value()).toBe("one");
  } finally {
    await cluster[Symbol.asyncDispose]();
    await rm(root, { recursive: true, force: true });
  }
});
