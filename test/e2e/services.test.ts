import { setTimeout as sleep } from "node:timers/promises";
import { describe, expect, test } from "vitest";
import type { Pod, Service } from "../../src/model/kinds.gen.ts";
import { eventually } from "../support/eventually.ts";
import { get, startLoad } from "../support/load.ts";
import { deploymentText, helloFiles } from "../support/manifests.ts";
import { useCluster } from "../support/use-cluster.ts";

const REPLICAS = 10;
/** By each of two clients: one that opens a connection for each request, and one that keeps a few. */
const REQUESTS_PER_SECOND = Number(process.env["BERTH_TEST_REQUESTS_PER_SECOND"] ?? 250);
/** The load goes on for so long after a commit is Healthy: the old pods are leaving then. */
const AFTERMATH_MS = 3000;
const BALANCED_PORT = 18_097;
const HOST_PORT = 18_098;

/** Asks the API as any program in a pod would: by the variables, the name and the certificate that it finds there. */
const ASK = `
const https = require("node:https"), fs = require("node:fs");
const ca = fs.readFileSync("/ca/ca.crt");
const host = process.env.KUBERNETES_SERVICE_HOST, port = process.env.KUBERNETES_SERVICE_PORT;
const ask = (host) => https.get({ host, port, path: "/version", ca, timeout: 2000 }, (answer) => {
  answer.resume();
  console.log("by " + host + ": " + answer.statusCode + (answer.socket.authorized ? " authorized" : ""));
}).on("error", (error) => console.log("by " + host + ": " + error.code));
setInterval(() => { ask(host); ask("kubernetes.default.svc.cluster.local"); }, 1000);
`;

const client = `apiVersion: v1
kind: Pod
metadata:
  name: client
spec:
  containers:
    - name: main
      image: berth.local/hello:1
      command: ["node", "-e", ${JSON.stringify(ASK)}]
      ports:
        - containerPort: 8080
          hostPort: ${HOST_PORT}
      volumeMounts:
        - { name: ca, mountPath: /ca }
  volumes:
    - name: ca
      configMap: { name: kube-root-ca.crt }
`;

const balanced = `apiVersion: v1
kind: Service
metadata:
  name: balanced
spec:
  type: LoadBalancer
  externalTrafficPolicy: Local
  selector: { app: httpd }
  ports:
    - port: ${BALANCED_PORT}
      targetPort: 8080
---
apiVersion: v1
kind: Service
metadata:
  name: away
spec:
  type: ExternalName
  externalName: balanced.default.svc.cluster.local
`;

const httpd = deploymentText({
  name: "httpd",
  replicas: 1,
  command: "mkdir /w; echo from httpd > /w/index.html; exec httpd -f -p 8080 -h /w",
  container: `ports:
  - containerPort: 8080
    hostPort: ${HOST_PORT + 1}
`,
});

const current = useCluster(async () => {
  const hello = await helloFiles();
  const deployment = (hello["deployment.yaml"] ?? "").replace(
    "replicas: 3",
    `replicas: ${REPLICAS}`,
  );
  return {
    files: {
      ...hello,
      "deployment.yaml": deployment,
      "balanced.yaml": balanced,
      "httpd.yaml": httpd,
      "client.yaml": client,
    },
  };
});

describe("Services of a running cluster", () => {
  test("a rolling update of ten pods loses no request, on new and on kept connections", async () => {
    const cluster = current();
    await cluster.untilPhase(await cluster.repo.head(), "Healthy");
    const url = await cluster.nodePortUrl();
    const loads = (["new", "kept"] as const).map((connections) =>
      startLoad({ url, requestsPerSecond: REQUESTS_PER_SECOND, connections }),
    );
    await eventually("the load runs", () => loads.every((load) => load.report().answered > 25));
    const commit = await cluster.repo.edit("deployment.yaml", "hello:1", "hello:2");
    await cluster.untilPhase(commit, "Healthy");
    await sleep(AFTERMATH_MS);
    for (const report of await Promise.all(loads.map((load) => load.stop()))) {
      expect(report.failures).toEqual([]);
      expect(report.answered).toBe(report.sent);
      expect(report.sent).toBeGreaterThan(REQUESTS_PER_SECOND * 3);
      const answers = [...report.bodies.keys()].join("");
      expect(answers).toContain("version 1");
      expect(answers).toContain("version 2");
    }
  });

  test("a program in a pod reaches the API by its variables and by its name, and trusts it", async () => {
    const cluster = current();
    const log = await eventually("the client has asked", async () => {
      const text = await cluster.tryKubectl("logs", "client").then(({ output }) => output);
      return text.includes("by kubernetes.default") ? text : undefined;
    });
    const { spec } = JSON.parse(
      await cluster.kubectl("get", "service", "kubernetes", "-n", "default", "-o", "json"),
    ) as Service;
    for (const host of [spec.clusterIP, "kubernetes.default.svc.cluster.local"])
      expect(log).toMatch(new RegExp(`by ${host}: (200|401|403) authorized`));
  });

  test("a balancer has the node's address, answers there, and says that the node has endpoints", async () => {
    const cluster = current();
    const address = await cluster.nodeAddress();
    const service = await eventually("it has an address", async () => {
      const text = await cluster.kubectl("get", "service", "balanced", "-o", "json");
      const found = JSON.parse(text) as Service;
      return found.status?.loadBalancer?.ingress === undefined ? undefined : found;
    });
    expect(service.status?.loadBalancer?.ingress).toEqual([{ ip: address, ipMode: "VIP" }]);
    expect(await get(`http://${address}:${BALANCED_PORT}/`)).toBe("from httpd\n");
    expect(await get(`http://${address}:${service.spec.healthCheckNodePort}/`)).toContain(
      '"localEndpoints":1',
    );
    expect(await cluster.kubectl("get", "service", "balanced")).toContain(address);
  });

  test("a port of a pod is open on the node", async () => {
    const cluster = current();
    const address = await cluster.nodeAddress();
    expect(await get(`http://${address}:${HOST_PORT + 1}/`)).toBe("from httpd\n");
  });

  test("a second after a pod has ended nobody waits for it: its Service refuses, or another answers", async () => {
    const cluster = current();
    const address = await cluster.nodeAddress();
    const text = await cluster.kubectl("get", "pods", "-l", "app=httpd", "-o", "json");
    const [pod] = (JSON.parse(text) as { readonly items: readonly Pod[] }).items;
    await cluster.kubectl("delete", "pod", pod?.metadata.name ?? "", "--grace-period=0", "--force");
    await sleep(1000);
    const seen = new Set<string>();
    await eventually("a successor answers", async () => {
      const answer = await get(`http://${address}:${BALANCED_PORT}/`).catch(causeOf);
      seen.add(answer);
      return answer === "from httpd\n";
    });
    expect(
      [...seen].filter((one) => !/^(from httpd\n|ECONNREFUSED|ECONNRESET)$/.test(one)),
    ).toEqual([]);
  });
});

function causeOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
