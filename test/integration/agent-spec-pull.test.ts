import { expect, test } from "vitest";
import { openDockerRuntime } from "../../src/agent/docker-runtime.ts";
import type { Secret } from "../../src/model/kinds.gen.ts";
import { NAMESPACE, pod } from "../agent/pod-builder.ts";
import { openDockerCluster, type DockerCluster } from "../support/docker-cluster.ts";
import { openDockerRegistry, pushImage } from "../support/docker-registry.ts";
import { ensureTestImage } from "../support/test-image.ts";

function putPassword({ harness }: DockerCluster, place: string, password: string): void {
  const auths = { [place]: { username: "berth", password } };
  harness.api.put<Secret>({
    apiVersion: "v1",
    kind: "Secret",
    type: "kubernetes.io/dockerconfigjson",
    metadata: { name: "registry", namespace: NAMESPACE },
    data: { ".dockerconfigjson": Buffer.from(JSON.stringify({ auths })).toString("base64") },
  });
}

test("an image of a registry that asks for a password comes with the pod's secret only", async () => {
  const signal = AbortSignal.timeout(60_000);
  const runtime = await openDockerRuntime({}, signal);
  await using registry = await openDockerRegistry();
  const base = await ensureTestImage(runtime, signal);
  runtime.close();
  await using pushed = await pushImage(registry, { image: base, name: "team/app:1" });
  await using cluster = await openDockerCluster();
  const { harness } = cluster;
  const image = pushed.reference;
  const containers = [{ command: ["sleep", "1000"] }];
  const imagePullSecrets = [{ name: "registry" }];
  putPassword(cluster, registry.host, "wrong");
  harness.api.put(pod({ name: "wrong", image, imagePullSecrets, containers }));
  await harness.until(
    "it is refused",
    () => harness.container("wrong")?.state.waiting?.reason === "ErrImagePull",
    "wrong",
  );
  expect(harness.container("wrong")?.state.waiting?.message).toMatch(
    /unauthorized|no basic auth credentials|denied/,
  );
  putPassword(cluster, `https://${registry.host}/team`, "s3cret");
  harness.api.put(pod({ name: "right", image, imagePullSecrets, containers }));
  await harness.untilReady("right");
});

test("a secret that is not there is told of; the image is tried without", async () => {
  await using cluster = await openDockerCluster();
  const { harness, image } = cluster;
  harness.api.put(
    pod({
      image: "127.0.0.1:1/none:1",
      imagePullSecrets: [{ name: "none" }],
      containers: [{ command: ["sleep", "1000"] }, { name: "here", image }],
    }),
  );
  await harness.untilTold(
    "Unable to retrieve some image pull secrets (none); attempting to pull the image may not succeed.",
  );
  await harness.until(
    "tried",
    () => harness.container("web", "app")?.state.waiting?.reason === "RegistryUnavailable",
  );
});
