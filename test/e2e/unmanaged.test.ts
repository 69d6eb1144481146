import { readFile } from "node:fs/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type {
  Deployment,
  Job,
  ReplicaSet,
  Service,
  StatefulSet,
} from "../../src/model/kinds.gen.ts";
import { eventually } from "../support/eventually.ts";
import { findKubectls, isAtLeast, openKubectl } from "../support/kubectl.ts";
import type { Kubectl, KubectlBinary } from "../support/kubectl.ts";
import { useCluster } from "../support/use-cluster.ts";

const NAMESPACES = `apiVersion: v1
kind: Namespace
metadata:
  name: play
  annotations:
    berth.dev/unmanaged: "true"
---
apiVersion: v1
kind: Namespace
metadata:
  name: work
`;
const CONFIG = `apiVersion: v1
kind: ConfigMap
metadata:
  name: settings
  namespace: NAMESPACE
data:
  colour: green
`;
const SLEEP = ["--image=berth.local/busybox:1", "--command", "--", "sleep", "600"];

const current = useCluster(() =>
  Promise.resolve({
    files: { "namespaces.yaml": NAMESPACES, "work.yaml": CONFIG.replace("NAMESPACE", "work") },
  }),
);

let newest: Kubectl;
let older: Kubectl | undefined;
beforeAll(async () => {
  const binaries = await findKubectls();
  const config = await readFile(current().kubeconfig, "utf8");
  const open = (binary: KubectlBinary): Promise<Kubectl> => openKubectl(binary, config);
  const last = binaries.at(-1);
  if (last === undefined) throw new Error("There is no kubectl");
  newest = await open(last);
  const speaksJson = binaries.find((binary) => !isAtLeast(binary, 32));
  older = speaksJson === undefined ? undefined : await open(speaksJson);
  await current().untilPhase(await current().repo.head(), "Healthy");
});
afterAll(async () => {
  await newest[Symbol.asyncDispose]();
  await older?.[Symbol.asyncDispose]();
});

const kubectl = (...args: readonly string[]): Promise<string> => newest.text("-n", "play", ...args);
const refused = async (...args: readonly string[]): Promise<string> => {
  const { code, stderr } = await newest.run("-n", "play", ...args);
  expect(code).toBe(1);
  return stderr;
};
async function applied(manifest: unknown, ...args: readonly string[]): Promise<string> {
  const { stdout, stderr } = await newest.pipe(JSON.stringify(manifest), "-n", "play", ...args);
  return stdout + stderr;
}
async function getJson<T>(...args: readonly string[]): Promise<T> {
  return JSON.parse(await kubectl("get", ...args, "-o", "json")) as T;
}

/** `kubectl create …`: kubectl sends protobuf from 1.32 on, so there the manifest that it makes is created. */
async function create(...args: readonly string[]): Promise<void> {
  if (older !== undefined) {
    await older.text("-n", "play", "create", ...args);
    return;
  }
  const manifest = await kubectl("create", ...args, "--dry-run=client", "-o", "json");
  expect(await applied(JSON.parse(manifest), "create", "-f", "-")).toContain(" created");
}

async function imageOf(name: string): Promise<string | undefined> {
  const { spec } = await getJson<Deployment>("deployment", name);
  return spec.template.spec.containers[0]?.image;
}

async function setsOf(name: string): Promise<readonly ReplicaSet[]> {
  const list = await getJson<{ readonly items: readonly ReplicaSet[] }>("rs", "-l", `app=${name}`);
  return list.items;
}

const rolledOut = (name: string): Promise<string> =>
  kubectl("rollout", "status", `deployment/${name}`, "--timeout=25s");

