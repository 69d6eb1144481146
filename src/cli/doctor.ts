import type { Clock } from "../base/clock.ts";
import { compare } from "../base/order.ts";
import { ApiError, BERTH_PATHS, type ApiClient } from "../client/client.ts";
import { isTrue } from "../model/condition.ts";
import type { DoctorReport, Finding } from "../model/doctor.ts";
import type { Node } from "../model/kinds.gen.ts";
import { resourceOf } from "../model/resources.ts";

/** Certificates, leases and log lines need clocks that agree; and so do people who read them. */
const MAX_SKEW_MS = 2_000;
/** So many nodes look at a time: each sends to all others. */
const CONCURRENCY = 16;

/** What all nodes find about the network, in the order of their names. */
export async function examineCluster(
  client: ApiClient,
  clock: Clock,
  signal: AbortSignal,
): Promise<readonly Finding[]> {
  const { items } = await client.list<Node>(
    resourceOf({ apiVersion: "v1", kind: "Node" }),
    undefined,
    signal,
  );
  const names = items.toSorted((a, b) => compare(a.metadata.name, b.metadata.name));
  const findings: (readonly Finding[])[] = [];
  for (let at = 0; at < names.length; at += CONCURRENCY) {
    const some = names.slice(at, at + CONCURRENCY);
    const asked = some.map((node) => examineNode(node, { client, clock }, signal));
    findings.push(...(await Promise.all(asked)));
  }
  return findings.flat();
}

async function examineNode(
  { metadata: { name }, status }: Node,
  { client, clock }: { readonly client: ApiClient; readonly clock: Clock },
  signal: AbortSignal,
): Promise<readonly Finding[]> {
  const ready: Finding = isTrue(status?.conditions, "Ready")
    ? { check: "node", status: "ok", node: name, message: "the node is Ready" }
    : {
        check: "node",
        status: "problem",
        node: name,
        message: "the node is not Ready",
        cure: "see that its host is up and reaches the control plane; its node.log says what it tries",
      };
  const askedAt = clock.now();
  try {
    const path = `${BERTH_PATHS.doctor}?node=${encodeURIComponent(name)}`;
    const report = await client.request<DoctorReport>("GET", path, undefined, signal);
    return [ready, ...report.findings, compareClocks(report, askedAt, clock.now())];
  } catch (error) {
    if (!(error instanceof ApiError) || error.code === 0) throw error;
    const message = `the node cannot be asked: ${error.message}`;
    const cure =
      "see that its process runs and reaches the control plane, with the same version of Berth";
    return [ready, { check: "tunnel", status: "problem", node: name, message, cure }];
  }
}

/** The node answered at some time between the question and its answer. Pure. */
export function compareClocks(
  { node, now }: Pick<DoctorReport, "node" | "now">,
  askedAt: number,
  answeredAt: number,
): Finding {
  const check = "clock";
  const skewMs = now > answeredAt ? now - answeredAt : now < askedAt ? now - askedAt : 0;
  if (Math.abs(skewMs) <= MAX_SKEW_MS)
    return { check, status: "ok", node, message: "the clock agrees with this machine's" };
  const seconds = (Math.abs(skewMs) / 1000).toFixed(1);
  return {
    check,
    status: "warning",
    node,
    message: `the clock is ${seconds} s ${skewMs > 0 ? "ahead of" : "behind"} this machine's`,
    cure: "let both follow a time server: timedatectl set-ntp true",
  };
}

/** For people: what is wrong with its cure, then how much is well. Pure. */
export function formatFindings(findings: readonly Finding[]): string {
  const wrong = findings.filter(({ status }) => status !== "ok");
  const nodes = new Set(findings.map(({ node }) => node)).size;
  const well = findings.length - wrong.length;
  const lines = wrong.flatMap(({ status, node, check, message, cure }) => [
    `${status === "problem" ? "✗" : "!"} ${node}: ${message} [${check}]`,
    ...(cure === undefined ? [] : [`  → ${cure}`]),
  ]);
  const nodesText = `${nodes} ${nodes === 1 ? "node" : "nodes"}`;
  const sum =
    wrong.length === 0
      ? `✓ all ${well} checks on ${nodesText} are well`
      : `${well} of ${findings.length} checks on ${nodesText} are well`;
  return [...lines, sum].join("\n");
}
