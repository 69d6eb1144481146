import { describe, expect, test } from "vitest";
import {
  memberSpec,
  rootProblem,
  sandboxProblem,
  sandboxSpec,
  type MemberQuestion,
  type NodeContext,
} from "../../src/agent/container-spec.ts";
import { parseResolver } from "../../src/agent/pod-dns.ts";
import { containerMounts } from "../../src/agent/pod-volumes.ts";
import { containerResources } from "../../src/agent/qos.ts";
import { qosClass } from "../../src/model/qos.ts";
import { LABELS } from "../../src/model/instance.ts";
import type {
  Container,
  Pod,
  ResourceRequirements,
  VolumeMount,
} from "../../src/model/kinds.gen.ts";
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
  hasAppArmor: false,
  resolver: { servers: ["192.0.2.53"], search: ["example.org"], options: ["timeout:1"] },
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
    profiles: {},
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

describe("what the sandbox tells the pod of names", () => {
  const networkOf = (of: Pod, ip: string | undefined = "10.0.0.2") => {
    const { network, hostname } = sandboxSpec({ pod: of, node: NODE, attempt: 0, ip });
    if (network.kind === "container") throw new Error("a sandbox joins nobody");
    return { ...network, hostname };
  };
  const alias = { ip: "192.0.2.7", hostnames: ["db.example", "db"] };

  test("the full name beside the short one, then the aliases, a line each", () => {
    const found = networkOf(pod({ subdomain: "nodes", hostAliases: [alias, { ip: "192.0.2.8" }] }));
    expect(found.hosts).toEqual([
      "web.nodes.shop.svc.cluster.local\tweb:10.0.0.2",
      "db.example\tdb:192.0.2.7",
    ]);
    expect(found.hostname).toBe("web");
  });

  test("on the host's network only the aliases are added", () => {
    const wanted = pod({ hostNetwork: true, hostAliases: [alias] });
    const { network } = sandboxSpec({ pod: wanted, node: NODE, attempt: 0, ip: undefined });
    expect(network).toMatchObject({ kind: "host", hosts: ["db.example\tdb:192.0.2.7"] });
  });

  test("setHostnameAsFQDN makes the full name the host name, if there is one that fits", () => {
    const full = { setHostnameAsFQDN: true, subdomain: "nodes" };
    expect(networkOf(pod(full)).hostname).toBe("web.nodes.shop.svc.cluster.local");
    expect(networkOf(pod({ setHostnameAsFQDN: true })).hostname).toBe("web");
    expect(sandboxProblem(pod(full), NODE)).toBeUndefined();
    expect(sandboxProblem(pod({ ...full, hostname: "h".repeat(40) }), NODE)).toMatch(
      /is too long \(64 characters is the max, 69 characters requested\)$/,
    );
  });

  const none = { servers: [], search: [], options: [] };
  test.for([
    { name: "Default is the node's", spec: { dnsPolicy: "Default" }, dns: none },
    {
      name: "Default with a dnsConfig adds to the node's",
      spec: { dnsPolicy: "Default", dnsConfig: { searches: ["a.example", "example.org"] } },
      dns: {
        servers: ["192.0.2.53"],
        search: ["example.org", "a.example"],
        options: ["timeout:1"],
      },
    },
    {
      name: "None is the dnsConfig alone",
      spec: { dnsPolicy: "None", dnsConfig: { nameservers: ["192.0.2.1", "192.0.2.1"] } },
      dns: { ...none, servers: ["192.0.2.1"] },
    },
    {
      name: "options replace those of their name; three servers at most",
      spec: {
        dnsConfig: {
          nameservers: ["192.0.2.1", "192.0.2.2", "192.0.2.3"],
          options: [{ name: "ndots", value: "1" }, { name: "rotate" }],
        },
      },
      dns: {
        servers: ["10.96.0.10", "192.0.2.1", "192.0.2.2"],
        search: ["shop.svc.cluster.local", "svc.cluster.local", "cluster.local"],
        options: ["ndots:1", "rotate"],
      },
    },
  ] as const)("DNS: $name", ({ spec, dns }) => {
    expect(networkOf(pod(spec)).dns).toEqual(dns);
  });

  test("32 domains and 2048 characters at most", () => {
    const many = (domain: (index: number) => string) => {
      const searches = Array.from({ length: 40 }, (_, index) => domain(index));
      const dnsConfig = { nameservers: ["192.0.2.1"], searches };
      return networkOf(pod({ dnsPolicy: "None", dnsConfig })).dns.search;
    };
    expect(many((index) => `d${index}.example`)).toHaveLength(32);
    expect(many((index) => `${"x".repeat(98)}${10 + index}`)).toHaveLength(20);
  });
});

