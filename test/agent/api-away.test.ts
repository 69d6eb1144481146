import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { expect, test } from "vitest";
import { ApiError } from "../../src/client/client.ts";
import type { ConfigMap, Secret, Volume } from "../../src/model/kinds.gen.ts";
import { apiConfigSource } from "../../src/agent/config-source.ts";
import { isReady } from "./agent-harness.ts";
import { FakeApi } from "./fake-api.ts";
import { openFakeNode, type FakeNode } from "./fake-node.ts";
import { pod } from "./pod-builder.ts";

const SIGNAL = new AbortController().signal;
const SECRET_ENV = {
  name: "WORD",
  valueFrom: { secretKeyRef: { name: "password", key: "word" } },
} as const;

/** The API answers, but for Secrets. */
function withholdSecrets({ harness }: FakeNode): () => void {
  const get = harness.api.get.bind(harness.api);
  harness.api.get = (ref) =>
    ref.kind === "Secret"
      ? Promise.reject(new ApiError(0, "Unreachable", "the API is away"))
      : get(ref);
  return () => {
    harness.api.get = get;
  };
}

test.for<{ readonly how: string; readonly volumes?: readonly Volume[]; readonly env?: boolean }>([
  { how: "in its environment", env: true },
  { how: "in a volume", volumes: [{ name: "v", secret: { secretName: "password" } } as Volume] },
])(
  "a pod that needs a Secret $how says what it waits for, then starts",
  async ({ volumes, env }) => {
    await using node = await openFakeNode();
    const { harness } = node;
    harness.secret("password", { word: "sesame" });
    const giveBack = withholdSecrets(node);
    const wanted = pod({
      containers: [env === true ? { env: [SECRET_ENV] } : {}],
      ...(volumes === undefined ? {} : { volumes }),
    });
    harness.api.put(wanted);
    harness.api.put(pod({ name: "other" }));
    harness.start();
    await node.passUntil("it waits", () => {
      const reason = harness.container()?.state.waiting?.reason;
      return reason === "SecretsUnavailable";
    });
    await node.passUntil("the other one is Ready", () => isReady(harness.pod("other") ?? wanted));
    giveBack();
    await node.passUntil("it is Ready", () => isReady(harness.pod() ?? wanted));
  },
);

test("ConfigMaps are remembered across a restart, Secrets are not, and never reach the disk", async () => {
  await using node = await openFakeNode();
  const { harness } = node;
  harness.secret("password", { word: "sesame" });
  harness.config("settings", { color: "blue" });
  const env = [
    SECRET_ENV,
    { name: "COLOR", valueFrom: { configMapKeyRef: { name: "settings", key: "color" } } },
  ];
  harness.api.put(pod({ containers: [{ env }] }));
  harness.start();
  await node.reach("Ready", () => isReady(harness.pod() ?? pod()));
  await node.pass(1_000);
  await harness.stop();
  const text = await readFile(join(harness.stateDir, "objects.json"), "utf8");
  expect(Object.keys(JSON.parse(text) as object)).toEqual(["ConfigMap/shop/settings"]);
  for (const file of ["objects.json", "pods.json", "node.json"]) {
    const content = await readFile(join(harness.stateDir, file), "utf8");
    expect(content).not.toContain(Buffer.from("sesame").toString("base64"));
  }
});

test("what was remembered serves while the API is away; what is deleted is forgotten", async () => {
  const api = new FakeApi();
  const ref = { kind: "ConfigMap", name: "settings" } as const;
  const settings: ConfigMap = {
    apiVersion: "v1",
    kind: "ConfigMap",
    metadata: { name: "settings", namespace: "shop" },
    data: { color: "blue" },
  };
  api.put(settings);
  const disk = new Map<string, unknown>();
  expect(await apiConfigSource(api, disk).read("shop", ref, SIGNAL)).toMatchObject(settings);
  api.away = true;
  // Another agent, with the same disk.
  const later = apiConfigSource(api, disk);
  expect(await later.read("shop", ref, SIGNAL)).toMatchObject(settings);
  const secret: Pick<Secret, "kind"> & { readonly name: string } = { kind: "Secret", name: "s" };
  await expect(later.read("shop", secret, SIGNAL)).rejects.toMatchObject({
    reason: "SecretsUnavailable",
  });
  api.away = false;
  api.erase({ apiVersion: "v1", kind: "ConfigMap", namespace: "shop", name: "settings" });
  expect(await later.read("shop", ref, SIGNAL)).toBeUndefined();
  expect([...disk.keys()]).toEqual([]);
});
