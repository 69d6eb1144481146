import { reviewResources } from "../../src/api/access-reviews.ts";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type {
  App,
  ConfigMap,
  Deployment,
  EndpointSlice,
  Event,
  Pod,
  Release,
  ReplicaSet,
  Secret,
} from "../../src/model/kinds.gen.ts";
import type { ApiObject } from "../../src/model/meta.ts";
import { RESOURCES } from "../../src/model/resources.ts";
import { startTestApi } from "../support/api-server.ts";
import type { ApiUnderTest } from "../support/api-server.ts";
import * as build from "../support/builders.ts";
import { cells, findKubectls, isAtLeast, openKubectl } from "../support/kubectl.ts";
import type { Kubectl } from "../support/kubectl.ts";

const binaries = await findKubectls();

let api: ApiUnderTest;
let web: Pod;
beforeAll(async () => {
  api = await startTestApi();
  for (const object of fixed()) await api.put(object);
  const deployment = (await api.put({ ...build.deployment(), ...DEPLOYED })).object as Deployment;
  const owned = build.pod({ name: "x", owner: deployment }).metadata.ownerReferences ?? [];
  const set = (
    await api.put({
      ...build.replicaSet({}, { name: "web-1", labels: { app: "web" }, ownerReferences: owned }),
      status: { replicas: 2, readyReplicas: 1, availableReplicas: 1 },
    } as ReplicaSet)
  ).object as ReplicaSet;
  web = (await api.put(runningPod("web-1-a", set))).object as Pod;
  await api.put(build.pod({ name: "web-1-b", owner: set, node: "", phase: "Pending" }));
  await api.put(eventOf(web));
});
afterAll(() => api[Symbol.asyncDispose]());

const DEPLOYED: Partial<Deployment> = {
  status: {
    observedGeneration: 1,
    replicas: 2,
    updatedReplicas: 2,
    readyReplicas: 1,
    availableReplicas: 1,
    conditions: [{ type: "Available", status: "True", reason: "MinimumReplicasAvailable" }],
  },
};

function runningPod(name: string, owner: ApiObject): Pod {
  const base = build.pod({ name, owner, node: "a", ip: "10.32.0.5" });
  const container = {
    name: "app",
    image: "app:v1",
    imageID: "docker-image://sha256:0123",
    containerID: "docker://4567",
    ready: true,
    started: true,
    restartCount: 2,
    state: {
      running: { startedAt: new Date(Date.now() - 30_000).toISOString().slice(0, 19) + "Z" },
    },
    lastState: {
      terminated: {
        exitCode: 1,
        reason: "Error",
        finishedAt: new Date(Date.now() - 905_000).toISOString().slice(0, 19) + "Z",
      },
    },
  };
  const status = { ...base.status, phase: "Running" as const, containerStatuses: [container] };
  return { ...base, status };
}

function eventOf({ metadata }: Pod): Event {
  const time = new Date().toISOString().slice(0, 19) + "Z";
  return {
    apiVersion: "v1",
    kind: "Event",
    metadata: { name: `${metadata.name}.1`, namespace: "shop" },
    involvedObject: {
      apiVersion: "v1",
      kind: "Pod",
      namespace: "shop",
      name: metadata.name,
      ...(metadata.uid && { uid: metadata.uid }),
    },
    type: "Warning",
    reason: "BackOff",
    message: "Back-off restarting failed container app",
    count: 3,
    firstTimestamp: time,
    lastTimestamp: time,
    source: { component: "berth-agent", host: "a" },
  };
}

