import type { Pod } from "../../src/model/kinds.gen.ts";
import { isTrue } from "../../src/model/condition.ts";
import { eventually } from "./eventually.ts";
import type { HostList, TestHost } from "./test-hosts-host.ts";
import type { HostsCluster } from "./test-hosts-cluster.ts";

/** Where the pods of these workloads listen. */
export const WHO_PORT = 8080;
const IMAGE = "berth.local/busybox:1";
const LARGE_BYTES = 200_000;
const CALL_SECONDS = 3;

/** Answers with its name and the address of the caller; `/cgi-bin/large` with many bytes. */
function script(port: number): string {
  return [
    "mkdir -p /www/cgi-bin",
    String.raw`printf '#!/bin/sh\necho\necho $NAME $REMOTE_ADDR\n' > /www/cgi-bin/who`,
    String.raw`printf '#!/bin/sh\necho\nhead -c ${LARGE_BYTES} /bin/busybox | busybox base64 -w 0 | head -c ${LARGE_BYTES}\n' > /www/cgi-bin/large`,
    "chmod +x /www/cgi-bin/who /www/cgi-bin/large",
    "trap 'exit 0' TERM",
    `httpd -f -p 0.0.0.0:${port} -h /www & wait`,
  ].join("\n");
}

/** A workload whose pods say who they are and who called. */
export function whoWorkload(
  kind: "DaemonSet" | "Deployment",
  name: string,
  options: {
    readonly hostNetwork?: boolean;
    readonly port?: number;
    readonly replicas?: number;
  } = {},
): object {
  const { hostNetwork = false, port = WHO_PORT, replicas } = options;
  const labels = { app: name };
  const container = {
    name: "who",
    image: IMAGE,
    command: ["sh", "-c", script(port)],
    env: [{ name: "NAME", valueFrom: { fieldRef: { fieldPath: "metadata.name" } } }],
    readinessProbe: { tcpSocket: { port }, periodSeconds: 1 },
  };
  const spec = { hostNetwork, terminationGracePeriodSeconds: 2, containers: [container] };
  return {
    apiVersion: "apps/v1",
    kind,
    metadata: { name, namespace: "test" },
    spec: {
      ...(replicas === undefined ? {} : { replicas }),
      selector: { matchLabels: labels },
      template: { metadata: { labels }, spec },
    },
  };
}

export function whoService(name: string, nodePort?: number): object {
  const port = { port: 80, targetPort: WHO_PORT };
  return {
    apiVersion: "v1",
    kind: "Service",
    metadata: { name, namespace: "test" },
    spec: {
      selector: { app: name },
      ...(nodePort === undefined
        ? { ports: [port] }
        : { type: "NodePort", ports: [{ ...port, nodePort }] }),
    },
  };
}

/** The Ready pod of a DaemonSet on each host, in the order of the hosts. */
export function podsByHost(
  cluster: HostsCluster,
  hosts: HostList,
  app: string,
): Promise<readonly Pod[]> {
  return eventually(`a pod of ${app} is Ready on each host`, async () => {
    const { items } = await cluster.getJson<{ items: Pod[] }>("pods", "-l", `app=${app}`);
    const ready = items.filter(
      ({ metadata, status }) =>
        metadata.deletionTimestamp === undefined && isTrue(status?.conditions, "Ready"),
    );
    return hosts.all.map(({ name }) => {
      const pod = ready.find(({ spec }) => spec.nodeName === name);
      if (pod === undefined) throw new Error(`there is none on ${name}`);
      return pod;
    });
  });
}

/** What a server says to a caller in a pod of the host, or on the host itself. Throws what the caller was told. */
export async function callTo(
  host: TestHost,
  pod: Pod | undefined,
  target: string,
): Promise<string> {
  const [said = ""] = await callOften(host, pod, target, 1);
  return said;
}

/** The same so many times, each with a connection of its own. */
export async function callOften(
  host: TestHost,
  pod: Pod | undefined,
  target: string,
  times: number,
): Promise<readonly string[]> {
  const url = `http://${target.includes("/") ? target : `${target}/cgi-bin/who`}`;
  // Not `wget -T`: it crashes the static busybox of Debian 12.
  const call = `busybox timeout ${CALL_SECONDS} busybox wget -q -O - ${url}`;
  const script = `for i in $(busybox seq ${times}); do ${call} || exit 1; done`;
  const id = pod?.status?.containerStatuses?.[0]?.containerID?.replace("docker://", "");
  const command = id === undefined ? ["sh"] : ["docker", "exec", id, "sh"];
  const { code, stdout, output } = await host.run([...command, "-c", script]);
  if (code !== 0) throw new Error(`${host.name} cannot reach ${target}: ${output.trim()}`);
  return stdout.trim().split("\n");
}
