import { describe, expect, test } from "vitest";
import type { EndpointSlice, Pod } from "../../src/model/kinds.gen.ts";
import { LABELS } from "../../src/model/instance.ts";
import { eventually, holdsFor } from "../support/eventually.ts";
import { containersOf, docker } from "../support/leftovers.ts";
import { get, startLoad } from "../support/load.ts";
import { deploymentText } from "../support/manifests.ts";
import { containerIdOf, execIn, isReady, podsOf, runningContainers } from "../support/observed.ts";
import { useCluster } from "../support/use-cluster.ts";

const WEB = deploymentText({
  name: "web",
  replicas: 2,
  command:
    "mkdir /tmp/www; hostname >/tmp/www/index.html; touch /tmp/ready; trap 'exit 0' TERM; httpd -f -p 8080 -h /tmp/www & wait",
  container: `ports:
  - containerPort: 8080
readinessProbe:
  exec:
    command: ["test", "-e", "/tmp/ready"]
  periodSeconds: 1
  failureThreshold: 1
`,
});
const SERVICE = `apiVersion: v1
kind: Service
metadata:
  name: web
spec:
  type: NodePort
  selector:
    app: web
  ports:
    - port: 80
      targetPort: 8080
      nodePort: NODE_PORT
`;

const current = useCluster(() =>
  Promise.resolve({ files: { "web.yaml": WEB, "service.yaml": SERVICE } }),
);

async function readyPods(): Promise<Pod[]> {
  return await eventually("both pods are Ready", async () => {
    const pods = await podsOf(current(), "web");
    return pods.length === 2 && pods.every((pod) => isReady(pod)) ? pods : undefined;
  });
}

async function firstReadyPod(): Promise<Pod> {
  const [pod] = await readyPods();
  if (pod === undefined) throw new Error("There is no pod");
  return pod;
}

async function readyAddresses(): Promise<string[]> {
  const { items } = await current().getJson<{ readonly items: readonly EndpointSlice[] }>(
    "endpointslices",
    "-l",
    "kubernetes.io/service-name=web",
  );
  return items
    .flatMap(({ endpoints }) => endpoints)
    .filter(({ conditions }) => conditions.ready)
    .flatMap(({ addresses }) => addresses);
}

describe("a container that goes away comes back", () => {
  test("after docker kill: in the same pod, counted as a restart, the other pod untouched", async () => {
    const cluster = current();
    await cluster.untilPhase(await cluster.repo.head(), "Healthy");
    const pods = await readyPods();
    const [victim, other] = pods;
    if (victim === undefined || other === undefined) throw new Error("There are no two pods");
    await docker.getContainer(containerIdOf(victim)).kill();
    const healed = await eventually("the container runs again", async () => {
      const found = await cluster.getJson<Pod>("pod", victim.metadata.name);
      return found.status?.containerStatuses?.[0]?.restartCount === 1 && isReady(found)
        ? found
        : undefined;
    });
    expect(healed.metadata.uid).toBe(victim.metadata.uid);
    expect(healed.status?.podIP).toBe(victim.status?.podIP);
    expect(healed.status?.containerStatuses?.[0]?.lastState.terminated?.exitCode).toBe(137);
    const neighbour = await cluster.getJson<Pod>("pod", other.metadata.name);
    expect(containerIdOf(neighbour)).toBe(containerIdOf(other));
  });

  test("after docker rm -f", async () => {
    const cluster = current();
    const victim = await firstReadyPod();
    const id = containerIdOf(victim);
    await docker.getContainer(id).remove({ force: true });
    await eventually("another container runs in its place", async () => {
      const pods = await podsOf(cluster, "web");
      return (
        pods.length === 2 &&
        pods.every((pod) => isReady(pod)) &&
        !pods.some((pod) => containerIdOf(pod) === id)
      );
    });
  });

  test("after docker rm -f of its sandbox", async () => {
    const cluster = current();
    const victim = await firstReadyPod();
    const sandbox = (await containersOf(cluster.clusterId)).find(
      ({ Labels }) =>
        Labels[LABELS.role] === "sandbox" && Labels[LABELS.podUid] === victim.metadata.uid,
    );
    expect(sandbox).toBeDefined();
    await docker.getContainer(sandbox?.Id ?? "").remove({ force: true });
    await eventually("both pods are Ready on other containers", async () => {
      const ids = (await containersOf(cluster.clusterId)).map(({ Id }) => Id);
      const pods = await podsOf(cluster, "web");
      return (
        !ids.includes(sandbox?.Id ?? "") &&
        pods.length === 2 &&
        pods.every((pod) => isReady(pod) && ids.includes(containerIdOf(pod)))
      );
    });
    const url = await cluster.nodePortUrl();
    const names = new Set((await podsOf(cluster, "web")).map(({ metadata }) => metadata.name));
    const seen = new Set<string>();
    await eventually("both answer", async () => {
      seen.add((await get(url)).trim());
      return [...names].every((name) => seen.has(name));
    });
  });

  test("with back-off when it keeps ending", async () => {
    const cluster = current();
    await cluster.repo.write(
      "crash.yaml",
      deploymentText({ name: "crash", replicas: 1, command: "echo trying; exit 4" }),
    );
    await cluster.repo.commit("crash");
    const pod = await eventually("the pod waits in CrashLoopBackOff", async () => {
      const [found] = await podsOf(cluster, "crash");
      const status = found?.status?.containerStatuses?.[0];
      return status?.state.waiting?.reason === "CrashLoopBackOff" ? found : undefined;
    });
    expect(pod.status?.containerStatuses?.[0]?.lastState.terminated?.exitCode).toBe(4);
    expect(await cluster.kubectl("get", "pods", "-l", "app=crash")).toContain("CrashLoopBackOff");
    const count = pod.status?.containerStatuses?.[0]?.restartCount ?? 0;
    await holdsFor("it is not restarted again at once", 4_000, async () => {
      const [found] = await podsOf(cluster, "crash");
      return (found?.status?.containerStatuses?.[0]?.restartCount ?? 0) <= count + 1;
    });
    await cluster.repo.remove("crash.yaml");
    await cluster.untilPhase(await cluster.repo.commit("no crash"), "Healthy");
  });
});