/** One object of every kind that needs no other. */
function fixed(): readonly ApiObject[] {
  const config: ConfigMap = {
    apiVersion: "v1",
    kind: "ConfigMap",
    metadata: { name: "settings", namespace: "shop" },
    data: { a: "1" },
  };
  const secret: Secret = {
    apiVersion: "v1",
    kind: "Secret",
    metadata: { name: "key", namespace: "shop" },
    type: "Opaque",
    data: { a: "MQ==" },
  };
  const slice: EndpointSlice = {
    apiVersion: "discovery.k8s.io/v1",
    kind: "EndpointSlice",
    metadata: {
      name: "web-abc",
      namespace: "shop",
      labels: { "kubernetes.io/service-name": "web" },
    },
    addressType: "IPv4",
    endpoints: [
      { addresses: ["10.32.0.5"], conditions: { ready: true, serving: true, terminating: false } },
    ],
    ports: [{ name: "", protocol: "TCP", port: 8080 }],
  };
  const app: App = {
    apiVersion: "berth.dev/v1",
    kind: "App",
    metadata: { name: "root" },
    spec: {
      repo: "/srv/repo",
      branch: "main",
      path: ".",
      namespace: "default",
      intervalSeconds: 60,
      prune: true,
    },
    status: { appliedCommit: "0123456789abcdef", conditions: [{ type: "Ready", status: "True" }] },
  };
  const release: Release = {
    apiVersion: "berth.dev/v1",
    kind: "Release",
    metadata: { name: "root-1" },
    spec: {
      app: "root",
      repo: "/srv/repo",
      path: ".",
      sequence: 1,
      commit: "0123456789abcdef",
      tree: "",
      author: "Ada",
      subject: "web: begin",
      committedAt: build.at(0),
    },
    status: { phase: "Healthy", startedAt: build.at(0), inventory: [] },
  };
  const lease: ApiObject & { readonly spec: unknown } = {
    apiVersion: "coordination.k8s.io/v1",
    kind: "Lease",
    metadata: { name: "a", namespace: "kube-node-lease" },
    spec: {
      holderIdentity: "a",
      leaseDurationSeconds: 40,
      renewTime: "2026-01-02T03:04:05.000000Z",
    },
  };
  const readyNode = build.node({ name: "a" });
  const node: ApiObject = {
    ...readyNode,
    status: {
      ...readyNode.status,
      addresses: [{ type: "InternalIP", address: "192.0.2.7" }],
      conditions: [{ type: "Ready", status: "True", reason: "AgentReady", message: "ready" }],
    },
  } as ApiObject;
  const job = build.job({ selector: { matchLabels: { app: "sum" } } });
  return [
    build.namespace("default"),
    build.namespace("shop"),
    node,
    config,
    secret,
    slice,
    app,
    release,
    lease,
    build.service(),
    job,
  ];
}

