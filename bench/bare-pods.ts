import { cpus } from "node:os";
import type { ContainerCreateOptions, ContainerInspectInfo } from "dockerode";
import { callDocker } from "./docker.ts";

/** As many pods as Berth's agent starts at a time. */
const AT_A_TIME = 2 * cpus().length;

/** The two containers of a pod, as the Engine is asked for them. */
export interface PodBlueprint {
  readonly sandbox: ContainerCreateOptions;
  readonly member: ContainerCreateOptions;
}

/** Reads what a pod that Berth runs is made of, so that the bare calls ask for the same. */
export async function blueprintOf(sandboxId: string, memberId: string): Promise<PodBlueprint> {
  const inspect = (id: string): Promise<ContainerInspectInfo> =>
    callDocker("GET", `/containers/${id}/json`);
  const [sandbox, member] = await Promise.all([inspect(sandboxId), inspect(memberId)]);
  return { sandbox: toCreateOptions(sandbox), member: toCreateOptions(member) };
}

/** Makes and starts pods by nothing but Engine calls; resolves with the time that took and how to remove them. */
export async function runBarePods(
  blueprint: PodBlueprint,
  count: number,
  /** Each member in a network namespace of its own, which nobody wires. */
  withoutSandbox = false,
): Promise<{ readonly ms: number; readonly remove: () => Promise<void> }> {
  const ids: string[] = [];
  const create = async (options: ContainerCreateOptions): Promise<string> => {
    const { Id } = await callDocker<{ readonly Id: string }>("POST", "/containers/create", options);
    ids.push(Id);
    return Id;
  };
  const start = (id: string): Promise<unknown> => callDocker("POST", `/containers/${id}/start`);
  const startedAt = performance.now();
  await eachOf(count, AT_A_TIME, async () => {
    if (withoutSandbox) {
      await start(await create(alone(blueprint.member)));
      return;
    }
    const sandbox = await create(blueprint.sandbox);
    await start(sandbox);
    await start(await create(joining(blueprint.member, sandbox)));
  });
  const ms = performance.now() - startedAt;
  const remove = (): Promise<void> =>
    eachOf(ids.length, AT_A_TIME, async (index) => {
      await callDocker("DELETE", `/containers/${ids[index]}?force=1&v=1`);
    });
  return { ms, remove };
}

function toCreateOptions({ Config, HostConfig }: ContainerInspectInfo): ContainerCreateOptions {
  // Berth must not take these for its own.
  const labels = Object.fromEntries(
    Object.entries(Config.Labels).map(([key, value]) => [`bench.${key}`, value]),
  );
  return { ...Config, Labels: labels, HostConfig };
}

/** A member has no host name or network of its own. */
function joining(member: ContainerCreateOptions, sandbox: string): ContainerCreateOptions {
  const { Hostname: _, Domainname: __, ...rest } = member;
  const place = `container:${sandbox}`;
  return { ...rest, HostConfig: { ...member.HostConfig, NetworkMode: place, IpcMode: place } };
}

function alone(member: ContainerCreateOptions): ContainerCreateOptions {
  return {
    ...member,
    HostConfig: { ...member.HostConfig, NetworkMode: "none", IpcMode: "private" },
  };
}

async function eachOf(
  count: number,
  atATime: number,
  work: (index: number) => Promise<void>,
): Promise<void> {
  let next = 0;
  const worker = async (): Promise<void> => {
    while (next < count) {
      const index = next;
      next += 1;
      await work(index);
    }
  };
  await Promise.all(Array.from({ length: Math.min(atATime, count) }, worker));
}
