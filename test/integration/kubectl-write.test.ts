import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { silentLogger } from "../../src/base/logger.ts";
import { systemClock } from "../../src/base/system-clock.ts";
import { TunnelError, runTunnel } from "../../src/client/tunnel-client.ts";
import type { TunnelHandler } from "../../src/client/tunnel-client.ts";
import type { ReplicaSet } from "../../src/model/kinds.gen.ts";
import { startTestApi } from "../support/api-server.ts";
import type { ApiUnderTest } from "../support/api-server.ts";
import * as build from "../support/builders.ts";
import { eventually } from "../support/eventually.ts";
import { findKubectls, isAtLeast, openKubectl } from "../support/kubectl.ts";
import type { Kubectl } from "../support/kubectl.ts";

const binaries = await findKubectls();
const SOURCE = "apps/web.yaml:12";

let api: ApiUnderTest;
let set: ReplicaSet;
const stop = new AbortController();
let tunnel: Promise<void>;
beforeAll(async () => {
  api = await startTestApi();
  await api.put(build.namespace("shop"));
  await api.put(build.node({ name: "a" }));
  const deployment = build.deployment({}, { annotations: { "berth.dev/source": SOURCE } });
  const declared = (await api.put(deployment)).object;
  const owned = build.pod({ name: "x", owner: declared }).metadata.ownerReferences ?? [];
  set = (await api.put(build.replicaSet({}, { name: "web-1", ownerReferences: owned })))
    .object as ReplicaSet;
  const spec = { containers: [build.container(), build.container({ name: "side" })] };
  await api.put(build.pod({ name: "talks", owner: set, spec }));
  const { server, ...tls } = await api.credentials("system:node:a", ["system:nodes"]);
  const { signal } = stop;
  tunnel = runTunnel({ server, tls, handler, signal, clock: systemClock, logger: silentLogger });
  await eventually("the node is connected", () => api.server.tunnels.isConnected("a"));
});
afterAll(async () => {
  stop.abort();
  await tunnel;
  await api[Symbol.asyncDispose]();
});

/** Repeats what it is asked, and goes on when it is asked to follow. */
const handler: TunnelHandler = async (request, stream) => {
  if (request.kind !== "logs") throw new TunnelError(501, "only logs");
  if (request.previous) throw new TunnelError(400, `previous terminated container "app" not found`);
  const { container, tailLines, sinceSeconds, timestamps, follow } = request;
  const line = [container, tailLines, sinceSeconds, timestamps]
    .map((item) => item ?? "-")
    .join(" ");
  await stream.write(Buffer.from(`${line}\n`));
  if (!follow) return;
  for (let count = 1; !stream.signal.aborted; count += 1) {
    await stream.write(Buffer.from(`line ${count}\n`));
    await systemClock.sleep(20, stream.signal);
  }
};

const MANIFEST = JSON.stringify({
  apiVersion: "apps/v1",
  kind: "Deployment",
  metadata: { name: "web", namespace: "shop" },
  spec: {
    replicas: 5,
    selector: { matchLabels: { app: "web" } },
    template: {
      metadata: { labels: { app: "web" } },
      spec: { containers: [{ name: "app", image: "app:v2" }] },
    },
  },
});

