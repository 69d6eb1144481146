import { describe, expect, test } from "vitest";
import {
  evictionMessage,
  rankForEviction,
  type EvictionResource,
  type PodConsumption,
} from "../../../src/agent/resources/eviction-rank.ts";
import { storageExcess } from "../../../src/agent/resources/local-storage.ts";
import { pod, type PodOptions } from "../pod-builder.ts";

const MI = 2 ** 20;

interface Use {
  readonly memory?: number;
  readonly disk?: number;
  readonly volume?: number;
  readonly inodes?: number;
  readonly processes?: number;
}

function using(name: string, use: Use, spec: PodOptions = {}): PodConsumption {
  const { memory = 0, disk = 0, volume = 0, inodes = 0, processes = 0 } = use;
  return {
    pod: pod({ name, ...spec }),
    containers: [
      { name: "app", memoryBytes: memory * MI, diskBytes: disk * MI, inodes, processes },
    ],
    volumes: [{ name: "cache", diskBytes: volume * MI, inodes: 0 }],
  };
}

const asks = (memory: string, priority?: number): PodOptions => ({
  containers: [{ resources: { requests: { memory } } }],
  ...(priority === undefined ? {} : { priority }),
});

describe("rankForEviction()", () => {
  test.each<[string, EvictionResource, readonly PodConsumption[], readonly string[]]>([
    [
      "who uses more than it asked for goes before who uses more",
      "memory",
      [
        using("modest", { memory: 900 }, asks("1Gi")),
        using("greedy", { memory: 20 }, asks("10Mi")),
      ],
      ["greedy", "modest"],
    ],
    [
      "then who matters less",
      "memory",
      [
        using("matters", { memory: 500 }, asks("10Mi", 100)),
        using("less", { memory: 20 }, asks("10Mi", 1)),
      ],
      ["less", "matters"],
    ],
    [
      "then who uses more beyond what it asked for",
      "memory",
      [using("big", { memory: 500 }, asks("490Mi")), using("over", { memory: 60 }, asks("10Mi"))],
      ["over", "big"],
    ],
    [
      "disk counts volumes, layers and logs",
      "ephemeral-storage",
      [using("layer", { disk: 30 }), using("volume", { disk: 1, volume: 40 })],
      ["volume", "layer"],
    ],
    [
      "inodes go by priority, then by their number",
      "inodes",
      [
        using("few", { inodes: 5 }),
        using("many", { inodes: 50 }),
        using("low", {}, { priority: -1 }),
      ],
      ["low", "many", "few"],
    ],
    [
      "pids go by priority, then by processes",
      "pids",
      [using("few", { processes: 5 }), using("many", { processes: 50 })],
      ["many", "few"],
    ],
    [
      "what the system needs is never evicted",
      "memory",
      [using("system", { memory: 500 }, asks("1Mi", 2_000_000_000)), using("other", { memory: 1 })],
      ["other"],
    ],
  ])("%s", (_, resource, pods, order) => {
    const ranked = rankForEviction(pods, resource);
    expect(ranked.map(({ pod: { metadata } }) => metadata.name)).toEqual(order);
    const turned = rankForEviction(pods.toReversed(), resource);
    expect(turned.map(({ pod: { metadata } }) => metadata.name)).toEqual(order);
  });
});

describe("evictionMessage()", () => {
  test("names what ran out, and who used more than it asked for", () => {
    const met = { signal: "memory.available", wanted: 100 * MI, available: 52 * MI } as const;
    expect(evictionMessage(using("web", { memory: 60 }, asks("10Mi")), met)).toBe(
      "The node was low on resource: memory. Threshold quantity: 100Mi, available: 52Mi. " +
        "Container app was using 60Mi, request is 10Mi, has larger consumption of memory. ",
    );
    expect(evictionMessage(using("web", { memory: 6 }, asks("10Mi")), met)).toBe(
      "The node was low on resource: memory. Threshold quantity: 100Mi, available: 52Mi. ",
    );
  });

  test("of inodes has numbers", () => {
    const met = { signal: "nodefs.inodesFree", wanted: 5000, available: 12 } as const;
    expect(evictionMessage(using("web", {}), met)).toBe(
      "The node was low on resource: inodes. Threshold quantity: 5000, available: 12. ",
    );
  });
});

describe("storageExcess()", () => {
  const limited = (limit: string): PodOptions => ({
    containers: [{ resources: { limits: { "ephemeral-storage": limit } } }],
  });
  test.each<[string, PodConsumption, string | undefined]>([
    ["nothing limited", using("web", { disk: 1000, volume: 1000 }), undefined],
    ["at the limit", using("web", { disk: 10 }, limited("10Mi")), undefined],
    [
      "the pod, its volumes included",
      using("web", { disk: 6, volume: 5 }, limited("10Mi")),
      "Pod ephemeral local storage usage exceeds the total limit of containers 10Mi. ",
    ],
    [
      "a container among several",
      {
        ...using(
          "web",
          {},
          {
            containers: [
              { name: "app", resources: { limits: { "ephemeral-storage": "1Mi" } } },
              { name: "b", resources: { limits: { "ephemeral-storage": "9Mi" } } },
            ],
          },
        ),
        containers: [{ name: "app", memoryBytes: 0, diskBytes: 2 * MI, inodes: 0, processes: 0 }],
      },
      'Container app exceeded its local ephemeral storage limit "1Mi". ',
    ],
    [
      "an emptyDir",
      using(
        "web",
        { volume: 11 },
        { volumes: [{ name: "cache", emptyDir: { sizeLimit: "10Mi" } }] },
      ),
      'Usage of EmptyDir volume "cache" exceeds the limit "10Mi". ',
    ],
    [
      "an emptyDir in memory limits itself",
      using(
        "web",
        { volume: 11 },
        {
          volumes: [{ name: "cache", emptyDir: { sizeLimit: "10Mi", medium: "Memory" } }],
        },
      ),
      undefined,
    ],
    [
      "an emptyDir within its limit",
      using(
        "web",
        { volume: 10 },
        { volumes: [{ name: "cache", emptyDir: { sizeLimit: "10Mi" } }] },
      ),
      undefined,
    ],
  ])("%s", (_, consumption, message) => {
    expect(storageExcess(consumption)).toBe(message);
  });
});
