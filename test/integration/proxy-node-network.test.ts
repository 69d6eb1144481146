import { describe, expect, test } from "vitest";
import { silentLogger } from "../../src/base/logger.ts";
import { EMPTY_TABLE } from "../../src/proxy/service-table.ts";
import { setUpNodeNetwork } from "../../src/proxy/node-network.ts";
import { renderFull } from "../../src/proxy/nft-ruleset.ts";
import { nftTool } from "../../src/proxy/nft.ts";
import { ProxyError } from "../../src/proxy/proxy-error.ts";
import { removeNodeNetwork } from "../../src/proxy/remove-network.ts";
import { runOnHost } from "../../src/proxy/run-command.ts";
import type { RunCommand } from "../../src/proxy/run-command.ts";
import { Namespace } from "../support/netns.ts";

const CLUSTER_ID = "n3tw0k";
const CLUSTER = { podCidr: "10.32.0.0/11", serviceCidr: "10.96.0.0/12", dnsIp: "10.96.0.10" };
const COMMENT = "-m comment --comment berth-n3tw0k";
const signal = AbortSignal.timeout(100_000);

function setUp(namespace: Namespace, fields: Partial<typeof CLUSTER> = {}): Promise<void> {
  const cluster = { ...CLUSTER, ...fields };
  return setUpNodeNetwork(
    { clusterId: CLUSTER_ID, cluster, logger: silentLogger, run: namespace.run },
    signal,
  );
}

function remove(namespace: Namespace): Promise<void> {
  return removeNodeNetwork({ clusterId: CLUSTER_ID, ...CLUSTER, run: namespace.run }, signal);
}

/** Everything of the host's network that others see, one thing a line. */
async function everything(namespace: Namespace): Promise<string[]> {
  const listed = await Promise.all([
    namespace.tool("ip", ["-o", "-4", "addr"]),
    namespace.tool("ip", ["-4", "route"]),
    namespace.tool("nft", ["list", "tables"]),
    namespace.tool("iptables", ["-S"]),
  ]);
  return listed.flatMap((text) => text.split("\n").map((line) => line.trim())).filter(Boolean);
}

describe("setUpNodeNetwork()", () => {
  test("makes the bridge with address and route, and forwards; twice is as once", async () => {
    await using namespace = await Namespace.create();
    await namespace.tool("tee", ["/proc/sys/net/ipv4/ip_forward"], "0");
    await setUp(namespace);
    await setUp(namespace);
    const address = await namespace.tool("ip", ["-o", "-4", "addr", "show", "dev", "berth-n3tw0k"]);
    expect(address.match(/inet \S+/g)).toEqual(["inet 10.96.0.10/32"]);
    const routes = (await namespace.tool("ip", ["-4", "route"])).trim().split("\n");
    expect(routes.map((route) => route.trim())).toEqual([
      expect.stringMatching(/^unreachable 10\.32\.0\.0\/11 metric 1000000/),
      expect.stringMatching(/^10\.96\.0\.0\/12 dev berth-n3tw0k scope link/),
      expect.stringMatching(/^unreachable 10\.96\.0\.0\/12 metric 1000000/),
    ]);
    expect((await namespace.tool("cat", ["/proc/sys/net/ipv4/ip_forward"])).trim()).toBe("1");
  });

  test("calls Services by the address of the default route's interface", async () => {
    await using namespace = await Namespace.create();
    await namespace.ip(
      "link add wire type veth peer name other",
      "addr add 198.51.100.1/24 dev wire",
      "link set other up",
      "link set wire up",
      "route add default via 198.51.100.9",
    );
    await setUp(namespace);
    expect(await namespace.tool("ip", ["route", "get", "10.96.0.5"])).toContain("src 198.51.100.1");
  });

  test("lets go of the address of an earlier service network", async () => {
    await using namespace = await Namespace.create();
    await setUp(namespace, { dnsIp: "10.96.0.99" });
    await setUp(namespace);
    const address = await namespace.tool("ip", ["-o", "-4", "addr", "show", "dev", "berth-n3tw0k"]);
    expect(address.match(/inet \S+/g)).toEqual(["inet 10.96.0.10/32"]);
  });

  test("leaves a firewall alone that lets everything through", async () => {
    await using namespace = await Namespace.create();
    await setUp(namespace);
    expect(await namespace.tool("iptables", ["-S", "FORWARD"])).toBe("-P FORWARD ACCEPT\n");
  });

  test.for(["iptables", "iptables-legacy"])(
    "accepts pods in front of a FORWARD that drops, by %s",
    async (iptables) => {
      await using namespace = await Namespace.create();
      await namespace.tool(iptables, ["-P", "FORWARD", "DROP"]);
      await namespace.tool(iptables, ["-A", "FORWARD", "-s", "192.0.2.0/24", "-j", "ACCEPT"]);
      await setUp(namespace);
      await setUp(namespace);
      expect((await namespace.tool(iptables, ["-S", "FORWARD"])).trim().split("\n")).toEqual([
        "-P FORWARD DROP",
        `-A FORWARD -d 10.32.0.0/11 ${COMMENT} -j ACCEPT`,
        `-A FORWARD -s 10.32.0.0/11 ${COMMENT} -j ACCEPT`,
        "-A FORWARD -s 192.0.2.0/24 -j ACCEPT",
      ]);
      await remove(namespace);
      expect((await namespace.tool(iptables, ["-S", "FORWARD"])).trim().split("\n")).toEqual([
        "-P FORWARD DROP",
        "-A FORWARD -s 192.0.2.0/24 -j ACCEPT",
      ]);
    },
  );

  test("uses dockerd's chain for users, and comes back after dockerd flushed it", async () => {
    await using namespace = await Namespace.create();
    await namespace.tool("iptables", ["-P", "FORWARD", "DROP"]);
    await namespace.tool("iptables", ["-N", "DOCKER-USER"]);
    await namespace.tool("iptables", ["-A", "DOCKER-USER", "-j", "RETURN"]);
    await namespace.tool("iptables", ["-A", "FORWARD", "-j", "DOCKER-USER"]);
    const ours = [
      "-N DOCKER-USER",
      `-A DOCKER-USER -d 10.32.0.0/11 ${COMMENT} -j ACCEPT`,
      `-A DOCKER-USER -s 10.32.0.0/11 ${COMMENT} -j ACCEPT`,
    ];
    const listed = async (): Promise<string[]> =>
      (await namespace.tool("iptables", ["-S", "DOCKER-USER"])).trim().split("\n");
    await setUp(namespace);
    expect(await listed()).toEqual([...ours, "-A DOCKER-USER -j RETURN"]);
    await namespace.tool("iptables", ["-F", "DOCKER-USER"]);
    await setUp(namespace);
    expect(await listed()).toEqual(ours);
    const forward = await namespace.tool("iptables", ["-S", "FORWARD"]);
    expect(forward).toBe("-P FORWARD DROP\n-A FORWARD -j DOCKER-USER\n");
  });
});

