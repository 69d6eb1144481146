import { readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { HostList, TestHost } from "./test-hosts-host.ts";
import { HostsCluster, type HostsClusterOptions } from "./test-hosts-cluster.ts";
import { EngineMachine, removeCgroup } from "./test-hosts-machine.ts";
import { portOf, Wire, type Port } from "./test-hosts-wire.ts";

export interface HostsOptions {
  readonly count: number;
  /** Images that all Engines have, of those that the machine's own has. */
  readonly images?: readonly string[];
  /** Segment of each host, 0 when absent: hosts of different segments reach each other by a router only. */
  readonly segments?: readonly number[];
  readonly mtu?: number;
}

interface Plugged {
  readonly machine: EngineMachine;
  readonly port: Port;
}

const PREFIX = "berth-hosts-";
const ETHERNET_MTU = 1500;
let count = 0;

/**
 * Hosts on one machine: each with a network, processes, mounts and a Docker Engine of its own, joined by an Ethernet
 * that touches nothing else. All goes with `close`; when the test process dies, by itself.
 */
export async function startHosts(options: HostsOptions): Promise<Hosts> {
  await sweep();
  const dir = newFolder();
  await using stack = new AsyncDisposableStack();
  const wire = await Wire.open(join(dir, "router"), options.mtu ?? ETHERNET_MTU);
  stack.defer(() => wire.close());
  const boots = Array.from({ length: options.count }, async (_, index) => {
    const name = `h${index}`;
    const machine = await EngineMachine.boot(name, join(dir, name));
    stack.defer(() => machine.close());
    const port = portOf(index, options.segments?.[index] ?? 0);
    await wire.plug(machine, port);
    await machine.startEngine();
    await machine.loadImages(options.images ?? []);
    return { machine, port };
  });
  await Promise.allSettled(boots);
  const hosts = await Promise.all(boots);
  stack.move();
  return new Hosts(dir, hosts, wire);
}

/** One Engine of its own, without any network: for tests that restart, fill or break it. */
export async function startEngine(
  options: { readonly images?: readonly string[] } = {},
): Promise<EngineMachine & AsyncDisposable> {
  await sweep();
  const dir = newFolder();
  const machine = await EngineMachine.boot("engine", join(dir, "engine"));
  await machine.startEngine();
  await machine.loadImages(options.images ?? []);
  return Object.assign(machine, {
    [Symbol.asyncDispose]: async (): Promise<void> => {
      await machine.close();
      await rm(dir, { recursive: true, force: true });
    },
  });
}

export class Hosts implements HostList, AsyncDisposable {
  readonly all: readonly TestHost[];
  readonly #dir: string;
  readonly #ports: readonly Port[];
  readonly #wire: Wire;

  constructor(dir: string, hosts: readonly Plugged[], wire: Wire) {
    this.#dir = dir;
    this.#ports = hosts.map(({ port }) => port);
    this.#wire = wire;
    this.all = hosts.map(({ machine, port }) => toHost(machine, port.address));
  }

  /** The host with this number, from 0. */
  at(index: number): TestHost {
    const host = this.all[index];
    if (host === undefined) throw new Error(`There are only ${this.all.length} hosts`);
    return host;
  }

  /** A Berth of its own: control plane on host 0, a node on each. */
  startCluster(options: HostsClusterOptions = {}): Promise<HostsCluster> {
    return HostsCluster.start(this, join(this.#dir, "cluster"), options);
  }

  /** Nothing goes between two hosts, or to and from `a` when there is no `b`, until `heal`. Nobody is told. */
  async cut(a: number, b?: number): Promise<void> {
    await this.#wire.cut(this.#port(a), b === undefined ? undefined : this.#port(b));
  }

  /** Loses so many percent of what a host sends. */
  async lose(host: number, percent: number): Promise<void> {
    await this.#wire.lose(this.#port(host), percent);
  }

  /** What goes to a host takes so much longer. Throws where the kernel cannot do that (no `sch_netem`). */
  async delay(host: number, ms: number): Promise<void> {
    await this.#wire.delay(this.#port(host), ms);
  }

  /** Takes all cuts, losses and delays back. */
  async heal(): Promise<void> {
    await this.#wire.heal();
  }

  async close(): Promise<void> {
    await Promise.all(this.all.map(({ machine }) => machine.close()));
    await this.#wire.close();
    await rm(this.#dir, { recursive: true, force: true });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  #port(index: number): Port {
    const port = this.#ports[index];
    if (port === undefined) throw new Error(`There is no host ${index}`);
    return port;
  }
}

function toHost(machine: EngineMachine, address: string): TestHost {
  const { name, docker, dockerSocket } = machine;
  return {
    name,
    address,
    machine,
    docker,
    dockerSocket,
    run: (command) => machine.run(command),
    mustRun: (command, input) => machine.mustRun(command, input === undefined ? {} : { input }),
  };
}

function newFolder(): string {
  count += 1;
  return join(tmpdir(), `${PREFIX}${process.pid}-${count}`);
}

/** What test processes that were killed have left: their machines are gone, files and empty groups are not. */
async function sweep(): Promise<void> {
  const folders = await readdir(tmpdir());
  const groups = await Promise.all(
    (await readdir("/sys/fs/cgroup")).map((name) =>
      readdir(join("/sys/fs/cgroup", name)).catch(() => []),
    ),
  );
  for (const name of folders.filter(isDead))
    await rm(join(tmpdir(), name), { recursive: true, force: true, maxRetries: 5 });
  for (const name of new Set(groups.flat().filter(isDead))) await removeCgroup(`/${name}`);
}

/** Whether the name is one of ours and its process has gone. */
function isDead(name: string): boolean {
  const pid = new RegExp(`^${PREFIX}(\\d+)-`).exec(name)?.[1];
  if (pid === undefined) return false;
  try {
    process.kill(Number(pid), 0);
    return false;
  } catch {
    return true;
  }
}