test("parseResolver() leaves the node's loopback out", () => {
  const text = "# note\nnameserver 127.0.0.53\nnameserver 192.0.2.9\nsearch a b\noptions edns0\n";
  expect(parseResolver(text)).toEqual({
    servers: ["192.0.2.9"],
    search: ["a", "b"],
    options: ["edns0"],
  });
});

describe("kernel settings", () => {
  const setting = (name: string, more: Partial<Pod["spec"]> = {}) =>
    pod({ ...more, securityContext: { sysctls: [{ name, value: "1" }] } });

  test("a pod's own reach its sandbox and win", () => {
    const own = setting("net/ipv4/ping_group_range");
    const { network } = sandboxSpec({ pod: own, node: NODE, attempt: 0, ip: "10.0.0.2" });
    expect(network).toMatchObject({ sysctls: { "net.ipv4.ping_group_range": "1" } });
    expect(sandboxProblem(own, NODE)).toBeUndefined();
  });

  test("others are refused", () => {
    expect(sandboxProblem(setting("kernel.msgmax"), NODE)).toBe(
      'forbidden sysctl: "kernel.msgmax" not allowlisted',
    );
    expect(sandboxProblem(setting("net.ipv4.tcp_rmem", { hostNetwork: true }), NODE)).toBe(
      'forbidden sysctl: "net.ipv4.tcp_rmem" not allowed with host net enabled',
    );
  });
});

test.for([
  { spec: {}, sees: {} },
  { spec: { shareProcessNamespace: true }, sees: { pid: "joined" } },
  { spec: { hostPID: true, hostIPC: true }, sees: { pid: "host", ipc: "host" } },
] as const)("memberSpec() with $spec sees $sees", ({ spec, sees }) => {
  const { pid, ipc } = member({}, pod(spec));
  expect({ ...(pid === undefined ? {} : { pid }), ...(ipc === undefined ? {} : { ipc }) }).toEqual(
    sees,
  );
});

describe("containerMounts()", () => {
  const VOLUMES = [
    { name: "work", emptyDir: {} },
    { name: "host", hostPath: { path: "/mnt", type: "" as const } },
  ];
  const mount = (
    more: Partial<VolumeMount>,
    privileged = false,
    env: ReadonlyMap<string, string> = new Map([["ME", "web"]]),
  ) => {
    const volumeMounts = [{ name: "work", mountPath: "/x", ...more }];
    const of = container({ volumeMounts, securityContext: { privileged } });
    const found = containerMounts(pod({ volumes: VOLUMES }), of, { clusterId: "c", env });
    return found.kind === "missing" ? found.message : found.mounts[0];
  };

  test("a part by a variable", () => {
    expect(mount({ subPathExpr: "a/$(ME)" })).toMatchObject({
      kind: "volume-part",
      subPath: "a/web",
      make: true,
    });
    expect(mount({ subPathExpr: "$$(ME)" })).toMatchObject({ subPath: "$(ME)" });
  });

  test("a part whose variable says nothing, or another root", () => {
    expect(mount({ subPathExpr: "$(B)/$(A)" })).toBe("missing value for A, B");
    expect(mount({ subPathExpr: "$(ME)" }, false, new Map([["ME", ""]]))).toBe(
      "missing value for ME",
    );
    expect(mount({ subPathExpr: "$(ME)" }, false, new Map([["ME", "/etc"]]))).toBe(
      'subPath "/etc" must not be an absolute path',
    );
  });

  test("propagation as Docker calls it; a volume's folder is bound then", () => {
    expect(mount({ mountPropagation: "None" })).toMatchObject({ kind: "volume" });
    expect(mount({ mountPropagation: "HostToContainer" })).toMatchObject({
      kind: "volume-part",
      subPath: "",
      propagation: "rslave",
    });
    const both = { name: "host", mountPropagation: "Bidirectional" } as const;
    expect(mount(both, true)).toMatchObject({ kind: "host-path", propagation: "rshared" });
    expect(mount(both)).toMatch(/only to privileged containers/);
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
  const found = containerResources(wanted.spec, container({ resources }), NODE);
  expect([found.cpuShares, found.cpuQuotaUs, found.memoryBytes, found.oomScoreAdj]).toEqual(gives);
});