describe("removeNodeNetwork()", () => {
  test("leaves what others made, and nothing of ours; also twice, also where nothing was", async () => {
    await using namespace = await Namespace.create();
    await namespace.ip(
      "link add berth-other type bridge",
      "link set berth-other up",
      "addr add 10.112.0.10/32 dev berth-other",
    );
    await namespace.tool("nft", ["-f", "-"], "add table ip berth_other");
    await namespace.tool("iptables", ["-P", "FORWARD", "DROP"]);
    const foreign = ["-I", "FORWARD", "-s", "10.32.0.0/11", "-m", "comment"];
    await namespace.tool("iptables", [...foreign, "--comment", "berth-other", "-j", "ACCEPT"]);
    await remove(namespace);
    const before = await everything(namespace);
    await setUp(namespace);
    const script = renderFull(EMPTY_TABLE, { clusterId: CLUSTER_ID, ...CLUSTER });
    await nftTool(namespace.run).apply(script, signal);
    expect((await everything(namespace)).length).toBeGreaterThan(before.length + 4);
    await remove(namespace);
    expect(await everything(namespace)).toEqual(before);
    await remove(namespace);
  });
});

describe("a host that cannot", () => {
  const failing =
    (exitCode: number, stderr: string): RunCommand =>
    () =>
      Promise.resolve({ exitCode, stdout: "", stderr });

  test("names a tool that is missing", async () => {
    await expect(runOnHost("no-such-tool", [], { signal })).rejects.toThrow(
      new ProxyError("tool-missing", 'Cannot run "no-such-tool", it was not found'),
    );
  });

  test("asks for root", async () => {
    const run = failing(2, "RTNETLINK answers: Operation not permitted");
    const options = { clusterId: CLUSTER_ID, cluster: CLUSTER, logger: silentLogger, run };
    await expect(setUpNodeNetwork(options, signal)).rejects.toThrow("run the node as root");
    const nft = nftTool(failing(1, "Operation not permitted (you must be root)"));
    await expect(nft.apply("", signal)).rejects.toMatchObject({ code: "not-permitted" });
  });

  test("repeats what nft said", async () => {
    await using namespace = await Namespace.create();
    const applied = nftTool(namespace.run).apply("add rule ip nowhere nothing accept", signal);
    await expect(applied).rejects.toThrow(/nft said ".*No such file or directory/);
  });
});
