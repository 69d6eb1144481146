import { describe, expect, test } from "vitest";
import { envReferences, expand, resolveEnv, type EnvSources } from "../../src/agent/env.ts";
import type { ConfigMap, Container, Secret } from "../../src/model/kinds.gen.ts";
import { container, pod } from "./pod-builder.ts";

const configMap: ConfigMap = {
  apiVersion: "v1",
  kind: "ConfigMap",
  metadata: { name: "settings", namespace: "shop" },
  data: { COLOR: "blue", "a=b": "never" },
};
const secret: Secret = {
  apiVersion: "v1",
  kind: "Secret",
  type: "Opaque",
  metadata: { name: "keys", namespace: "shop" },
  data: { TOKEN: Buffer.from("s3cret").toString("base64") },
};
const sources: EnvSources = {
  pod: pod({ labels: { "app.kubernetes.io/name": "web" }, annotations: { note: "hi" } }),
  podIp: "10.0.0.2",
  hostIp: "192.168.0.1",
  allocatable: { cpuMillis: 2000, memoryBytes: 1024 ** 3, ephemeralBytes: 10 * 1024 ** 3 },
  configMap: (name) => (name === "settings" ? configMap : undefined),
  secret: (name) => (name === "keys" ? secret : undefined),
};

const CASES: readonly {
  readonly name: string;
  readonly env: Pick<Container, "env" | "envFrom" | "resources">;
  readonly gives: readonly string[] | string;
}[] = [
  { name: "a value", env: { env: [{ name: "A", value: "1" }] }, gives: ["A=1"] },
  {
    name: "a request of the container, in whole units, rounded up",
    env: {
      resources: { requests: { cpu: "250m" }, limits: { memory: "67633152" } },
      env: [
        {
          name: "CPU",
          valueFrom: { resourceFieldRef: { resource: "requests.cpu", divisor: "0" } },
        },
        { name: "M", valueFrom: { resourceFieldRef: { resource: "requests.cpu", divisor: "1m" } } },
        {
          name: "MEM",
          valueFrom: { resourceFieldRef: { resource: "limits.memory", divisor: "1Mi" } },
        },
      ],
    },
    gives: ["CPU=1", "M=250", "MEM=65"],
  },
  {
    name: "a limit that is not set is what the node can give",
    env: {
      env: [
        { name: "CPU", valueFrom: { resourceFieldRef: { resource: "limits.cpu" } } },
        {
          name: "DISK",
          valueFrom: { resourceFieldRef: { resource: "limits.ephemeral-storage", divisor: "1Gi" } },
        },
        { name: "ASKED", valueFrom: { resourceFieldRef: { resource: "requests.memory" } } },
      ],
    },
    gives: ["CPU=2", "DISK=10", "ASKED=0"],
  },
  {
    name: "a container of another name",
    env: {
      env: [
        {
          name: "A",
          valueFrom: { resourceFieldRef: { containerName: "x", resource: "limits.cpu" } },
        },
      ],
    },
    gives: "container x not found",
  },
  { name: "no value is empty", env: { env: [{ name: "A" }] }, gives: ["A="] },
  {
    name: "a reference to an earlier variable",
    env: {
      env: [
        { name: "A", value: "1" },
        { name: "B", value: "$(A)2" },
      ],
    },
    gives: ["A=1", "B=12"],
  },
  {
    name: "a reference to a later variable stays",
    env: {
      env: [
        { name: "B", value: "$(A)" },
        { name: "A", value: "1" },
      ],
    },
    gives: ["B=$(A)", "A=1"],
  },
  {
    name: "an escaped reference",
    env: {
      env: [
        { name: "A", value: "1" },
        { name: "B", value: "$$(A)" },
      ],
    },
    gives: ["A=1", "B=$(A)"],
  },
  {
    name: "envFrom with a prefix, impossible names left out",
    env: { envFrom: [{ prefix: "P_", configMapRef: { name: "settings" } }] },
    gives: ["P_COLOR=blue"],
  },
  {
    name: "env overrides envFrom",
    env: {
      envFrom: [{ configMapRef: { name: "settings" } }],
      env: [{ name: "COLOR", value: "not $(COLOR)" }],
    },
    gives: ["COLOR=not blue"],
  },
  {
    name: "a secret as a whole",
    env: { envFrom: [{ secretRef: { name: "keys" } }] },
    gives: ["TOKEN=s3cret"],
  },
  {
    name: "one key of a secret",
    env: { env: [{ name: "T", valueFrom: { secretKeyRef: { name: "keys", key: "TOKEN" } } }] },
    gives: ["T=s3cret"],
  },
  {
    name: "one key of a config map",
    env: {
      env: [{ name: "C", valueFrom: { configMapKeyRef: { name: "settings", key: "COLOR" } } }],
    },
    gives: ["C=blue"],
  },
  {
    name: "a missing config map",
    env: { env: [{ name: "C", valueFrom: { configMapKeyRef: { name: "none", key: "COLOR" } } }] },
    gives: 'configmap "none" not found',
  },
  {
    name: "a missing secret",
    env: { envFrom: [{ secretRef: { name: "none" } }] },
    gives: 'secret "none" not found',
  },
  {
    name: "a missing key",
    env: { env: [{ name: "C", valueFrom: { secretKeyRef: { name: "keys", key: "X" } } }] },
    gives: "couldn't find key X in Secret shop/keys",
  },
  {
    name: "a missing optional key is left out",
    env: {
      env: [{ name: "C", valueFrom: { secretKeyRef: { name: "keys", key: "X", optional: true } } }],
    },
    gives: [],
  },
  {
    name: "a missing optional object is left out",
    env: { envFrom: [{ configMapRef: { name: "none", optional: true } }] },
    gives: [],
  },
  ...[
    ["metadata.name", "web"],
    ["metadata.namespace", "shop"],
    ["metadata.uid", "web-uid"],
    ["metadata.labels['app.kubernetes.io/name']", "web"],
    ["metadata.annotations['note']", "hi"],
    ["metadata.labels['none']", ""],
    ["spec.nodeName", "node-a"],
    ["status.podIP", "10.0.0.2"],
    ["status.hostIP", "192.168.0.1"],
  ].map(([fieldPath = "", value]) => ({
    name: `field ${fieldPath}`,
    env: { env: [{ name: "F", valueFrom: { fieldRef: { fieldPath } } }] },
    gives: [`F=${value}`],
  })),
  {
    name: "an unknown field",
    env: { env: [{ name: "F", valueFrom: { fieldRef: { fieldPath: "spec.x" } } }] },
    gives: "unsupported fieldPath: spec.x",
  },
];

describe("resolveEnv()", () => {
  test.for(CASES)("$name", ({ env, gives }) => {
    const result = resolveEnv(container(env), sources);
    const shown =
      result.kind === "missing"
        ? result.message
        : [...result.env].map(([name, value]) => `${name}=${value}`);
    expect(shown).toEqual(gives);
  });
});

test("envReferences() names every object once per use", () => {
  const refs = envReferences(
    container({
      envFrom: [{ configMapRef: { name: "a" } }, { secretRef: { name: "b" } }],
      env: [
        { name: "X", valueFrom: { secretKeyRef: { name: "c", key: "k" } } },
        { name: "Y", value: "" },
      ],
    }),
  );
  expect(refs.map(({ kind, name }) => `${kind}/${name}`)).toEqual([
    "ConfigMap/a",
    "Secret/b",
    "Secret/c",
  ]);
});

test("expand() leaves what is no reference", () => {
  expect(expand("$HOME $(NONE) $$ $(A", new Map([["A", "1"]]))).toBe("$HOME $(NONE) $ $(A");
});