test("a Deployment is created, rolled out, changed, undone, paused, restarted and scaled", async () => {
  await create("deployment", "web", "--image=berth.local/hello:1", "--replicas=2");
  expect(await rolledOut("web")).toContain('deployment "web" successfully rolled out');
  expect(await setsOf("web")).toHaveLength(1);

  await kubectl("set", "image", "deployment/web", "hello=berth.local/hello:2");
  await rolledOut("web");
  expect(await imageOf("web")).toBe("berth.local/hello:2");
  const history = await kubectl("rollout", "history", "deployment/web");
  expect(history).toMatch(/^1 +<none>\n2 +<none>/m);

  expect(await kubectl("rollout", "undo", "deployment/web")).toContain("rolled back");
  await rolledOut("web");
  expect(await imageOf("web")).toBe("berth.local/hello:1");
  expect(await setsOf("web")).toHaveLength(2);

  await kubectl("rollout", "pause", "deployment/web");
  await kubectl("set", "env", "deployment/web", "COLOUR=green");
  await eventually("the controller has seen the change", async () => {
    const { metadata, status } = await getJson<Deployment>("deployment", "web");
    return status?.observedGeneration === metadata.generation ? true : undefined;
  });
  expect(await setsOf("web")).toHaveLength(2);
  await kubectl("rollout", "resume", "deployment/web");
  await rolledOut("web");
  expect(await setsOf("web")).toHaveLength(3);

  await kubectl("rollout", "restart", "deployment/web");
  await rolledOut("web");
  expect(await setsOf("web")).toHaveLength(4);

  expect(await kubectl("scale", "deployment/web", "--replicas=3")).toContain("scaled");
  await rolledOut("web");
  const scale = await kubectl("get", "deployment", "web", "--subresource=scale", "-o", "json");
  expect(JSON.parse(scale)).toMatchObject({
    kind: "Scale",
    spec: { replicas: 3 },
    status: { replicas: 3, selector: "app=web" },
  });
  expect(
    await refused("scale", "deployment/web", "--replicas=1", "--current-replicas=7"),
  ).toContain("Expected replicas to be 7, was 3");
});

test("a Service gets its address and keeps it", async () => {
  await kubectl("expose", "deployment/web", "--port=80", "--target-port=8080", "--type=NodePort");
  const made = await getJson<Service>("service", "web");
  expect(made.spec.clusterIP).toMatch(/^10\./);
  expect(made.spec.ports[0]?.nodePort).toBeGreaterThanOrEqual(30_000);
  await kubectl("label", "service/web", "tier=front");
  await kubectl(
    "patch",
    "service/web",
    "-p",
    '{"spec":{"ports":[{"port":81,"name":"more"},{"port":80,"name":"web"}]}}',
  );
  const { metadata, spec } = await getJson<Service>("service", "web");
  expect(metadata.labels).toMatchObject({ tier: "front" });
  expect(spec.clusterIP).toBe(made.spec.clusterIP);
  expect(spec.ports.map(({ port }) => port)).toEqual([81, 80]);
  expect(spec.ports[1]?.nodePort).toBe(made.spec.ports[0]?.nodePort);
});

describe("apply", () => {
  const manifest = (container: Readonly<Record<string, unknown>>, more = {}): unknown => ({
    apiVersion: "apps/v1",
    kind: "Deployment",
    metadata: { name: "api", labels: { app: "api" } },
    spec: {
      replicas: 1,
      selector: { matchLabels: { app: "api" } },
      template: {
        metadata: { labels: { app: "api" } },
        spec: {
          containers: [
            {
              name: "main",
              image: "berth.local/busybox:1",
              command: ["sleep", "600"],
              ...container,
            },
          ],
        },
      },
      ...more,
    },
  });
  const env = (...names: readonly string[]): Readonly<Record<string, unknown>> => ({
    env: names.map((name) => ({ name, value: "1" })),
  });

  test("creates, leaves alone, and changes what was stated before", async () => {
    expect(await applied(manifest(env("A", "B")), "apply", "-f", "-")).toBe(
      "deployment.apps/api created\n",
    );
    expect(await applied(manifest(env("A", "B")), "apply", "-f", "-")).toBe(
      "deployment.apps/api unchanged\n",
    );
    await kubectl("set", "env", "deployment/api", "C=1");
    expect(await applied(manifest(env("B", "D")), "apply", "-f", "-")).toBe(
      "deployment.apps/api configured\n",
    );
    const { metadata, spec } = await getJson<Deployment>("deployment", "api");
    const names = spec.template.spec.containers[0]?.env?.map(({ name }) => name) ?? [];
    expect(names.toSorted()).toEqual(["B", "C", "D"]);
    expect(metadata.annotations).toHaveProperty("kubectl.kubernetes.io/last-applied-configuration");
    await kubectl("annotate", "deployment/api", "note=hello");
    await kubectl("label", "deployment/api", "app-");
    await kubectl("label", "pods,replicasets", "-l", "app=api", "seen=yes");
    const after = (await getJson<Deployment>("deployment", "api")).metadata;
    expect([after.annotations?.["note"], after.labels]).toEqual(["hello", undefined]);
  });

  test.each([
    [
      "a field that is not there",
      manifest({ imagee: "x" }),
      /strict decoding error: unknown field "spec\.template\.spec\.containers\[0\]\.imagee" \(did you mean "image"\?\)/,
    ],
    [
      "a value that cannot be",
      manifest({}, { replicas: -1 }),
      /The Deployment "api" is invalid: spec\.replicas: Invalid value: .*>= 0/,
    ],
    [
      "another selector",
      manifest(
        {},
        {
          selector: { matchLabels: { app: "x" } },
          template: {
            metadata: { labels: { app: "x" } },
            spec: { containers: [{ name: "main", image: "x" }] },
          },
        },
      ),
      /spec\.selector: Invalid value: field is immutable/,
    ],
  ])("refuses %s", async (_, wrong, why) => {
    expect(await applied(wrong, "apply", "-f", "-")).toMatch(why);
  });

  test("by the server: what another manager has set is a conflict, until it is forced", async () => {
    const text = manifest(env("B", "D"), { replicas: 2 });
    const refused = await applied(
      text,
      "apply",
      "--server-side",
      "--field-manager=other",
      "-f",
      "-",
    );
    expect(refused).toMatch(/conflict/);
    const forced = ["apply", "--server-side", "--field-manager=other", "--force-conflicts"];
    expect(await applied(text, ...forced, "-f", "-")).toContain(
      "deployment.apps/api serverside-applied",
    );
    const { metadata, spec } = await getJson<Deployment>(
      "deployment",
      "api",
      "--show-managed-fields",
    );
    expect(spec.replicas).toBe(2);
    expect(metadata.managedFields?.map(({ manager }) => manager)).toContain("other");
  });
});

