import { describe, expect, test } from "vitest";
import type { Container, PodSpec } from "../../src/model/kinds.gen.ts";
import {
  podSecurityMessage,
  podSecurityOf,
  type PodSecurityPolicy,
} from "../../src/model/pod-security.ts";
import type { CheckedPod } from "../../src/model/pod-security-checks.ts";

type Security = NonNullable<Container["securityContext"]>;

interface Given {
  readonly pod?: Partial<PodSpec>;
  readonly security?: Security | object;
  /** Of a second container, which is as good as the first one otherwise. */
  readonly other?: Security | object;
  readonly annotations?: Readonly<Record<string, string>>;
}

const GOOD: Security = {
  allowPrivilegeEscalation: false,
  capabilities: { drop: ["ALL"] },
  runAsNonRoot: true,
  seccompProfile: { type: "RuntimeDefault" },
};

/** A pod that keeps to the strictest level but for what is given. */
function podOf({ pod = {}, security = {}, other, annotations = {} }: Given): CheckedPod {
  const containers = [security, ...(other === undefined ? [] : [other])].map((more, index) => ({
    name: index === 0 ? "a" : "b",
    image: "web:1",
    securityContext: { ...GOOD, ...more },
  }));
  return {
    metadata: { annotations },
    spec: { containers, ...pod } as unknown as PodSpec,
  };
}

const BASELINE: PodSecurityPolicy = { level: "baseline", minor: "latest" };
const RESTRICTED: PodSecurityPolicy = { level: "restricted", minor: "latest" };

function told(policy: PodSecurityPolicy, given: Given): string | undefined {
  return podSecurityMessage(policy, podOf(given))?.replace(/^violates PodSecurity /, "");
}

/** What breaks both levels, in the same words. */
const BOTH: readonly (readonly [what: string, given: Given, why: string])[] = [
  ["hostNetwork", { pod: { hostNetwork: true } }, "host namespaces (hostNetwork=true)"],
  [
    "all namespaces of the host",
    { pod: { hostIPC: true, hostPID: true, hostNetwork: true } },
    "host namespaces (hostNetwork=true, hostPID=true, hostIPC=true)",
  ],
  [
    "privileged",
    { security: { privileged: true } },
    'privileged (container "a" must not set securityContext.privileged=true)',
  ],
  [
    "a port of the host",
    {
      pod: {
        containers: [
          {
            ...podOf({}).spec.containers[0],
            ports: [
              { containerPort: 80, hostPort: 8080, protocol: "TCP" },
              { containerPort: 81, hostPort: 8443, protocol: "TCP" },
            ],
          } as Container,
        ],
      },
    },
    'hostPort (container "a" uses hostPorts 8080, 8443)',
  ],
  [
    "AppArmor off, by pod, container and annotation",
    {
      pod: { securityContext: { appArmorProfile: { type: "Unconfined" } } },
      security: { appArmorProfile: { type: "Unconfined" } },
      annotations: { "container.apparmor.security.beta.kubernetes.io/a": "unconfined" },
    },
    'forbidden AppArmor profiles (pod and container "a" and annotation must not set AppArmor profile type to ' +
      '"Unconfined", "container.apparmor.security.beta.kubernetes.io/a=\\"unconfined\\"")',
  ],
  [
    "a SELinux type, user and role",
    {
      pod: { securityContext: { seLinuxOptions: { user: "u", role: "r" } } },
      security: { seLinuxOptions: { type: "spc_t" } },
    },
    'seLinuxOptions (pod and container "a" set forbidden securityContext.seLinuxOptions: ' +
      'type "spc_t"; user may not be set; role may not be set)',
  ],
  [
    "a whole /proc",
    { security: { procMount: "Unmasked" } },
    'procMount (container "a" must not set securityContext.procMount to "Unmasked")',
  ],
  [
    "seccomp off",
    { other: { seccompProfile: { type: "Unconfined" } } },
    'seccompProfile (container "b" must not set securityContext.seccompProfile.type to "Unconfined")',
  ],
  [
    "unsafe sysctls",
    {
      pod: {
        securityContext: {
          sysctls: [
            { name: "net.ipv4.tcp_rmem", value: "1" },
            { name: "net.core.somaxconn", value: "1" },
            { name: "kernel.msgmax", value: "1" },
          ],
        },
      },
    },
    "forbidden sysctls (net.core.somaxconn, kernel.msgmax)",
  ],
  [
    "a Windows process of the host",
    { security: { windowsOptions: { hostProcess: true } } },
    'hostProcess (container "a" must not set securityContext.windowsOptions.hostProcess=true)',
  ],
];

describe("podSecurityMessage(): what both levels forbid", () => {
  test.each(BOTH)("%s", (_what, given, why) => {
    expect(told(BASELINE, given)).toBe(`"baseline:latest": ${why}`);
    expect(told(RESTRICTED, given)).toBe(`"restricted:latest": ${why}`);
  });
});

