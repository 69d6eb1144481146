import { describe, expect, test } from "vitest";
import {
  pathRefusal,
  podRefusal,
  toNodePolicy,
  userRefusal,
  volumeRefusal,
  wholeImageName,
  type NodePolicy,
} from "../../src/agent/node-policy.ts";
import { PINS_ANNOTATION } from "../../src/model/image-pins.ts";
import type { Pod } from "../../src/model/kinds.gen.ts";
import { container, pod } from "./pod-builder.ts";

const DIGEST = `sha256:${"a".repeat(64)}`;

function withAnnotations(annotations: Readonly<Record<string, string>>): Pod {
  const wanted = pod();
  return { ...wanted, metadata: { ...wanted.metadata, annotations } };
}

/** A policy, what it refuses with which words, and what it lets through. */
const RULES: readonly (readonly [
  field: string,
  policy: NodePolicy,
  refused: Pod,
  why: string,
  allowed: Pod,
])[] = [
  [
    "privileged",
    { privileged: false },
    pod({ containers: [{ securityContext: { privileged: true } }] }),
    'container "app" is privileged, which this node forbids',
    pod({ hostNetwork: true }),
  ],
  [
    "privileged init containers",
    { privileged: false },
    pod({ initContainers: [container({ name: "i", securityContext: { privileged: true } })] }),
    'container "i" is privileged, which this node forbids',
    pod(),
  ],
  [
    "hostNamespaces",
    { hostNamespaces: ["network"] },
    pod({ hostPID: true }),
    "the pid namespace of the host is not among the hostNamespaces that this node allows",
    pod({ hostNetwork: true }),
  ],
  [
    "hostNamespaces, none",
    { hostNamespaces: [] },
    pod({ hostIPC: true }),
    "the ipc namespace of the host is not among the hostNamespaces that this node allows",
    pod(),
  ],
  [
    "hostPaths",
    { hostPaths: ["/srv/data"] },
    pod({ volumes: [{ name: "v", hostPath: { path: "/srv/data/../secret", type: "" } }] }),
    'host path "/srv/secret" is not among the hostPaths that this node allows',
    pod({ volumes: [{ name: "v", hostPath: { path: "/srv/data/x", type: "" } }] }),
  ],
  [
    "capabilities",
    { capabilities: ["NET_ADMIN"] },
    pod({ containers: [{ securityContext: { capabilities: { add: ["CAP_SYS_ADMIN"] } } }] }),
    'capability SYS_ADMIN of container "app" is not among the capabilities that this node allows',
    pod({ containers: [{ securityContext: { capabilities: { add: ["CAP_NET_ADMIN"] } } }] }),
  ],
  [
    "all capabilities at once",
    { capabilities: ["NET_ADMIN"] },
    pod({ containers: [{ securityContext: { capabilities: { add: ["ALL"] } } }] }),
    'capability ALL of container "app" is not among the capabilities that this node allows',
    pod(),
  ],
  [
    "images",
    { images: ["registry.example/shop/*", "docker.io/library/app:1"] },
    pod({ image: "registry.example/other/app:1" }),
    'image "registry.example/other/app:1" of container "app" is not among the images that this node allows',
    pod({ image: "registry.example/shop/web:2" }),
  ],
  [
    "images, of Docker Hub",
    { images: ["docker.io/library/app:1"] },
    pod({ image: "evil/app:1" }),
    'image "docker.io/evil/app:1" of container "app" is not among the images that this node allows',
    pod({ image: "app:1" }),
  ],
  [
    "images, as they are pinned",
    { images: ["docker.io/library/app:1"] },
    withAnnotations({ [PINS_ANNOTATION]: JSON.stringify({ "app:1": DIGEST }) }),
    `image "docker.io/library/app@${DIGEST}" of container "app" is not among the images that this node allows`,
    pod(),
  ],
  [
    "users of the pod",
    { users: [{ from: 1000, to: 65_535 }] },
    pod({ securityContext: { runAsUser: 999 } }),
    'user 999 of container "app" is not among the users that this node allows',
    pod({
      securityContext: { runAsUser: 0 },
      containers: [{ securityContext: { runAsUser: 1000 } }],
    }),
  ],
  [
    "unconfined seccomp",
    { unconfined: false },
    pod({ securityContext: { seccompProfile: { type: "Unconfined" } } }),
    "the pod switches seccomp off, which this node forbids",
    pod({ securityContext: { seccompProfile: { type: "RuntimeDefault" } } }),
  ],
  [
    "unconfined AppArmor",
    { unconfined: false },
    pod({ containers: [{ securityContext: { appArmorProfile: { type: "Unconfined" } } }] }),
    'container "app" switches AppArmor off, which this node forbids',
    pod(),
  ],
  [
    "logDrivers",
    { logDrivers: ["syslog"] },
    withAnnotations({ "berth.dev/log-driver": "gelf" }),
    'log driver "gelf" is not among the logDrivers that this node allows',
    withAnnotations({ "berth.dev/log-driver": "syslog" }),
  ],
];

describe("podRefusal()", () => {
  test.each(RULES)("%s", (_field, policy, refused, why, allowed) => {
    expect(podRefusal(policy, refused)).toBe(why);
    expect(podRefusal(policy, allowed)).toBeUndefined();
    expect(podRefusal({}, refused)).toBeUndefined();
  });
});

