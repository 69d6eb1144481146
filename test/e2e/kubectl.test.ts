import { spawn } from "node:child_process";
import { delimiter, join } from "node:path";
import { describe, expect, test } from "vitest";
import { ROOT } from "../support/clone.ts";
import type { Cluster } from "../support/cluster.ts";
import { eventually } from "../support/eventually.ts";
import { deploymentText } from "../support/manifests.ts";
import { podsOf } from "../support/observed.ts";
import { useCluster } from "../support/use-cluster.ts";

const TICK = deploymentText({
  name: "tick",
  replicas: 2,
  command:
    "trap 'exit 0' TERM; n=0; while true; do n=$((n+1)); echo tick $n; sleep 1 & wait $!; done",
});
const SERVICE =
  "apiVersion: v1\nkind: Service\nmetadata:\n  name: tick\nspec:\n  type: NodePort\n  selector:\n    app: tick\n  ports:\n    - port: 80\n      nodePort: NODE_PORT\n";
const JOB = `apiVersion: batch/v1
kind: Job
metadata:
  name: once
spec:
  template:
    spec:
      restartPolicy: Never
      containers:
        - name: main
          image: berth.local/busybox:1
          command: ["echo", "done"]
`;

const current = useCluster(() =>
  Promise.resolve({ files: { "tick.yaml": TICK, "service.yaml": SERVICE, "job.yaml": JOB } }),
);

/** Starts a kubectl that does not end by itself; `until` waits for a text in what it prints. */
function follow(
  cluster: Cluster,
  ...args: readonly string[]
): AsyncDisposable & {
  until(pattern: RegExp): Promise<string>;
} {
  const path = [process.env["PATH"] ?? "", join(ROOT, ".tools", "bin")].join(delimiter);
  const env = { ...process.env, PATH: path, KUBECONFIG: cluster.kubeconfig };
  const child = spawn("kubectl", args, { env, stdio: ["ignore", "pipe", "pipe"] });
  let output = "";
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding("utf8").on("data", (text: string) => {
      output += text;
    });
  const closed = new Promise((resolve) => {
    child.on("close", resolve);
  });
  return {
    until: (pattern) =>
      eventually(`kubectl ${args.join(" ")} prints ${pattern.source}`, () => {
        if (pattern.test(output)) return output;
        throw new Error(output);
      }),
    [Symbol.asyncDispose]: async () => {
      child.kill();
      await closed;
    },
  };
}

async function firstLine(...args: readonly string[]): Promise<string> {
  return (
    (await current().kubectl(...args))
      .split("\n")[0]
      ?.trim()
      .replace(/\s{2,}/g, "|") ?? ""
  );
}

