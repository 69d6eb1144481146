import { once } from "node:events";
import type { ChildProcess } from "node:child_process";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { ChildEvent, ChildRequest } from "../proxy/run-proxy-child.ts";
import { endpoint, service, servicePort, slice, terminating } from "../proxy/services.ts";
import { eventually } from "../support/eventually.ts";
import { TestNode } from "../support/netns.ts";
import type { Peer } from "../support/netns.ts";

const CLUSTER_ID = "runpr0";
const DNS = "10.96.0.10";
const WEB = "tcp 10.96.0.5:80";
const WEB_NAME = "web.shop.svc.cluster.local";
const MANY = "many.shop.svc.cluster.local";
const web = service({ ports: [servicePort({ name: "http" })] });
const HTTP = [{ name: "http", protocol: "TCP", port: 8080 }] as const;
const [ENDPOINT_1, ENDPOINT_2] = [endpoint("10.32.0.2"), endpoint("10.32.0.3")];

let testNode: TestNode;
let pod1: Peer;
let pod2: Peer;
let node: Peer;
let child: ChildProcess;
let events: ChildEvent[];

beforeAll(async () => {
  testNode = await TestNode.create(CLUSTER_ID);
  pod1 = await testNode.addPod("10.32.0.2", 1);
  pod2 = await testNode.addPod("10.32.0.3", 2);
  node = testNode.nodePeer();
  await Promise.all([pod1.serve("pod1"), pod2.serve("pod2")]);
  startProxy();
});

afterAll(async () => {
  await testNode?.[Symbol.asyncDispose]();
});

/** The proxy in a process of its own, since its threads and sockets live in the namespace of a process. */
function startProxy(): void {
  events = [];
  child = testNode.node.spawn(new URL("../proxy/run-proxy-child.ts", import.meta.url));
  const heard = events;
  child.on("message", (event: ChildEvent) => heard.push(event));
  tell({ do: "set-service", object: web });
  tell({ do: "set-slice", object: slice([ENDPOINT_1], { ports: HTTP }) });
  tell({ do: "start", clusterId: CLUSTER_ID });
}

function tell(request: ChildRequest): void {
  child.send(request);
}

/** The DNS thread takes a moment to start. */
const dnsAnswers = (peer: Peer): Promise<boolean> =>
  eventually("DNS answers", async () => (await peer.resolve(DNS, WEB_NAME)) === "10.96.0.5");
const reports = (): number[] =>
  events.flatMap((event) => (event.type === "report" ? [event.revision] : []));
const reported = (revision: number): Promise<boolean> =>
  eventually(`revision ${revision} is reported`, () => reports().includes(revision), 5000);

test("carries what is there at the start, and reports it", async () => {
  await reported(101);
  expect(await pod2.call(WEB)).toBe("pod1 10.32.0.3");
});

test("brings in an endpoint, and takes one out before it reports so", async () => {
  tell({ do: "set-slice", object: slice([ENDPOINT_1, ENDPOINT_2], { ports: HTTP }) });
  await reported(102);
  const leaving = { ...ENDPOINT_1, conditions: terminating };
  tell({ do: "set-slice", object: slice([leaving, ENDPOINT_2], { ports: HTTP }) });
  await reported(103);
  for (let call = 0; call < 10; call += 1) expect(await node.call(WEB)).toMatch(/^pod2 /);
});

test("reports a revision that brought nothing for it", async () => {
  tell({ do: "mark" });
  await reported(104);
});

test("makes few reports of many changes", async () => {
  const before = reports().length;
  for (let change = 0; change < 50; change += 1) tell({ do: "mark" });
  await reported(154);
  expect(reports().length - before).toBeLessThanOrEqual(3);
});

test("answers names to pods and to the node, by UDP and TCP", async () => {
  tell({ do: "set-service", object: service({ clusterIP: "None" }, "many") });
  const pods = Array.from({ length: 60 }, (_, index) => endpoint(`10.32.7.${index + 1}`));
  tell({ do: "set-slice", object: slice(pods, { name: "many-1", service: "many" }) });
  for (const peer of [pod1, node]) {
    await dnsAnswers(peer);
    expect(await peer.resolve(DNS, "none.shop.svc.cluster.local")).toBe("ENOTFOUND");
  }
  expect(await pod1.resolve(DNS, `_http._tcp.${WEB_NAME}`, "SRV")).toContain(
    `name:${WEB_NAME},port:80`,
  );
  const answers = await eventually("all pods have their record", async () => {
    const found = (await pod1.resolve(DNS, MANY)).split(" ");
    return found.length === pods.length ? found : undefined;
  });
  expect(answers).toContain("10.32.7.60");
});

test("binds the cluster's DNS address alone", async () => {
  expect(await node.resolve("127.0.0.1", WEB_NAME)).toBe("ECONNREFUSED");
});

test("puts a flushed table back by itself, within seconds", async () => {
  await testNode.node.tool("nft", ["flush", "ruleset"]);
  expect(await node.call(WEB)).not.toMatch(/^pod2 /);
  await eventually(
    "the Service answers again",
    async () => (await node.call(WEB)).startsWith("pod2 "),
    15_000,
  );
  await eventually("that is told", () =>
    events.some((event) => event.type === "log" && event.message.includes("put it back")),
  );
});

test("ends when told and leaves the rules, so that Services go on; a new start takes over", async () => {
  const exited = once(child, "exit");
  tell({ do: "stop" });
  await eventually("it ended well", () =>
    events.some((event) => event.type === "ended" && event.error === undefined),
  );
  expect(await node.call(WEB)).toMatch(/^pod2 /);
  child.disconnect();
  await exited;
  startProxy();
  await reported(101);
  expect(await node.call(WEB)).toMatch(/^pod1 /);
  await dnsAnswers(pod2);
});
