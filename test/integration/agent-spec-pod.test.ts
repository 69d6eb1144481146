import { mkdir, mkdtemp, readlink, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { pod } from "../agent/pod-builder.ts";
import { openDockerCluster, type DockerCluster } from "../support/docker-cluster.ts";

const SLEEP = ["sleep", "1000"];

async function inPod(
  { harness, runtime, signal }: DockerCluster,
  script: string,
  container = "app",
): Promise<string> {
  const id = (harness.container("web", container)?.containerID ?? "").replace("docker://", "");
  const options = { command: ["sh", "-c", script], timeoutMs: 20_000, maxOutputBytes: 65_536 };
  return (await runtime.exec(id, options, signal)).output;
}

test("host aliases, DNS of its own, full host name, kernel settings", async () => {
  await using cluster = await openDockerCluster();
  const { harness, image } = cluster;
  harness.api.put(
    pod({
      image,
      subdomain: "nodes",
      setHostnameAsFQDN: true,
      hostAliases: [
        { ip: "192.0.2.7", hostnames: ["db.example", "db"] },
        { ip: "2001:db8::7", hostnames: ["six"] },
      ],
      dnsPolicy: "None",
      dnsConfig: { nameservers: ["192.0.2.53"] },
      securityContext: {
        sysctls: [
          { name: "net.ipv4.ip_local_port_range", value: "20000 20010" },
          { name: "kernel/shm_rmid_forced", value: "1" },
        ],
      },
      containers: [{ command: SLEEP }],
    }),
  );
  const { status } = await harness.untilReady();
  const full = "web.nodes.shop.svc.cluster.local";
  const hosts = await inPod(cluster, "cat /etc/hosts");
  expect(hosts).toContain(`${status?.podIP ?? ""}\t${full}\tweb\n`);
  expect(hosts).toContain("192.0.2.7\tdb.example\tdb\n");
  expect(hosts).toContain("2001:db8::7\tsix\n");
  expect(await inPod(cluster, "cat /etc/resolv.conf")).toBe("nameserver 192.0.2.53\n");
  expect(await inPod(cluster, "hostname")).toBe(`${full}\n`);
  expect(
    await inPod(
      cluster,
      "cat /proc/sys/net/ipv4/ip_local_port_range /proc/sys/kernel/shm_rmid_forced",
    ),
  ).toBe("20000\t20010\n1\n");
});

test("dnsConfig adds to the cluster's name service", async () => {
  await using cluster = await openDockerCluster();
  const { harness, image } = cluster;
  const options = [{ name: "ndots", value: "2" }, { name: "edns0" }];
  harness.api.put(
    pod({
      image,
      dnsConfig: { nameservers: ["192.0.2.53"], searches: ["example.org"], options },
      containers: [{ command: SLEEP }],
    }),
  );
  await harness.untilReady();
  expect(await inPod(cluster, "cat /etc/resolv.conf")).toBe(
    [
      "search shop.svc.cluster.local svc.cluster.local cluster.local example.org",
      "nameserver 10.250.0.10",
      "nameserver 192.0.2.53",
      "options ndots:2 edns0",
      "",
    ].join("\n"),
  );
});

test("containers that share their processes see each other, and die alone", async () => {
  await using cluster = await openDockerCluster();
  const { harness, image } = cluster;
  harness.api.put(
    pod({
      image,
      shareProcessNamespace: true,
      containers: [{ command: SLEEP }, { name: "other", image, command: ["sleep", "2000"] }],
    }),
  );
  await harness.untilReady();
  expect(await inPod(cluster, "ps -o args")).toContain("sleep 2000");
  expect(await inPod(cluster, "cat /proc/1/comm")).not.toContain("sleep");
  const find =
    'for p in /proc/[0-9]*; do grep -q "^sleep.2000" $p/cmdline && echo ${p#/proc/}; done';
  await inPod(cluster, `kill -9 $(${find})`);
  await harness.until(
    "the other is restarted",
    (one) =>
      one.status?.containerStatuses?.map(({ restartCount }) => restartCount).join() === "0,1",
  );
});

test("the node's processes and IPC", async () => {
  await using cluster = await openDockerCluster();
  const { harness, image } = cluster;
  harness.api.put(pod({ image, hostPID: true, hostIPC: true, containers: [{ command: SLEEP }] }));
  await harness.untilReady();
  expect(await inPod(cluster, `test -d /proc/${process.pid} && echo there`)).toBe("there\n");
  const own = await inPod(cluster, "readlink /proc/self/ns/ipc");
  expect(own.trim()).toBe(await readlink("/proc/self/ns/ipc"));
});

test("seccomp: unconfined, a profile of the node, and one that is not there", async () => {
  await using cluster = await openDockerCluster();
  const { harness, image } = cluster;
  const folder = join(harness.stateDir, "seccomp", "deep");
  await mkdir(folder, { recursive: true });
  const rule = { names: ["mkdir", "mkdirat"], action: "SCMP_ACT_ERRNO" };
  const rules = { defaultAction: "SCMP_ACT_ALLOW", syscalls: [rule] };
  await writeFile(join(folder, "no-mkdir.json"), JSON.stringify(rules));
  const localhost = (localhostProfile: string) =>
    ({ seccompProfile: { type: "Localhost", localhostProfile } }) as const;
  harness.api.put(
    pod({
      image,
      containers: [
        { command: SLEEP },
        {
          name: "free",
          image,
          command: SLEEP,
          securityContext: { seccompProfile: { type: "Unconfined" } },
        },
        {
          name: "held",
          image,
          command: SLEEP,
          securityContext: localhost("deep/no-mkdir.json"),
        },
        { name: "lost", image, command: SLEEP, securityContext: localhost("none.json") },
        {
          name: "armour",
          image,
          command: SLEEP,
          securityContext: { appArmorProfile: { type: "Unconfined" } },
        },
      ],
    }),
  );
  const names = ["app", "free", "held", "armour"];
  await harness.until("four run", () =>
    names.every((name) => harness.container("web", name)?.state.running !== undefined),
  );
  const mode = "grep Seccomp: /proc/self/status | cut -f2";
  expect(await inPod(cluster, mode)).toBe("2\n");
  expect(await inPod(cluster, mode, "free")).toBe("0\n");
  expect(await inPod(cluster, "mkdir /tmp/x 2>&1", "held")).toMatch(/not permitted/);
  expect(await inPod(cluster, "mkdir /tmp/x && echo made", "free")).toBe("made\n");
  const path = join(harness.stateDir, "seccomp", "none.json");
  await harness.until(
    "the lost one says so",
    () => harness.container("web", "lost")?.state.waiting?.reason === "CreateContainerError",
  );
  expect(harness.container("web", "lost")?.state.waiting?.message).toBe(
    `Cannot load seccomp profile "${path}": there is no such file on this node; put it there`,
  );
});

test("parts named by variables; mounts made later are seen", async () => {
  await using cluster = await openDockerCluster();
  const { harness, image } = cluster;
  const folder = await mkdtemp(join(tmpdir(), "berth-spec-"));
  try {
    harness.api.put(
      pod({
        image,
        volumes: [
          { name: "work", emptyDir: {} },
          { name: "host", hostPath: { path: folder, type: "Directory" } },
        ],
        containers: [
          {
            command: SLEEP,
            env: [{ name: "ME", valueFrom: { fieldRef: { fieldPath: "metadata.name" } } }],
            volumeMounts: [
              { name: "work", mountPath: "/all" },
              { name: "work", mountPath: "/part", subPathExpr: "logs/$(ME)" },
              { name: "work", mountPath: "/spread", mountPropagation: "HostToContainer" },
            ],
          },
        ],
      }),
    );
    await harness.untilReady();
    expect(await inPod(cluster, "touch /part/x; ls /all/logs/web /spread/logs")).toBe(
      "/all/logs/web:\nx\n\n/spread/logs:\nweb\n",
    );
    const options = await inPod(cluster, "grep ' /spread ' /proc/self/mountinfo");
    expect(options).toMatch(/ master:\d+ /);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});

test("a variable without a value names no part", async () => {
  await using cluster = await openDockerCluster();
  const { harness, image } = cluster;
  harness.api.put(
    pod({
      image,
      volumes: [{ name: "work", emptyDir: {} }],
      containers: [
        {
          command: SLEEP,
          volumeMounts: [{ name: "work", mountPath: "/part", subPathExpr: "$(NONE)/x" }],
        },
      ],
    }),
  );
  await harness.until(
    "it says so",
    () => harness.container()?.state.waiting?.message === "missing value for NONE",
  );
  expect(harness.container()?.state.waiting?.reason).toBe("CreateContainerConfigError");
});
