import { describe, expect, test } from "vitest";
import type { ReadText } from "../../src/agent/cgroup.ts";
import type { PodContainer } from "../../src/agent/pod-view.ts";
import { UsageReporter } from "../../src/agent/stats.ts";
import type { ApiClient } from "../../src/client/client.ts";
import { silentLogger } from "../../src/base/logger.ts";
import { BERTH_PATHS } from "../../src/model/node-endpoints.ts";
import type { UsageReport } from "../../src/model/usage.ts";
import { NOW, pod } from "../support/builders.ts";
import { ManualClock } from "../support/manual-clock.ts";

/** A machine of which only the kernel's counters are known; each container has a pid of its own. */
class Machine {
  readonly clock = new ManualClock(NOW);
  readonly cpuNanos = new Map<number, number>();
  readonly reads: string[] = [];
  readonly sent: { readonly path: string; readonly body: UsageReport }[] = [];
  fails = false;
  busyTicks = 0;

  read: ReadText = (path) => {
    this.reads.push(path);
    return Promise.resolve(this.#text(path));
  };

  reporter(containers: () => readonly Partial<PodContainer>[]): UsageReporter {
    return new UsageReporter({
      nodeName: "a",
      clock: this.clock,
      logger: silentLogger,
      read: this.read,
      client: {
        request: (_: string, path: string, body: UsageReport) => {
          this.sent.push({ path, body });
          return this.fails ? Promise.reject(new Error("away")) : Promise.resolve({});
        },
      } as unknown as ApiClient,
      pods: () => [{ pod: pod({ name: "web-1" }), containers: containers() as PodContainer[] }],
    });
  }

  #text(path: string): string | undefined {
    if (path === "/proc/stat") return `cpu  ${this.busyTicks} 0 0 5 0 0 0 0\n`;
    if (path === "/proc/meminfo")
      return "MemTotal: 1000 kB\nMemFree: 400 kB\nInactive(file): 100 kB\n";
    const proc = /^\/proc\/(\d+)\/cgroup$/.exec(path)?.[1];
    if (proc !== undefined)
      return this.cpuNanos.has(Number(proc)) ? `0::/berth/${proc}\n` : undefined;
    const [, pid = "", file] = /^\/sys\/fs\/cgroup\/berth\/(\d+)\/(.*)$/.exec(path) ?? [];
    const cpu = this.cpuNanos.get(Number(pid));
    if (cpu === undefined) return undefined;
    if (file === "cpu.stat") return `usage_usec ${cpu / 1000}\n`;
    return file === "memory.current" ? "4096\n" : "inactive_file 96\n";
  }
}

const main = (
  id: string,
  pid: number,
  fields: Partial<PodContainer> = {},
): Partial<PodContainer> => ({
  id,
  pid,
  role: "main",
  state: "running",
  containerName: id,
  ...fields,
});

describe("UsageReporter", () => {
  test("tells what was used between two readings, of running main containers alone", async () => {
    const machine = new Machine();
    machine.cpuNanos.set(1, 5_000_000_000).set(2, 0).set(3, 0).set(4, 0);
    const reporter = machine.reporter(() => [
      main("app", 1),
      main("done", 2, { state: "exited" }),
      main("setup", 3, { role: "init" }),
      main("pause", 4, { role: "sandbox" }),
    ]);
    expect(await reporter.measure()).toBeUndefined();
    await machine.clock.advance(15_000);
    machine.cpuNanos.set(1, 8_000_000_000);
    machine.busyTicks = 3000;
    expect(await reporter.measure()).toEqual({
      node: "a",
      windowMs: 15_000,
      usage: { cpuNanocores: 2_000_000_000, memoryBytes: 500 * 1024 },
      pods: [
        {
          namespace: "shop",
          name: "web-1",
          uid: "uid-web-1",
          containers: [{ name: "app", cpuNanocores: 200_000_000, memoryBytes: 4000 }],
        },
      ],
    });
  });

  test("a container that is new, or gone meanwhile, has no figures yet, or any more", async () => {
    const machine = new Machine();
    machine.cpuNanos.set(1, 0);
    let containers = [main("app", 1)];
    const reporter = machine.reporter(() => containers);
    await reporter.measure();
    await machine.clock.advance(15_000);
    machine.cpuNanos.delete(1);
    machine.cpuNanos.set(2, 0);
    containers = [main("app", 1), main("app-2", 2)];
    expect((await reporter.measure())?.pods).toEqual([]);
    await machine.clock.advance(15_000);
    expect((await reporter.measure())?.pods[0]?.containers).toMatchObject([{ name: "app-2" }]);
  });

  test("asks for the place of a container's counters once", async () => {
    const machine = new Machine();
    machine.cpuNanos.set(1, 0);
    const reporter = machine.reporter(() => [main("app", 1)]);
    for (let round = 0; round < 3; round += 1) {
      await reporter.measure();
      await machine.clock.advance(15_000);
    }
    expect(machine.reads.filter((path) => path === "/proc/1/cgroup")).toHaveLength(1);
  });

  test("reports every 15 s, whatever became of the report before", async () => {
    const machine = new Machine();
    machine.cpuNanos.set(1, 0);
    machine.fails = true;
    const stop = new AbortController();
    const running = machine.reporter(() => [main("app", 1)]).run(stop.signal);
    for (let round = 0; round < 4; round += 1) {
      while (machine.clock.sleeping === 0) await machine.clock.advance(0);
      if (round < 3) await machine.clock.advance(15_000);
    }
    expect(machine.sent.map(({ path }) => path)).toEqual(Array(3).fill(BERTH_PATHS.usageReport));
    stop.abort();
    await running;
  });
});
