import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { UNMANAGED_ANNOTATION } from "../../src/model/app.ts";
import type { Pod } from "../../src/model/kinds.gen.ts";
import { refOf } from "../../src/model/meta.ts";
import * as build from "../support/builders.ts";
import { rawRequest } from "../support/api-request.ts";
import { isSameJson } from "../../src/base/same-json.ts";
import { systemClock } from "../../src/base/system-clock.ts";
import { runCommand } from "../support/command.ts";
import { eventually } from "../support/eventually.ts";
import { findKubectls, openKubectl, type Kubectl } from "../support/kubectl.ts";
import { openStreamBed, type StreamBed } from "../support/stream-bed.ts";

const binaries = await findKubectls();

let bed: StreamBed;
let folder: string;
let unsubscribe: () => void;
const stop = new AbortController();
let statuses: Promise<void>;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "berth-debug-"));
  bed = await openStreamBed();
  const { metadata, ...shop } = build.namespace("shop");
  const annotations = { [UNMANAGED_ANNOTATION]: "true" };
  await bed.api.put({ ...shop, metadata: { ...metadata, annotations } });
  // As in every pod that an API has made: kubectl counts on it.
  const securityContext = {};
  await bed.run({
    name: "web",
    containers: [{ command: ["sleep", "4713"] }],
    securityContext,
    terminationGracePeriodSeconds: 1,
  });
  await writeFile(join(folder, "kubeconfig"), await bed.api.kubeconfig());
  unsubscribe = bed.api.objects.subscribe(({ object, previous }) => toAgent(object, previous));
  statuses = followStatus();
});
afterAll(async () => {
  unsubscribe?.();
  stop.abort();
  await statuses?.catch(() => undefined);
  await bed?.[Symbol.asyncDispose]();
  await rm(folder, { recursive: true, force: true });
});

/** What the agent sees is another API: what is added to the pod goes there, and what it says of it comes back. */
function toAgent(object: { readonly kind: string }, previous: unknown): void {
  if (object.kind !== "Pod") return;
  const { spec, metadata } = object as Pod;
  const before = (previous as Pod | undefined)?.spec.ephemeralContainers ?? [];
  if (before.length === (spec.ephemeralContainers ?? []).length) return;
  const current = bed.cluster.harness.pod(metadata.name);
  if (current !== undefined) bed.cluster.harness.api.put({ ...current, spec });
}

async function followStatus(): Promise<void> {
  const { harness } = bed.cluster;
  while (!stop.signal.aborted) {
    const pod = harness.pod("web");
    const stored = pod && bed.api.objects.get(refOf(pod))?.object;
    if (stored !== undefined && !isSameJson(pod?.status, (stored as Pod).status))
      await bed.api.objects.updateStatus({ ...stored, status: pod?.status } as Pod);
    await systemClock.sleep(50, stop.signal);
  }
}

describe.each(binaries)("kubectl $minor", ({ path, minor }) => {
  const name = `debug-${minor.replace(".", "-")}`;
  let kubectl: Kubectl;
  beforeAll(async () => {
    kubectl = await openKubectl({ path, minor }, await bed.api.kubeconfig());
  });
  afterAll(() => kubectl[Symbol.asyncDispose]());

  test("debug -it --target looks at the processes of a running container", async () => {
    const { image } = bed.cluster;
    const shell = `echo see $(ps | grep -c "sleep 471[3]"); echo bye; exit 5`;
    const line = `${path} debug -it -n shop web --image=${image} --target=app -c ${name} --image-pull-policy=Never -- sh -c '${shell}'`;
    const answer = await runCommand("script", ["-qefc", line, join(folder, name)], {
      env: { ...process.env, KUBECONFIG: join(folder, "kubeconfig"), SHELL: "/bin/sh" },
      timeoutMs: 25_000,
    });
    expect(answer.output).toContain(`Targeting container "app"`);
    const ended = await eventually("its end is told", () => {
      const stored = bed.api.objects.get(refOf(bed.cluster.harness.pod("web") as Pod))
        ?.object as Pod;
      const found = stored.status?.ephemeralContainerStatuses?.find((one) => one.name === name);
      if (found?.state.terminated === undefined)
        throw new Error(JSON.stringify(found ?? answer.output));
      return found;
    });
    expect(ended).toMatchObject({
      ready: false,
      restartCount: 0,
      state: { terminated: { exitCode: 5 } },
    });
    const logs = await kubectl.text("logs", "-n", "shop", "web", "-c", name);
    expect(logs.replaceAll("\r", "")).toBe("see 1\nbye\n");
  });

  test("exec goes into it, and it cannot be taken away", async () => {
    const { image } = bed.cluster;
    const idle = `${name}-idle`;
    const added = await kubectl.run(
      ...`debug -n shop web --image=${image} -c ${idle} --image-pull-policy=Never -- sleep 4714`.split(
        " ",
      ),
    );
    expect(added.code).toBe(0);
    await bed.cluster.harness.until("it runs", (pod) =>
      (pod.status?.ephemeralContainerStatuses ?? []).some(
        (one) => one.name === idle && one.state.running !== undefined,
      ),
    );
    const host = await kubectl.text(..."exec -n shop web -c".split(" "), idle, "--", "hostname");
    expect(host).toBe("web\n");
    const patch = JSON.stringify([{ op: "remove", path: "/spec/ephemeralContainers" }]);
    const refused = await rawRequest(await bed.api.credentials("ada", ["system:masters"]), {
      method: "PATCH",
      path: "/api/v1/namespaces/shop/pods/web/ephemeralcontainers",
      headers: { "Content-Type": "application/json-patch+json" },
      body: patch,
    });
    expect(refused.json).toMatchObject({
      code: 422,
      message: expect.stringContaining(
        `existing ephemeral containers "${name}" may not be removed`,
      ),
    });
  });
});
