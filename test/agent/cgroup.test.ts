import { describe, expect, test } from "vitest";
import {
  cgroupFiles,
  machineReading,
  readCgroup,
  usageBetween,
  type ReadText,
} from "../../src/agent/cgroup.ts";

const ID = "e1b00d84043362322b7b9fb8984d3a723cc62c208dee61d20cfa7e3011cb0753";

describe("cgroupFiles()", () => {
  test.for([
    {
      name: "v1, a mount for each controller",
      text: `9:name=systemd:/docker/${ID}\n4:memory:/docker/${ID}\n2:cpuacct:/docker/${ID}\n1:cpu:/docker/${ID}\n0::/docker/${ID}\n`,
      files: {
        version: 1,
        cpu: `/sys/fs/cgroup/cpuacct/docker/${ID}/cpuacct.usage`,
        memory: `/sys/fs/cgroup/memory/docker/${ID}/memory.usage_in_bytes`,
        memoryStat: `/sys/fs/cgroup/memory/docker/${ID}/memory.stat`,
      },
    },
    {
      name: "v1, cpu and cpuacct mounted as one",
      text: `11:cpu,cpuacct:/system.slice/docker-${ID}.scope\n6:memory:/system.slice/docker-${ID}.scope\n`,
      files: {
        version: 1,
        cpu: `/sys/fs/cgroup/cpu,cpuacct/system.slice/docker-${ID}.scope/cpuacct.usage`,
        memory: `/sys/fs/cgroup/memory/system.slice/docker-${ID}.scope/memory.usage_in_bytes`,
        memoryStat: `/sys/fs/cgroup/memory/system.slice/docker-${ID}.scope/memory.stat`,
      },
    },
    {
      name: "v2",
      text: `0::/system.slice/docker-${ID}.scope\n`,
      files: {
        version: 2,
        cpu: `/sys/fs/cgroup/system.slice/docker-${ID}.scope/cpu.stat`,
        memory: `/sys/fs/cgroup/system.slice/docker-${ID}.scope/memory.current`,
        memoryStat: `/sys/fs/cgroup/system.slice/docker-${ID}.scope/memory.stat`,
      },
    },
    { name: "a process that has gone", text: "", files: undefined },
    { name: "no cgroups", text: "nonsense\n1:pids:/x\n", files: undefined },
  ])("$name", ({ text, files }) => {
    expect(cgroupFiles(text)).toEqual(files);
  });
});

describe("readCgroup()", () => {
  const reader =
    (files: Readonly<Record<string, string>>): ReadText =>
    (path) =>
      Promise.resolve(files[path]);
  const v1 = { version: 1, cpu: "cpu", memory: "memory", memoryStat: "stat" } as const;
  const v2 = { ...v1, version: 2 } as const;

  test.for([
    {
      name: "v1: memory in use without files that could be dropped, children included",
      files: v1,
      texts: {
        cpu: "123456789012\n",
        memory: "10485760\n",
        stat: "cache 4096\ninactive_file 1\ntotal_cache 4096\ntotal_inactive_file 2097152\n",
      },
      reading: { cpuNanos: 123_456_789_012, memoryBytes: 8_388_608 },
    },
    {
      name: "v2: microseconds become nanoseconds",
      files: v2,
      texts: {
        cpu: "usage_usec 5000\nuser_usec 3000\nsystem_usec 2000\n",
        memory: "4096\n",
        stat: "anon 4096\nfile 0\ninactive_file 1024\n",
      },
      reading: { cpuNanos: 5_000_000, memoryBytes: 3072 },
    },
    {
      name: "never less than nothing",
      files: v2,
      texts: { cpu: "usage_usec 1\n", memory: "10\n", stat: "inactive_file 20\n" },
      reading: { cpuNanos: 1000, memoryBytes: 0 },
    },
    {
      name: "without memory.stat",
      files: v1,
      texts: { cpu: "7", memory: "10" },
      reading: { cpuNanos: 7, memoryBytes: 10 },
    },
    { name: "a container that has gone", files: v1, texts: { cpu: "7" }, reading: undefined },
    {
      name: "a file that says something else",
      files: v2,
      texts: { cpu: "nothing", memory: "1" },
      reading: undefined,
    },
  ])("$name", async ({ files, texts, reading }) => {
    expect(await readCgroup(files, reader(texts as Record<string, string>))).toEqual(reading);
  });
});

describe("machineReading()", () => {
  const STAT =
    "cpu  1000 200 300 99999 888 10 20 30 0 0\ncpu0 500 100 150 50000 444 5 10 15 0 0\nctxt 5\n";
  const MEMINFO =
    "MemTotal:        8000 kB\nMemFree:         3000 kB\nMemAvailable:    6000 kB\nInactive:        1500 kB\nInactive(file):  1000 kB\n";

  test("busy time without idle and waiting, memory without files that could be dropped", () => {
    expect(machineReading(STAT, MEMINFO)).toEqual({
      cpuNanos: 15_600_000_000,
      memoryBytes: 4000 * 1024,
    });
  });

  test("nothing where the kernel says nothing", () => {
    expect(machineReading("", MEMINFO)).toBeUndefined();
  });
});

describe("usageBetween()", () => {
  const after = { cpuNanos: 3_500_000_000, memoryBytes: 42, at: 11_000 };
  test.for([
    {
      name: "a quarter of a core",
      before: { cpuNanos: 1_000_000_000, at: 1000 },
      cpu: 250_000_000,
    },
    { name: "no time has passed", before: { cpuNanos: 1, at: 11_000 }, cpu: undefined },
    {
      name: "the counter went back",
      before: { cpuNanos: 4_000_000_000, at: 1000 },
      cpu: undefined,
    },
  ])("$name", ({ before, cpu }) => {
    expect(usageBetween(before, after)).toEqual(
      cpu === undefined ? undefined : { cpuNanocores: cpu, memoryBytes: 42 },
    );
  });
});
