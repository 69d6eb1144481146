import { afterAll, beforeAll, expect, test } from "vitest";
import { mustRun } from "../support/command.ts";
import { startEngine, startHosts, type Hosts } from "../support/test-hosts.ts";

/** Unlike `sleep` as process 1, it ends when told. */
const PATIENT = "trap exit TERM; while true; do sleep 1; done";

let hosts: Hosts;
beforeAll(async () => {
  hosts = await startHosts({
    count: 3,
    images: ["berth.local/busybox:1"],
    segments: [0, 0, 1],
  });
});
afterAll(async () => {
  await hosts.close();
});

const pings = async (from: number, to: number): Promise<boolean> =>
  (await hosts.at(from).run(["busybox", "ping", "-c", "1", "-W", "1", hosts.at(to).address]))
    .code === 0;
const pairs = async (): Promise<Record<string, boolean>> => ({
  "0-1": await pings(0, 1),
  "1-0": await pings(1, 0),
  "0-2": await pings(0, 2),
});

test("hosts have an Engine each, and reach each other on one Ethernet and by a router", async () => {
  expect(await pairs()).toEqual({ "0-1": true, "1-0": true, "0-2": true });
  const first = await hosts.at(0).docker.listImages();
  expect(first.flatMap(({ RepoTags }) => RepoTags)).toEqual(["berth.local/busybox:1"]);
  expect(await hosts.at(0).mustRun(["iptables", "-S", "FORWARD"])).toContain("-P FORWARD DROP");
  expect(await hosts.at(2).mustRun(["hostname"])).toBe("h2\n");
});

test("cut and heal", async () => {
  await hosts.cut(0, 1);
  expect(await pairs()).toEqual({ "0-1": false, "1-0": false, "0-2": true });
  await hosts.cut(0, 2);
  expect(await pairs()).toEqual({ "0-1": false, "1-0": false, "0-2": false });
  await hosts.heal();
  await hosts.cut(1);
  expect(await pairs()).toEqual({ "0-1": false, "1-0": false, "0-2": true });
  await hosts.heal();
  await hosts.lose(0, 100);
  expect(await pairs()).toEqual({ "0-1": false, "1-0": false, "0-2": false });
  await hosts.heal();
  expect(await pairs()).toEqual({ "0-1": true, "1-0": true, "0-2": true });
});

test("startEngine gives an Engine that may be ended and started", async () => {
  await using engine = await startEngine({ images: ["berth.local/busybox:1"] });
  const run = [
    "docker",
    "run",
    "-d",
    "--net",
    "none",
    "berth.local/busybox:1",
    "sh",
    "-c",
    PATIENT,
  ];
  await engine.mustRun(run);
  await engine.stopEngine();
  await expect(engine.docker.ping()).rejects.toThrow(/ECONNREFUSED|ENOENT/);
  await engine.startEngine();
  const [container] = await engine.docker.listContainers({ all: true });
  expect(container?.State).toBe("exited");
  const mounts = await mustRun("cat", ["/proc/mounts"]);
  expect(mounts).not.toContain(engine.dir);
});