describe.each(binaries)("kubectl $minor", (binary) => {
  let kubectl: Kubectl;
  beforeAll(async () => {
    kubectl = await openKubectl(binary, await api.kubeconfig());
  });
  afterAll(() => kubectl[Symbol.asyncDispose]());

  test("logs, with what narrows them", async () => {
    const logs = (...args: readonly string[]) =>
      kubectl.run("logs", "-n", "shop", "talks", ...args);
    expect((await logs("-c", "side")).stdout).toBe("side - - false\n");
    const narrowed = await logs("-c", "app", "--tail=5", "--since=1m", "--timestamps");
    expect(narrowed.stdout).toBe("app 5 60 true\n");
    const all = (await logs("--all-containers")).stdout.trim().split("\n");
    expect(new Set(all)).toEqual(new Set(["app - - false", "side - - false"]));
    const previous = await logs("-c", "app", "-p");
    expect(previous).toMatchObject({ code: 1 });
    expect(previous.stderr).toContain(
      `(BadRequest): previous terminated container "app" not found`,
    );
    const unknown = await logs("-c", "chair");
    expect(unknown.stderr).toMatch(/container chair is not valid for pod talks/);
    expect((await kubectl.text("logs", "-n", "shop", "rs/web-1", "-c", "app")).trim()).toBe(
      "app - - false",
    );
  });

  test("logs -f goes on until it is ended", async () => {
    await using following = kubectl.follow("logs", "-n", "shop", "talks", "-c", "app", "-f");
    await following.until(/line 5\n/);
  });

  test.each([
    [["delete", "deploy", "web", "-n", "shop"]],
    [["scale", "deploy/web", "-n", "shop", "--replicas=5"]],
    [["label", "deploy/web", "-n", "shop", "a=b"]],
    [["annotate", "deploy/web", "-n", "shop", "a=b"]],
    [["set", "image", "deploy/web", "-n", "shop", "app=app:v2"]],
    [["rollout", "restart", "deploy/web", "-n", "shop"]],
    [["patch", "deploy", "web", "-n", "shop", "-p", '{"spec":{"replicas":5}}']],
  ])("%j is answered by where to make the change", async (args) => {
    const { code, stderr } = await kubectl.run(...args);
    expect([code, stderr]).toEqual([1, expect.stringContaining(`edit ${SOURCE} and commit it`)]);
    expect(
      api.objects.get({ apiVersion: "apps/v1", kind: "Deployment", namespace: "shop", name: "web" })
        ?.object.metadata.generation,
    ).toBe(1);
  });

  test("apply, create and run too", async () => {
    // Before 1.29 kubectl needs a document that comes with a later version, and says so itself.
    const applies = isAtLeast(binary, 29) ? [["apply"], ["apply", "--server-side"]] : [];
    for (const args of applies) {
      const { code, stderr } = await kubectl.pipe(MANIFEST, ...args, "-f", "-");
      expect([code, stderr]).toEqual([1, expect.stringContaining(`edit ${SOURCE} and commit it`)]);
    }
    for (const args of [
      ["create", "namespace", "other"],
      ["create", "deployment", "x", "--image=y"],
      ["run", "x", "--image=y"],
    ]) {
      const { code, stderr } = await kubectl.run(...args);
      expect([code, stderr]).toEqual([
        1,
        expect.stringContaining("writes are commits: add a manifest"),
      ]);
    }
  });

  test("delete pod ends one that comes back", async () => {
    const name = `ends-${binary.minor}`;
    await api.put(build.pod({ name, owner: set }));
    const text = await kubectl.text("delete", "pod", name, "-n", "shop", "--wait=false");
    expect(text).toContain(`pod "${name}" deleted`);
    const shown = await kubectl.text("get", "pod", name, "-n", "shop", "--no-headers");
    expect(shown).toContain("Terminating");
  });

  test("cordon and uncordon a node", async () => {
    await kubectl.text("cordon", "a");
    expect(await kubectl.text("get", "node", "a", "--no-headers")).toContain(
      "Ready,SchedulingDisabled",
    );
    await kubectl.text("uncordon", "a");
    expect(await kubectl.text("get", "node", "a", "--no-headers")).not.toContain("Disabled");
  });

  test("a person without rights is told so", async () => {
    await using ada = await openKubectl(binary, await api.kubeconfig("ada", ["developers"]));
    const { code, stderr } = await ada.run("get", "pods", "-n", "shop");
    expect([code, stderr]).toEqual([
      1,
      'Error from server (Forbidden): pods is forbidden: User "ada" cannot list resource "pods" in API group "" in the namespace "shop"\n',
    ]);
  });
});
