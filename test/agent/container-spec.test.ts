import { describe, expect, test } from "vitest";
import {
  memberSpec,
  rootProblem,
  sandboxSpec,
  type MemberQuestion,
  type NodeContext,
} from "../../src/agent/container-spec.ts";
import { containerResources, qosClass } from "../../src/agent/qos.ts";
import { LABELS } from "../../src/model/instance.ts";
import type { Container, Pod, ResourceRequirements } from "../../src/model/kinds.gen.ts";
import { container, pod } from "./pod-builder.ts";

const NODE: NodeContext = {
  clusterId: "abc123",
  nodeName: "node-a",
  dnsIp: "10.96.0.10",
  domain: "cluster.local",
  pauseImage: "berth.local/pause:1",
  memoryBytes: 1024 ** 3,
  allocatable: { cpuMillis: 2000, memoryBytes: 1024 ** 3, ephemeralBytes: 10 * 1024 ** 3 },
  hasIpv6: true,
};

function member(
  more: Partial<Container>,
  wanted: Pod = pod(),
  question: Partial<MemberQuestion> = {},
) {
  return memberSpec({
    pod: wanted,
    node: NODE,
    container: container(more),
    role: "main",
    attempt: 2,
    crashes: 1,
    sandboxId: "s0",
    env: new Map([["WHO", "you"]]),
    mounts: [],
    imageUser: "app",
    ...question,
  });
}

describe("memberSpec()", () => {
  test("names, labels and joins", () => {
    const spec = member({});
    expect(spec.name).toBe("berth_app_web_shop_web-uid_2");
    expect(spec.network).toEqual({ kind: "container", id: "s0" });
    expect(spec.env).toEqual(["WHO=you"]);
    expect(spec.labels).toMatchObject({
      [LABELS.cluster]: "abc123",
      [LABELS.node]: "node-a",
      [LABELS.podUid]: "web-uid",
      [LABELS.container]: "app",
      [LABELS.role]: "main",
      [LABELS.attempt]: "2",
      [LABELS.crashes]: "1",
      [LABELS.sandbox]: "s0",
    });
  });

  test("the digest tells what it is made from", () => {
    const hash = (more: Partial<Container>, question: Partial<MemberQuestion> = {}): string =>
      member(more, pod(), question).labels[LABELS.specHash] ?? "";
    expect(hash({})).toBe(hash({}));
    expect(hash({ args: ["x"] })).not.toBe(hash({}));
    expect(hash({}, { sandboxId: "s1" })).not.toBe(hash({}));
    expect(hash({}, { env: new Map() })).not.toBe(hash({}));
  });

  test("commands see the variables", () => {
    const spec = member({ command: ["echo", "$(WHO)"], args: ["$(WHO)", "$(NOT)"] });
    expect([spec.command, spec.args]).toEqual([
      ["echo", "you"],
      ["you", "$(NOT)"],
    ]);
  });

  test.for([
    { name: "as the image says", security: {}, podSecurity: {}, user: undefined },
    { name: "the pod's user", security: {}, podSecurity: { runAsUser: 5 }, user: "5" },
    {
      name: "the container's user wins",
      security: { runAsUser: 0 },
      podSecurity: { runAsUser: 5 },
      user: "0",
    },
    {
      name: "user and group",
      security: { runAsUser: 1, runAsGroup: 2 },
      podSecurity: {},
      user: "1:2",
    },
    {
      name: "a group alone keeps the image's user",
      security: { runAsGroup: 2 },
      podSecurity: {},
      user: "app:2",
    },
  ])("runs $name", ({ security, podSecurity, user }) => {
    expect(member({ securityContext: security }, pod({ securityContext: podSecurity })).user).toBe(
      user,
    );
  });

  test.for([
    { name: "raw sockets are dropped", security: {}, add: [], drop: ["NET_RAW"] },
    {
      name: "unless they are asked for",
      security: { capabilities: { add: ["CAP_NET_RAW"] } },
      add: ["NET_RAW"],
      drop: [],
    },
    {
      name: "all means all",
      security: { capabilities: { drop: ["ALL"], add: ["CHOWN"] } },
      add: ["CHOWN"],
      drop: ["ALL"],
    },
    { name: "privileged keeps everything", security: { privileged: true }, add: [], drop: [] },
  ])("capabilities: $name", ({ security, add, drop }) => {
    const spec = member({ securityContext: security });
    expect([spec.capabilitiesAdd, spec.capabilitiesDrop]).toEqual([add, drop]);
  });
});