/** What the levels say of it in words of their own; `undefined`: nothing. */
const APART: readonly (readonly [
  what: string,
  given: Given,
  baseline: string | undefined,
  restricted: string | undefined,
])[] = [
  ["nothing", {}, undefined, undefined],
  [
    "added capabilities",
    { security: { capabilities: { drop: ["ALL"], add: ["SYS_ADMIN", "CHOWN", "NET_RAW"] } } },
    'non-default capabilities (container "a" must not include "NET_RAW", "SYS_ADMIN" in securityContext.capabilities.add)',
    'unrestricted capabilities (container "a" must not include "CHOWN", "NET_RAW", "SYS_ADMIN" in securityContext.capabilities.add)',
  ],
  [
    "the port capability",
    { security: { capabilities: { drop: ["ALL"], add: ["NET_BIND_SERVICE"] } } },
    undefined,
    undefined,
  ],
  [
    "capabilities that are kept",
    { security: { capabilities: { drop: ["NET_RAW"] } }, other: { capabilities: {} } },
    undefined,
    'unrestricted capabilities (containers "a", "b" must set securityContext.capabilities.drop=["ALL"])',
  ],
  [
    "a path of the host",
    { pod: { volumes: [{ name: "v", hostPath: { path: "/etc", type: "" } }] } },
    'hostPath volumes (volume "v")',
    'restricted volume types (volume "v" uses restricted volume type "hostPath")',
  ],
  [
    "a share of the network",
    {
      pod: {
        volumes: [
          { name: "v", nfs: { server: "s", path: "/" } },
          { name: "w", image: { reference: "x:1" } },
          { name: "e", emptyDir: {} },
          { name: "p", persistentVolumeClaim: { claimName: "p" } },
        ],
      },
    },
    undefined,
    'restricted volume types (volumes "v", "w" use restricted volume types "image", "nfs")',
  ],
  [
    "escalation that is not forbidden",
    {
      security: { allowPrivilegeEscalation: undefined },
      other: { allowPrivilegeEscalation: true },
    },
    undefined,
    'allowPrivilegeEscalation != false (containers "a", "b" must set securityContext.allowPrivilegeEscalation=false)',
  ],
  [
    "nobody says that it is not root",
    { security: { runAsNonRoot: undefined } },
    undefined,
    'runAsNonRoot != true (pod or container "a" must set securityContext.runAsNonRoot=true)',
  ],
  [
    "the pod says that it is not root",
    { pod: { securityContext: { runAsNonRoot: true } }, security: { runAsNonRoot: undefined } },
    undefined,
    undefined,
  ],
  [
    "root is allowed",
    { pod: { securityContext: { runAsNonRoot: false } }, security: { runAsNonRoot: false } },
    undefined,
    'runAsNonRoot != true (pod and container "a" must not set securityContext.runAsNonRoot=false)',
  ],
  [
    "user 0",
    { pod: { securityContext: { runAsUser: 0 } }, security: { runAsUser: 0 } },
    undefined,
    'runAsUser=0 (pod and container "a" must not set runAsUser=0)',
  ],
  ["another user", { security: { runAsUser: 1000 } }, undefined, undefined],
  [
    "no word about seccomp",
    { security: { seccompProfile: undefined }, other: { seccompProfile: { type: "Localhost" } } },
    undefined,
    'seccompProfile (pod or container "a" must set securityContext.seccompProfile.type to "RuntimeDefault" or "Localhost")',
  ],
  [
    "seccomp by the pod",
    {
      pod: { securityContext: { seccompProfile: { type: "RuntimeDefault" } } },
      security: { seccompProfile: undefined },
    },
    undefined,
    undefined,
  ],
];

describe("podSecurityMessage(): where the levels differ", () => {
  test.each(APART)("%s", (_what, given, baseline, restricted) => {
    const say = (level: string, why: string | undefined): string | undefined =>
      why === undefined ? undefined : `"${level}:latest": ${why}`;
    expect(told(BASELINE, given)).toBe(say("baseline", baseline));
    expect(told(RESTRICTED, given)).toBe(say("restricted", restricted));
    expect(told({ level: "privileged", minor: "latest" }, given)).toBeUndefined();
  });

  test("init containers count, and all is said in Kubernetes' order", () => {
    const pod: CheckedPod = {
      spec: {
        initContainers: [{ name: "i", image: "x", securityContext: { privileged: true } }],
        containers: [{ name: "c", image: "x" }],
      } as unknown as PodSpec,
    };
    expect(podSecurityMessage({ level: "restricted", minor: 30 }, pod)).toBe(
      'violates PodSecurity "restricted:v1.30": ' +
        'privileged (container "i" must not set securityContext.privileged=true), ' +
        'allowPrivilegeEscalation != false (containers "i", "c" must set securityContext.allowPrivilegeEscalation=false), ' +
        'unrestricted capabilities (containers "i", "c" must set securityContext.capabilities.drop=["ALL"]), ' +
        'runAsNonRoot != true (pod or containers "i", "c" must set securityContext.runAsNonRoot=true), ' +
        'seccompProfile (pod or containers "i", "c" must set securityContext.seccompProfile.type to "RuntimeDefault" or "Localhost")',
    );
  });
});