test("a StatefulSet goes back to the revision before", async () => {
  const container = { name: "main", image: "berth.local/busybox:1", command: ["sleep", "600"] };
  const set = {
    apiVersion: "apps/v1",
    kind: "StatefulSet",
    metadata: { name: "db" },
    spec: {
      serviceName: "db",
      selector: { matchLabels: { app: "db" } },
      template: {
        metadata: { labels: { app: "db" } },
        spec: { terminationGracePeriodSeconds: 1, containers: [container] },
      },
    },
  };
  const env = async (): Promise<unknown> => {
    await kubectl("rollout", "status", "statefulset/db", "--timeout=25s");
    const { spec } = await getJson<StatefulSet>("statefulset", "db");
    return spec.template.spec.containers[0]?.env?.map(({ name }) => name);
  };
  expect(await applied(set, "create", "-f", "-")).toContain("statefulset.apps/db created");
  expect(await env()).toBeUndefined();
  await kubectl("set", "env", "statefulset/db", "COLOUR=green");
  expect(await env()).toEqual(["COLOUR"]);
  await kubectl("rollout", "undo", "statefulset/db");
  expect(await env()).toBeUndefined();
});

test("a pod runs and is deleted; so is what a Deployment made", async () => {
  await kubectl("run", "shell", ...SLEEP);
  await kubectl("wait", "pod/shell", "--for=condition=Ready", "--timeout=25s");
  expect(await kubectl("delete", "pod", "shell", "--grace-period=1")).toContain('"shell" deleted');
  await kubectl("delete", "deployment,service", "web");
  await eventually("its ReplicaSets are gone", async () =>
    (await setsOf("web")).length === 0 ? true : undefined,
  );
});

test("a Job is made from a CronJob", async () => {
  const image = "--image=berth.local/busybox:1";
  await create("cronjob", "report", image, "--schedule=0 3 * * *", "--", "echo", "done");
  await create("job", "now", "--from=cronjob/report");
  await kubectl("wait", "job/now", "--for=condition=Complete", "--timeout=25s");
  const { metadata } = await getJson<Job>("job", "now");
  expect(metadata.ownerReferences?.[0]).toMatchObject({ kind: "CronJob", name: "report" });
  expect(await kubectl("logs", "job/now")).toBe("done\n");
  await kubectl("label", "job/now", "seen=yes");
});

test("elsewhere writes are commits, and Git declares nothing here", async () => {
  const { stderr } = await newest.run("-n", "work", "label", "configmap/settings", "a=b");
  expect(stderr).toMatch(/Warning: committed [0-9a-f]{7} to main: work\.yaml/);
  const { repo } = current();
  await repo.write("play.yaml", CONFIG.replace("NAMESPACE", "play"));
  const commit = await repo.commit("declare what is not Git's");
  const release = await current().untilPhase(commit, "Rejected");
  expect(release.problems).toEqual([expect.stringContaining("[apply/unmanaged-namespace]")]);
});