describe("sandboxSpec()", () => {
  test("holds the pod's names and its memory volumes", () => {
    const volumes = [
      { name: "s", secret: { secretName: "keys", defaultMode: 0o400 } },
      { name: "disk", emptyDir: {} },
      { name: "memory", emptyDir: { medium: "Memory" as const } },
    ];
    const spec = sandboxSpec({ pod: pod({ volumes }), node: NODE, attempt: 0, ip: "10.0.0.2" });
    expect(spec.mounts.map((mount) => mount.target)).toEqual(["/berth/s", "/berth/memory"]);
    expect(spec.network).toMatchObject({
      kind: "none",
      dns: {
        servers: ["10.96.0.10"],
        search: ["shop.svc.cluster.local", "svc.cluster.local", "cluster.local"],
        options: ["ndots:5"],
      },
      hosts: ["web:10.0.0.2"],
      sysctls: { "net.ipv6.conf.all.disable_ipv6": "1" },
    });
    expect(spec.labels[LABELS.podIp]).toBe("10.0.0.2");
  });

  test.for([
    { policy: "ClusterFirst", hostNetwork: true, servers: [] },
    { policy: "ClusterFirstWithHostNet", hostNetwork: true, servers: ["10.96.0.10"] },
    { policy: "Default", hostNetwork: false, servers: [] },
  ] as const)("dnsPolicy $policy, hostNetwork $hostNetwork", ({ policy, hostNetwork, servers }) => {
    const wanted = pod({ dnsPolicy: policy, hostNetwork });
    const { network } = sandboxSpec({ pod: wanted, node: NODE, attempt: 0, ip: undefined });
    expect(network.kind === "container" ? undefined : network.dns.servers).toEqual(servers);
  });
});

test.for([
  { image: "", user: undefined, problem: /image will run as root/ },
  { image: "0:0", user: undefined, problem: /image will run as root/ },
  { image: "app", user: undefined, problem: /non-numeric user \(app\)/ },
  { image: "", user: 0, problem: /breaks non-root policy/ },
  { image: "1000", user: undefined, problem: undefined },
  { image: "", user: 7, problem: undefined },
])("runAsNonRoot with image user '$image' and runAsUser $user", ({ image, user, problem }) => {
  const securityContext = {
    runAsNonRoot: true,
    ...(user === undefined ? {} : { runAsUser: user }),
  };
  const found = rootProblem(pod({ securityContext }), container(), image);
  if (problem === undefined) expect(found).toBeUndefined();
  else expect(found).toMatch(problem);
});

test.for<{ resources: ResourceRequirements; qos: string; gives: readonly number[] }>([
  { resources: {}, qos: "BestEffort", gives: [2, 0, 0, 1000] },
  { resources: { requests: { cpu: "250m" } }, qos: "Burstable", gives: [256, 0, 0, 999] },
  {
    resources: { requests: { memory: "512Mi" }, limits: { cpu: "5m" } },
    qos: "Burstable",
    gives: [5, 1000, 0, 500],
  },
  {
    resources: { limits: { cpu: "1", memory: "64Mi" } },
    qos: "Guaranteed",
    gives: [1024, 100_000, 67_108_864, 0],
  },
  {
    resources: { requests: { cpu: "0.5" }, limits: { cpu: "1", memory: "64Mi" } },
    qos: "Burstable",
    gives: [512, 100_000, 67_108_864, 938],
  },
])("resources $resources", ({ resources, qos, gives }) => {
  const wanted = pod({ containers: [{ resources }] });
  expect(qosClass(wanted.spec)).toBe(qos);
  const found = containerResources(wanted.spec, container({ resources }), NODE.memoryBytes);
  expect([found.cpuShares, found.cpuQuotaUs, found.memoryBytes, found.oomScoreAdj]).toEqual(gives);
});