describe.each(binaries)("kubectl $minor", (binary) => {
  let kubectl: Kubectl;
  beforeAll(async () => {
    kubectl = await openKubectl(binary, await api.kubeconfig());
  });
  afterAll(() => kubectl[Symbol.asyncDispose]());

  test("version", async () => {
    // Older ones print the server's version as a Go structure.
    expect(await kubectl.text("version")).toMatch(/Server Version: .*v1\.33\.0\+berth\.0\.1\.0/);
  });

  test("api-resources knows every kind, with its short names", async () => {
    const names = cells(await kubectl.text("api-resources", "--no-headers")).map(([name]) => name);
    const known = [...RESOURCES, ...reviewResources()].map(({ plural }) => plural);
    expect(new Set(names)).toEqual(new Set(known));
    expect(await kubectl.text("api-versions")).toContain("berth.dev/v1\n");
  });

  test("get all has the columns of each kind", async () => {
    const tables = (await kubectl.text("get", "all", "-n", "shop")).trim().split("\n\n").map(cells);
    expect(tables.map(([head]) => head?.join("|"))).toEqual([
      "NAME|READY|STATUS|RESTARTS|AGE",
      "NAME|TYPE|CLUSTER-IP|EXTERNAL-IP|PORT(S)|AGE",
      "NAME|READY|UP-TO-DATE|AVAILABLE|AGE",
      "NAME|DESIRED|CURRENT|READY|AGE",
      "NAME|STATUS|COMPLETIONS|DURATION|AGE",
    ]);
    expect(tables[0]?.[1]?.slice(0, 4)).toEqual(["pod/web-1-a", "1/1", "Running", "2 (15m ago)"]);
    expect(tables[0]?.[2]?.slice(0, 4)).toEqual(["pod/web-1-b", "0/1", "Pending", "0"]);
    expect(tables[2]?.[1]?.slice(0, 4)).toEqual(["deployment.apps/web", "1/3", "2", "1"]);
  });

  test.each([
    ["pods", "NAMESPACE|NAME|READY|STATUS|RESTARTS|AGE|IP|NODE|NOMINATED NODE|READINESS GATES"],
    ["deploy", "NAMESPACE|NAME|READY|UP-TO-DATE|AVAILABLE|AGE|CONTAINERS|IMAGES|SELECTOR"],
    ["rs", "NAMESPACE|NAME|DESIRED|CURRENT|READY|AGE|CONTAINERS|IMAGES|SELECTOR"],
    ["svc", "NAMESPACE|NAME|TYPE|CLUSTER-IP|EXTERNAL-IP|PORT(S)|AGE|SELECTOR"],
    ["jobs", "NAMESPACE|NAME|STATUS|COMPLETIONS|DURATION|AGE|CONTAINERS|IMAGES|SELECTOR"],
    ["ev", "NAMESPACE|LAST SEEN|TYPE|REASON|OBJECT|SUBOBJECT|SOURCE|MESSAGE|FIRST SEEN|COUNT|NAME"],
    ["cm", "NAMESPACE|NAME|DATA|AGE"],
    ["secrets", "NAMESPACE|NAME|TYPE|DATA|AGE"],
    ["endpointslices", "NAMESPACE|NAME|ADDRESSTYPE|PORTS|ENDPOINTS|AGE"],
    ["leases", "NAMESPACE|NAME|HOLDER|AGE"],
    ["ns", "NAME|STATUS|AGE"],
    [
      "no",
      "NAME|STATUS|ROLES|AGE|VERSION|INTERNAL-IP|EXTERNAL-IP|OS-IMAGE|KERNEL-VERSION|CONTAINER-RUNTIME",
    ],
    ["apps", "NAME|SYNC|HEALTH|REVISION|RELEASE|AGE|REPO|FOLLOWS|PATH|MESSAGE"],
    ["rel", "NAME|APP|COMMIT|PHASE|AGE|SUBJECT|AUTHOR|REASON|MESSAGE"],
  ])("get %s -A -o wide", async (kind, head) => {
    const [first, ...rows] = cells(await kubectl.text("get", kind, "-A", "-o", "wide"));
    expect(first?.join("|")).toBe(head);
    expect(rows.length).toBeGreaterThan(0);
  });

  test("get -o yaml, json, name and jsonpath", async () => {
    const one = ["get", "pod", "web-1-a", "-n", "shop", "-o"];
    const json = JSON.parse(await kubectl.text(...one, "json")) as Pod;
    expect(json.spec).toEqual(web.spec);
    expect(await kubectl.text(...one, "yaml")).toMatch(/^apiVersion: v1\nkind: Pod\n/);
    expect(await kubectl.text("get", "pods", "-n", "shop", "-o", "name")).toBe(
      "pod/web-1-a\npod/web-1-b\n",
    );
    const path = "{.items[*].status.phase}";
    expect(await kubectl.text("get", "pods", "-n", "shop", "-o", `jsonpath=${path}`)).toBe(
      "Running Pending",
    );
  });

  test("get with selectors, sorted and in pages", async () => {
    const names = async (...args: readonly string[]) =>
      (await kubectl.text("get", "pods", "-A", "--no-headers", ...args))
        .trim()
        .split("\n")
        .map((line) => line.split(/ +/)[1]);
    expect(await names("-l", "app in (web),!old")).toEqual(["web-1-a", "web-1-b"]);
    expect(await names("--field-selector", "spec.nodeName=a")).toEqual(["web-1-a"]);
    expect(await names("--sort-by", "{.status.phase}")).toEqual(["web-1-b", "web-1-a"]);
    expect(await names("--chunk-size", "1")).toEqual(["web-1-a", "web-1-b"]);
  });

  test("what is not there", async () => {
    const pod = await kubectl.run("get", "pod", "none", "-n", "shop");
    expect(pod).toMatchObject({
      code: 1,
      stderr: 'Error from server (NotFound): pods "none" not found\n',
    });
    expect((await kubectl.run("get", "chairs")).stderr).toContain(
      `the server doesn't have a resource type "chairs"`,
    );
    expect((await kubectl.run("get", "pods", "-n", "empty")).stderr).toContain(
      "No resources found in empty namespace.",
    );
  });

  test("describe pod, with its events", async () => {
    const text = await kubectl.text("describe", "pod", "web-1-a", "-n", "shop");
    for (const pattern of [
      /^Name: +web-1-a$/m,
      /^IP: +10\.32\.0\.5$/m,
      /^Controlled By: +ReplicaSet\/web-1$/m,
      /Restart Count: +2/,
      /Warning +BackOff +.*\(x3 over .*\) +berth-agent +Back-off restarting failed container app/,
    ]) {
      expect(text).toMatch(pattern);
    }
  });

  test("describe deployment, replicaset, service, node, job, configmap, secret, namespace", async () => {
    const describeOf = (...args: readonly string[]) =>
      kubectl.text("describe", ...args, "-n", "shop");
    expect(await describeOf("deployment", "web")).toMatch(/NewReplicaSet:|OldReplicaSets:/);
    expect(await describeOf("rs", "web-1")).toMatch(/Controlled By: +Deployment\/web/);
    expect(await describeOf("service", "web")).toMatch(/^IP: +10\.96\.0\.10$/m);
    const node = await describeOf("node", "a");
    expect(node).toMatch(/Non-terminated Pods: +\(1 in total\)/);
    expect(node).toMatch(/HolderIdentity: +a/);
    expect(await describeOf("job", "sum")).toMatch(/Completions: +1/);
    expect(await describeOf("cm", "settings")).toContain("a:\n----\n1");
    expect(await describeOf("secret", "key")).toMatch(/a: +1 bytes/);
    expect(await describeOf("ns", "shop")).toMatch(/Status: +Active/);
  });

  test("events", async () => {
    expect(await kubectl.text("get", "events", "-n", "shop")).toContain("pod/web-1-a");
    if (!isAtLeast(binary, 26)) return; // The command came with 1.26.
    expect(await kubectl.text("events", "-n", "shop")).toContain(
      "Pod/web-1-a   Back-off restarting failed container app",
    );
    expect(await kubectl.text("events", "-n", "shop", "--for", "pod/web-1-a")).toContain("BackOff");
  });

  test("get -w shows what changes", async () => {
    await using following = kubectl.follow(
      "get",
      "pods",
      "-n",
      "live",
      "-w",
      "--output-watch-events",
    );
    const name = `p-${binary.minor}`;
    const made = (
      await api.put(build.pod({ name, namespace: "live", node: "b", labels: {}, phase: "Pending" }))
    ).object;
    await following.until(new RegExp(`ADDED +${name} +0/1 +Pending`));
    const running = { ...made, status: { phase: "Running" } };
    await api.objects.updateStatus(running);
    await following.until(new RegExp(`MODIFIED +${name} +0/1 +Running`));
    await api.objects.remove({ apiVersion: "v1", kind: "Pod", namespace: "live", name });
    await following.until(new RegExp(`DELETED +${name} +0/1 +Running`));
  });

  test("wait follows an object", async () => {
    const name = `w-${binary.minor}`;
    const made = (
      await api.put(build.pod({ name, namespace: "live", node: "b", labels: {}, ready: null }))
    ).object as Pod;
    const waiting = kubectl.run(
      "wait",
      "pod",
      name,
      "-n",
      "live",
      "--for=condition=Ready",
      "--timeout=20s",
    );
    const status = { ...made.status, conditions: [{ type: "Ready", status: "True" as const }] };
    await api.objects.updateStatus({ ...made, status } as Pod);
    expect((await waiting).output).toBe(`pod/${name} condition met\n`);
    await api.objects.remove({ apiVersion: "v1", kind: "Pod", namespace: "live", name });
  });

  test("rollout status reads the state of a deployment", async () => {
    const { output } = await kubectl.run(
      "rollout",
      "status",
      "deploy/web",
      "-n",
      "shop",
      "--timeout=1s",
    );
    expect(output).toMatch(/Waiting for deployment/);
  });
});