describe("podSecurityMessage(): versions", () => {
  const sysctl = (name: string): Given => ({
    pod: { securityContext: { sysctls: [{ name, value: "1" }] } },
  });
  test.each([
    ["net.ipv4.ip_local_reserved_ports", 26, 27, sysctl("net.ipv4.ip_local_reserved_ports")],
    ["net.ipv4.tcp_keepalive_time", 28, 29, sysctl("net.ipv4.tcp_keepalive_time")],
    ["net.ipv4.tcp_wmem", 31, 32, sysctl("net.ipv4.tcp_wmem")],
    [
      "container_engine_t",
      30,
      31,
      { security: { seLinuxOptions: { type: "container_engine_t" } } },
    ],
  ])("%s is forbidden in 1.%i and allowed in 1.%i", (_what, before, since, given) => {
    expect(told({ level: "baseline", minor: before }, given)).toContain(`v1.${before}`);
    expect(told({ level: "baseline", minor: since }, given)).toBeUndefined();
    expect(told({ level: "baseline", minor: 99 }, given)).toBeUndefined();
  });

  test.each([
    ["allowPrivilegeEscalation", 7, 8, { security: { allowPrivilegeEscalation: true } }],
    ["capabilities", 21, 22, { security: { capabilities: {} } }],
    ["runAsUser", 22, 23, { security: { runAsUser: 0 } }],
    ["seccompProfile", 18, 19, { security: { seccompProfile: undefined } }],
  ])("%s is free in 1.%i and held in 1.%i", (what, before, since, given) => {
    expect(told({ level: "restricted", minor: before }, given)).toBeUndefined();
    expect(told({ level: "restricted", minor: since }, given)).toContain(what);
  });

  test("before 1.19 seccomp was an annotation", () => {
    const annotations = {
      "seccomp.security.alpha.kubernetes.io/pod": "unconfined",
      "container.seccomp.security.alpha.kubernetes.io/a": "localhost/a",
    };
    expect(told({ level: "baseline", minor: 18 }, { annotations })).toBe(
      '"baseline:v1.18": seccompProfile (forbidden annotation seccomp.security.alpha.kubernetes.io/pod="unconfined")',
    );
    expect(told({ level: "baseline", minor: 19 }, { annotations })).toBeUndefined();
  });
});

describe("podSecurityOf()", () => {
  const label = (labels: Readonly<Record<string, string>>): Readonly<Record<string, string>> =>
    Object.fromEntries(
      Object.entries(labels).map(([key, value]) => [`pod-security.kubernetes.io/${key}`, value]),
    );
  const show = (labels: Readonly<Record<string, string>>): string => {
    const { policies, problems } = podSecurityOf(label(labels));
    const shown = Object.values(policies).map(({ level, minor }) => `${level}:${minor}`);
    return [...shown, ...problems.map(({ must }) => must)].join(" ");
  };
  const NONE = "privileged:latest";
  test.each([
    ["no labels", {}, `${NONE} ${NONE} ${NONE}`],
    ["refused is warned of", { enforce: "baseline" }, `baseline:latest ${NONE} baseline:latest`],
    [
      "of that version",
      { enforce: "restricted", "enforce-version": "v1.29" },
      `restricted:29 ${NONE} restricted:29`,
    ],
    [
      "unless said otherwise",
      { enforce: "restricted", warn: "privileged", audit: "baseline", "audit-version": "v1.20" },
      `restricted:latest baseline:20 ${NONE}`,
    ],
    [
      "only warned of",
      { warn: "restricted", "warn-version": "v1.30" },
      `${NONE} ${NONE} restricted:30`,
    ],
    [
      "a level that is none",
      { enforce: "strict", audit: "x", warn: "y" },
      `restricted:latest ${NONE} ${NONE} ${Array.from({ length: 3 }, () => "must be one of privileged, baseline, restricted").join(" ")}`,
    ],
    [
      "a version that is none",
      { enforce: "baseline", "enforce-version": "1.30" },
      `baseline:latest ${NONE} baseline:latest must be "latest" or "v1.x"`,
    ],
  ])("%s", (_what, labels, expected) => {
    expect(show(labels)).toBe(expected);
  });

  test("a namespace without any label", () => {
    expect(podSecurityOf(undefined).policies.enforce).toEqual({
      level: "privileged",
      minor: "latest",
    });
  });
});
