import { expect, test } from "vitest";
import { ensureImages } from "../support/cluster.ts";
import { Cluster } from "../support/cluster.ts";
import { deploymentText } from "../support/manifests.ts";

test("a node's figures are served under cAdvisor's and kubelet's names, through its tunnel", async () => {
  await ensureImages("busybox");
  const command = "trap 'exit 0' TERM; sleep 86400 & wait";
  await using cluster = await Cluster.make({
    files: { "web.yaml": deploymentText({ name: "web", replicas: 1, command }) },
  });
  await cluster.untilPhase(await cluster.repo.head(), "Healthy");
  const { nodes } = await cluster.status();
  const name = nodes[0]?.name ?? "";
  const read = (page: string): Promise<string> =>
    cluster.kubectl("get", "--raw", `/api/v1/nodes/${name}/proxy/${page}`);
  const cadvisor = await read("metrics/cadvisor");
  expect(cadvisor).toMatch(
    /^container_memory_working_set_bytes\{container="[^"]+",id="[^"]+",image="[^"]+",name="[^"]+",namespace="default",pod="web-[^"]+"\} [1-9]\d*$/m,
  );
  expect(cadvisor).toMatch(
    /^container_network_receive_bytes_total\{container="",.*namespace="default",pod="web-[^"]+",interface="eth0"\} \d+$/m,
  );
  expect(await read("metrics")).toMatch(/^kubelet_running_pods 1$/m);
  expect(await read("metrics/resource")).toMatch(/^node_cpu_usage_seconds_total \d/m);
  expect(JSON.parse(await read("stats/summary"))).toMatchObject({ node: { nodeName: name } });
  await expect(read("configz")).rejects.toThrow(/could not find the requested resource|NotFound/);
});
