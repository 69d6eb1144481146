import { expect, test } from "vitest";
import { DockerConnection } from "../../src/agent/docker-connection.ts";
import { pullImage } from "../../src/agent/docker-images.ts";
import { openDockerRuntime } from "../../src/agent/docker-runtime.ts";
import { ImagePuller } from "../../src/agent/image-puller.ts";
import type { ContainerRuntime, PullProgress, RegistryAuth } from "../../src/agent/runtime.ts";
import { digestOfImageId, PINS_ANNOTATION, writePins } from "../../src/model/image-pins.ts";
import type { Secret } from "../../src/model/kinds.gen.ts";
import { container, NAMESPACE, pod } from "../agent/pod-builder.ts";
import { runCommand } from "../support/command.ts";
import { openDockerCluster } from "../support/docker-cluster.ts";
import { openDockerRegistry, pushImage } from "../support/docker-registry.ts";
import { openFlakyProxy, type FlakyProxy } from "../support/flaky-proxy.ts";
import { makeImage } from "../support/made-image.ts";
import { ManualClock } from "../support/manual-clock.ts";

const AUTH: Omit<RegistryAuth, "serverAddress"> = { username: "berth", password: "s3cret" };

/** A registry with one image, seen through a proxy that can be told to fail. */
async function openFlaky(): Promise<
  AsyncDisposable & {
    readonly proxy: FlakyProxy;
    readonly runtime: ContainerRuntime;
    readonly image: string;
    readonly auth: RegistryAuth;
    readonly signal: AbortSignal;
  }
> {
  await using stack = new AsyncDisposableStack();
  const signal = AbortSignal.timeout(60_000);
  const runtime = stack.adopt(await openDockerRuntime({}, signal), (one) => one.close());
  const registry = stack.use(await openDockerRegistry());
  await makeImage(registry, { name: "team/app", tag: "1", sizeBytes: 2_000_000 });
  const proxy = stack.use(await openFlakyProxy(registry.host));
  const image = `${proxy.host}/team/app:1`;
  stack.defer(() => removeImage(image));
  const owned = stack.move();
  return {
    proxy,
    runtime,
    image,
    auth: { ...AUTH, serverAddress: proxy.host },
    signal,
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

async function removeImage(image: string): Promise<void> {
  const env = { ...process.env, DOCKER_API_VERSION: "1.41" };
  await runCommand("docker", ["rmi", "--force", image], { env });
}

test("a registry out of order is told as such, waited for, and asked again", async () => {
  await using flaky = await openFlaky();
  const { proxy, runtime, image, auth, signal } = flaky;
  const clock = new ManualClock();
  const puller = new ImagePuller({ runtime, clock, signal });
  const told: string[] = [];
  const ensure = () =>
    puller.ensure(container({ image }), signal, {
      tell: (_, reason, message) => void told.push(`${reason}: ${message}`),
      readAuths: () => Promise.resolve([auth]),
    });
  proxy.fault = () => ({ kind: "status", code: 503 });
  expect(await ensure()).toMatchObject({ kind: "failed", reason: "RegistryUnavailable" });
  const asked = proxy.paths.length;
  expect(await ensure()).toMatchObject({ kind: "failed", reason: "RegistryUnavailable" });
  expect(proxy.paths).toHaveLength(asked);
  await clock.advance(10_000);
  proxy.fault = () => undefined;
  expect(await ensure()).toMatchObject({ kind: "present" });
  expect(told.at(-1)).toMatch(
    /^Pulled: Successfully pulled image ".*" in .*s \(.*s including waiting\)\. Image size: \d+ bytes\.$/,
  );
});

test("a body that breaks off is gone on with; one that stalls ends the pull", async () => {
  await using flaky = await openFlaky();
  const { proxy, runtime, image, auth, signal } = flaky;
  const docker = new DockerConnection("/var/run/docker.sock", "1.41");
  const isBlob = (path: string): boolean => path.includes("/blobs/");
  try {
    proxy.fault = (path) => (isBlob(path) ? { kind: "stall", afterBytes: 100_000 } : undefined);
    const stalled = pullImage(docker, { reference: image, auth, noProgressLimitMs: 1500 }, signal);
    await expect(stalled).rejects.toThrow(/no progress for 1\.5 s/);
    expect(await runtime.image(image, signal)).toBeUndefined();

    let cuts = 0;
    proxy.fault = (path) =>
      isBlob(path) && cuts++ === 0 ? { kind: "cut", afterBytes: 1_000_000 } : undefined;
    const progress: PullProgress[] = [];
    const onProgress = (one: PullProgress): void => void progress.push(one);
    await pullImage(docker, { reference: image, auth, onProgress }, signal);
    expect(cuts).toBeGreaterThan(1);
    expect(await runtime.image(image, signal)).toBeDefined();
    const last = progress.at(-1);
    expect(last?.totalBytes).toBeGreaterThan(0);
    expect(last?.doneBytes).toBe(last?.totalBytes);
  } finally {
    docker.close();
  }
});

test("a pod of an earlier release runs what its tag meant then, whatever it means now", async () => {
  await using registry = await openDockerRegistry();
  await using after = new AsyncDisposableStack();
  await using cluster = await openDockerCluster();
  const { harness, image: base, signal } = cluster;
  await using first = await pushImage(registry, { image: base, name: "team/app:1" });
  const auths = { [registry.host]: AUTH };
  const { reference: image } = first;
  harness.api.put<Secret>({
    apiVersion: "v1",
    kind: "Secret",
    type: "kubernetes.io/dockerconfigjson",
    metadata: { name: "registry", namespace: NAMESPACE },
    data: { ".dockerconfigjson": Buffer.from(JSON.stringify({ auths })).toString("base64") },
  });
  const spec = {
    imagePullSecrets: [{ name: "registry" }],
    image,
    containers: [{ image, imagePullPolicy: "Always" as const, command: ["sleep", "1000"] }],
  };
  const digestOf = async (name: string, annotations: Readonly<Record<string, string>> = {}) => {
    const made = pod({ name, ...spec });
    harness.api.put({ ...made, metadata: { ...made.metadata, annotations } });
    await harness.untilReady(name);
    return digestOfImageId(harness.container(name)?.imageID ?? "");
  };
  const before = await digestOf("before");
  expect(before).toMatch(/^sha256:/);

  // The tag moves.
  const changed = `berth.local/moved:${cluster.clusterId}`;
  const env = { ...process.env, DOCKER_API_VERSION: "1.41" };
  const id = (harness.container("before")?.containerID ?? "").replace("docker://", "");
  await runCommand("docker", ["commit", "--change", "LABEL moved=1", id, changed], { env });
  await using moved = await pushImage(registry, { image: changed, name: "team/app:1" });
  await removeImage(changed);
  expect(moved.reference).toBe(image);
  after.defer(() => removeImage(image));
  const now = await digestOf("now");
  for (const digest of [before, now])
    after.defer(() => removeImage(`${registry.host}/team/app@${digest ?? ""}`));
  expect(now).not.toBe(before);

  const pins = { [PINS_ANNOTATION]: writePins({ [image]: before ?? "" }) };
  expect(await digestOf("reverted", pins)).toBe(before);
  const kept = await cluster.runtime.image(`${registry.host}/team/app@${before ?? ""}`, signal);
  expect(kept).toBeDefined();
});