describe("kubectl get", () => {
  test("has the columns that users know", async () => {
    const cluster = current();
    await cluster.untilPhase(await cluster.repo.head(), "Healthy");
    const headers: readonly (readonly [string, string])[] = [
      ["nodes", "NAME|STATUS|ROLES|AGE|VERSION"],
      ["pods", "NAME|READY|STATUS|RESTARTS|AGE"],
      ["deployments", "NAME|READY|UP-TO-DATE|AVAILABLE|AGE"],
      ["replicasets", "NAME|DESIRED|CURRENT|READY|AGE"],
      ["services", "NAME|TYPE|CLUSTER-IP|EXTERNAL-IP|PORT(S)|AGE"],
      ["jobs", "NAME|STATUS|COMPLETIONS|DURATION|AGE"],
      ["events", "LAST SEEN|TYPE|REASON|OBJECT|MESSAGE"],
    ];
    for (const [resource, columns] of headers) {
      const header = await firstLine("get", resource);
      expect(`${resource}: ${header.replace("SEEN ", "SEEN|")}`).toContain(columns.split("|")[0]);
      for (const column of columns.split("|")) expect(header).toContain(column);
    }
    expect(await firstLine("get", "pods", "-A")).toMatch(/^NAMESPACE\|NAME/);
    const wide = await firstLine("get", "pods", "-o", "wide");
    for (const column of ["IP", "NODE"]) expect(wide).toContain(column);
    const nodes = await firstLine("get", "nodes", "-o", "wide");
    for (const column of ["INTERNAL-IP", "CONTAINER-RUNTIME"]) expect(nodes).toContain(column);
  });

  test("shows the right things in its rows", async () => {
    const cluster = current();
    const rows = async (resource: string): Promise<string> =>
      await cluster.kubectl("get", resource, "--no-headers");
    expect(await rows("nodes")).toMatch(/^\S+\s+Ready\s/);
    expect(await rows("deployments")).toMatch(/^tick\s+2\/2\s+2\s+2\s/m);
    expect(await rows("replicasets")).toMatch(/^tick-\w+\s+2\s+2\s+2\s/m);
    expect(await rows("services")).toMatch(
      new RegExp(`^tick\\s+NodePort\\s+[\\d.]+\\s+<none>\\s+80:${cluster.nodePort}/TCP`, "m"),
    );
    expect(await rows("jobs")).toMatch(/^once\s+Complete\s+1\/1\s/m);
    expect(await rows("pods")).toMatch(/^once-\w+\s+0\/1\s+Completed\s/m);
    expect(await rows("events")).toMatch(/Scheduled|Started/);
  });

  test("prints json, yaml and names, and knows short names and labels", async () => {
    const cluster = current();
    const list = await cluster.getJson<{ readonly kind: string; readonly items: unknown[] }>(
      "po",
      "-l",
      "app=tick",
    );
    expect(list.kind).toBe("List");
    expect(list.items).toHaveLength(2);
    const yaml = await cluster.kubectl("get", "deploy", "tick", "-o", "yaml");
    expect(yaml).toMatch(/^apiVersion: apps\/v1\nkind: Deployment\n/);
    expect(await cluster.kubectl("get", "svc", "-o", "name")).toContain("service/tick");
  });

  test("-w sees a commit arrive", async () => {
    const cluster = current();
    await using watch = follow(cluster, "get", "pods", "-w", "-l", "app=tick");
    await watch.until(/tick-/);
    const commit = await cluster.repo.edit("tick.yaml", "replicas: 2", "replicas: 3");
    const before = await podsOf(cluster, "tick");
    await cluster.untilPhase(commit, "Healthy");
    const known = new Set(before.map(({ metadata }) => metadata.name));
    const added = (await podsOf(cluster, "tick")).find(({ metadata }) => !known.has(metadata.name));
    const name = added?.metadata.name ?? before.at(-1)?.metadata.name ?? "?";
    await watch.until(new RegExp(`${name}\\s+1/1\\s+Running`));
  });

  test("says NotFound for what is not there", async () => {
    const { code, stderr } = await current().tryKubectl("get", "pod", "nobody");
    expect(code).toBe(1);
    expect(stderr).toContain('pods "nobody" not found');
  });
});

describe("kubectl describe and logs", () => {
  test("describe shows a pod with its events, a deployment, a node, a service", async () => {
    const cluster = current();
    const [pod] = await podsOf(cluster, "tick");
    const name = pod?.metadata.name ?? "";
    const text = await cluster.kubectl("describe", "pod", name);
    expect(text).toMatch(new RegExp(`^Name:\\s+${name}`));
    expect(text).toMatch(/Events:[\s\S]*Started/);
    expect(await cluster.kubectl("describe", "deployment", "tick")).toMatch(
      /Replicas:\s+3 desired/,
    );
    expect(await cluster.kubectl("describe", "nodes")).toMatch(/Ready\s+True/);
    expect(await cluster.kubectl("describe", "service", "tick")).toMatch(/Type:\s+NodePort/);
  });

  test("logs prints, ends with --tail, and follows with -f", async () => {
    const cluster = current();
    const [pod] = await podsOf(cluster, "tick");
    const name = pod?.metadata.name ?? "";
    expect(await cluster.kubectl("logs", name)).toMatch(/^tick 1\n/);
    expect((await cluster.kubectl("logs", name, "--tail=1")).trim().split("\n")).toHaveLength(1);
    await using logs = follow(cluster, "logs", "-f", name, "--tail=0");
    const first = await logs.until(/tick (\d+)\n/);
    const next = Number(/tick (\d+)/.exec(first)?.[1]) + 1;
    await logs.until(new RegExp(`tick ${next}\n`));
    expect(await cluster.kubectl("logs", "job/once")).toBe("done\n");
  });

  test("a client without a certificate is turned away", async () => {
    const cluster = current();
    const { code, output } = await cluster.tryKubectl(
      "get",
      "pods",
      "--server",
      `https://127.0.0.1:${cluster.port}`,
      "--kubeconfig=/dev/null",
      "--insecure-skip-tls-verify",
    );
    expect(code).not.toBe(0);
    expect(output).not.toContain("tick");
  });
});
