import type { Pod } from "../../src/model/kinds.gen.ts";
import type { Cluster } from "./cluster.ts";
import { eventually } from "./eventually.ts";
import { containersOf, docker } from "./leftovers.ts";

/** The pods of an app, by name, without those that are on their way out. */
export async function podsOf(cluster: Cluster, app: string): Promise<Pod[]> {
  const list = await cluster.getJson<{ readonly items: readonly Pod[] }>(
    "pods",
    "-l",
    `app=${app}`,
  );
  return list.items.filter(({ metadata }) => metadata.deletionTimestamp === undefined);
}

export function isReady(pod: Pod): boolean {
  return pod.status?.conditions?.find(({ type }) => type === "Ready")?.status === "True";
}

/** The Docker id of a pod's first container. */
export function containerIdOf(pod: Pod): string {
  const id = pod.status?.containerStatuses?.[0]?.containerID;
  if (id === undefined) throw new Error(`Pod ${pod.metadata.name} has no container yet`);
  return id.replace("docker://", "");
}

/** Id, start and state of every container of the cluster, sandboxes too: equal texts mean that nothing was touched. */
export async function runningContainers(cluster: Cluster): Promise<string[]> {
  const found = await containersOf(cluster.clusterId);
  const lines = await Promise.all(
    found.map(async ({ Id }) => {
      const { Name, State } = await docker.getContainer(Id).inspect();
      return `${Name} ${Id.slice(0, 12)} ${State.Status} since ${State.StartedAt}`;
    }),
  );
  return lines.toSorted();
}

/** Resolves with `runningContainers` once what was on its way out is gone: two containers for each of `pods` are left. */
export async function settledContainers(cluster: Cluster, pods: number): Promise<string[]> {
  return await eventually(`only the containers of ${pods} pods are left`, async () => {
    const lines = await runningContainers(cluster);
    if (lines.length === 2 * pods && lines.every((line) => line.includes(" running ")))
      return lines;
    throw new Error(lines.join("\n"));
  });
}

/** Runs a program in a container, as `docker exec` does, and waits for its end. */
export async function execIn(containerId: string, ...command: readonly string[]): Promise<string> {
  const exec = await docker
    .getContainer(containerId)
    .exec({ Cmd: [...command], AttachStdout: true, AttachStderr: true });
  const stream = await exec.start({ hijack: true, stdin: false });
  let output = "";
  for await (const chunk of stream) output += String(chunk);
  const { ExitCode: code } = await exec.inspect();
  if (code !== 0) throw new Error(`${command.join(" ")} ended with ${code}: ${output}`);
  return output;
}