describe("readiness", () => {
  test("that fails takes the pod out of the Service, without a failed request, and brings it back", async () => {
    const cluster = current();
    const [sick, well] = await readyPods();
    if (sick === undefined || well === undefined) throw new Error("There are no two pods");
    const url = await cluster.nodePortUrl();
    const load = startLoad({ url, requestsPerSecond: 50, connections: "new" });
    try {
      await execIn(containerIdOf(sick), "rm", "/tmp/ready");
      await eventually("only the other pod is an endpoint", async () => {
        const addresses = await readyAddresses();
        return addresses.length === 1 && addresses[0] === well.status?.podIP;
      });
      await eventually("only the other pod answers", async () => {
        const bodies = await Promise.all(Array.from({ length: 20 }, () => get(url)));
        return bodies.every((body) => body.trim() === well.metadata.name);
      });
      expect(await cluster.kubectl("get", "pod", sick.metadata.name, "--no-headers")).toMatch(
        /0\/1\s+Running/,
      );
      await execIn(containerIdOf(sick), "touch", "/tmp/ready");
      await eventually(
        "both are endpoints again",
        async () => (await readyAddresses()).length === 2,
      );
    } finally {
      const report = await load.stop();
      expect(report.failures).toEqual([]);
    }
    const after = await cluster.getJson<Pod>("pod", sick.metadata.name);
    expect(containerIdOf(after)).toBe(containerIdOf(sick));
  });

  test("that never comes keeps the old pods serving", async () => {
    const cluster = current();
    const before = (await readyPods()).map(containerIdOf);
    const good = await cluster.repo.head();
    await cluster.repo.edit("web.yaml", "touch /tmp/ready; ", "");
    await eventually("a new pod runs and is not Ready", async () =>
      (await podsOf(cluster, "web")).some(
        (pod) => !isReady(pod) && pod.status?.phase === "Running",
      ),
    );
    const running = await runningContainers(cluster);
    const kept = before.filter((id) => running.some((line) => line.includes(id.slice(0, 12))));
    expect(kept.length).toBeGreaterThan(0);
    expect(await get(await cluster.nodePortUrl())).toMatch(/^web-/);
    await cluster.repo.git("revert", "--no-edit", "HEAD");
    await cluster.untilPhase(await cluster.repo.head(), "Healthy");
    expect(await cluster.repo.git("diff", "--stat", good, "HEAD")).toBe("");
    await readyPods();
  });
});