describe("pathRefusal()", () => {
  test.each([
    ["/srv/data", true],
    ["/srv/data/", true],
    ["/srv/data/a/b", true],
    ["/srv/database", false],
    ["/srv", false],
    ["/", false],
    ["/srv/data/../x", false],
  ])("%s below /srv/data: %s", (path, isAllowed) => {
    expect(pathRefusal({ hostPaths: ["/srv/data"] }, path) === undefined).toBe(isAllowed);
  });

  test("devices have a list of their own", () => {
    const policy = { hostPaths: ["/srv"], devices: ["/dev/fuse"] };
    expect(pathRefusal(policy, "/dev/fuse", true)).toBeUndefined();
    expect(pathRefusal(policy, "/dev/fuse")).toContain("hostPaths");
    expect(pathRefusal(policy, "/srv/disk", true)).toContain("devices");
    expect(pathRefusal({ hostPaths: ["/"] }, "/etc")).toBeUndefined();
  });
});

describe("volumeRefusal()", () => {
  const BIND = { type: "none", o: "rw,bind", device: "/etc" };
  test.each([
    ["a folder by the back door", { hostPaths: ["/srv"] }, "local", BIND, 'host path "/etc"'],
    [
      "a disk by the back door",
      { devices: [] },
      "local",
      { type: "ext4", device: "/dev/vda" },
      'host path "/dev/vda" is not among the devices',
    ],
    ["a plugin", { volumeDrivers: ["local"] }, "rclone", {}, 'volume driver "rclone"'],
    [
      "a share",
      { volumeDrivers: ["local"] },
      "local",
      { type: "nfs", device: ":/x" },
      'volume driver "nfs"',
    ],
  ])("%s is refused", (_what, policy: NodePolicy, driver, options, why) => {
    expect(volumeRefusal(policy, { driver, options })).toContain(why);
    expect(volumeRefusal({}, { driver, options })).toBeUndefined();
  });

  test("plain volumes, memory and shares are no path of the host", () => {
    const policy = { hostPaths: [], devices: [] };
    const tmpfs = { type: "tmpfs", device: "tmpfs" };
    const nfs = { type: "nfs", device: ":/etc", o: "addr=1.2.3.4" };
    for (const options of [{}, tmpfs, nfs])
      expect(volumeRefusal(policy, { driver: "local", options })).toBeUndefined();
  });
});

describe("userRefusal()", () => {
  const policy = toNodePolicy({ users: ["33", "1000-1999"] });
  test.each([
    ["33", true],
    ["1000:0", true],
    ["1999", true],
    ["2000", false],
    ["", false],
    ["root", false],
    ["www-data", false],
  ])("%j: %s", (user, isAllowed) => {
    expect(userRefusal(policy, user, "it") === undefined).toBe(isAllowed);
    expect(userRefusal({}, user, "it")).toBeUndefined();
  });
  test("says what it takes for root, and what it cannot tell", () => {
    expect(userRefusal(policy, "", "it")).toContain("user 0 of it");
    expect(userRefusal(policy, "app", "it")).toContain("set runAsUser");
  });
});

describe("wholeImageName()", () => {
  test.each([
    ["busybox:1", "docker.io/library/busybox:1"],
    ["shop/web:1", "docker.io/shop/web:1"],
    ["docker.io/busybox", "docker.io/library/busybox"],
    ["index.docker.io/shop/web", "docker.io/shop/web"],
    ["localhost/web", "localhost/web"],
    ["host:5000/a/b@sha256:1", "host:5000/a/b@sha256:1"],
  ])("%s is %s", (image, whole) => {
    expect(wholeImageName(image)).toBe(whole);
  });

  test.each([
    ["registry.example/shop/*", "registry.example/shop/a/b:1", false],
    ["registry.example/**", "registry.example/shop/a/b:1", true],
    ["registry.example/*", "registry-example/x", false],
    ["**@sha256:*", "registry.example/a@sha256:1", true],
    ["**@sha256:*", "registry.example/a:1", false],
  ])("glob %s takes %s: %s", (glob, image, isTaken) => {
    expect(podRefusal({ images: [glob] }, pod({ image })) === undefined).toBe(isTaken);
  });
});

describe("toNodePolicy()", () => {
  test.each([
    [{ privilege: false }, '"privilege" is no field'],
    [{ privileged: "no" }, "privileged must be true or false"],
    [{ hostNamespaces: ["net"] }, "hostNamespaces must be a list of network, pid, ipc"],
    [{ hostPaths: ["srv"] }, "hostPaths must be a list of absolute paths"],
    [{ hostPaths: ["/srv/*"] }, "hostPaths must be a list of absolute paths"],
    [{ capabilities: "ALL" }, "capabilities must be a list of names"],
    [{ users: ["9-1"] }, "users must be a list of ids and ranges"],
    [{ images: [1] }, "images must be a list of texts"],
    [[], "it must be a map of fields"],
  ])("%j: %s", (given, why) => {
    expect(() => toNodePolicy(given)).toThrow(why);
  });

  test("reads all of it", () => {
    expect(toNodePolicy(undefined)).toEqual({});
    const plain = toNodePolicy({
      privileged: false,
      hostNamespaces: ["pid"],
      hostPaths: ["/srv/", "/a/../b"],
      capabilities: ["CAP_CHOWN"],
      users: [0, "5-6"],
      exec: false,
    });
    expect(plain).toEqual({
      privileged: false,
      hostNamespaces: ["pid"],
      hostPaths: ["/srv", "/b"],
      capabilities: ["CHOWN"],
      users: [
        { from: 0, to: 0 },
        { from: 5, to: 6 },
      ],
      exec: false,
    });
  });
});
