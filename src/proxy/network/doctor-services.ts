import { Resolver } from "node:dns/promises";
import { once } from "node:events";
import { connect } from "node:net";
import { ApiError, type ApiClient, type ClusterInfo } from "../../client/client.ts";
import type { Clock } from "../../base/clock.ts";
import type { Service } from "../../model/kinds.gen.ts";
import type { Verdict } from "./verdict.ts";

interface Question {
  readonly client: ApiClient;
  readonly cluster: ClusterInfo;
  readonly clock: Clock;
}

const DNS_TIMEOUT_MS = 1500;
const CONNECT_TIMEOUT_MS = 2000;
const API_TIMEOUT_MS = 5000;
/** Longer than this, and everything that the node reports is late. */
const SLOW_API_MS = 1000;
const KUBERNETES = { apiVersion: "v1", kind: "Service", namespace: "default", name: "kubernetes" };

/** Whether the node's DNS answers for the cluster. */
export async function checkNames(
  { dnsIp, domain }: ClusterInfo,
  signal: AbortSignal,
): Promise<readonly Verdict[]> {
  const check = "dns";
  const name = `kubernetes.default.svc.${domain}`;
  const resolver = new Resolver({ timeout: DNS_TIMEOUT_MS, tries: 2 });
  resolver.setServers([dnsIp]);
  try {
    await resolver.resolve4(name);
  } catch (error) {
    signal.throwIfAborted();
    const code = error instanceof Error && "code" in error ? String(error.code) : String(error);
    // An answer, if not the one that was hoped for: the server is there.
    if (code !== "ENOTFOUND" && code !== "ENODATA") {
      return [
        {
          check,
          status: "problem",
          message: `the cluster's DNS at ${dnsIp} does not answer on this node (${code})`,
          cure: "look whether a firewall drops port 53 on this host, and read node.log for what DNS says",
        },
      ];
    }
  }
  return [{ check, status: "ok", message: `the cluster's DNS answers at ${dnsIp}` }];
}

/** Whether a connection to a Service's address is carried to a server: the API's own, since every cluster has it. */
export async function checkServiceAddress(
  { client }: Question,
  signal: AbortSignal,
): Promise<readonly Verdict[]> {
  const check = "services";
  const service = await client.get<Service>(KUBERNETES, signal).catch((error: unknown) => {
    if (error instanceof ApiError) return undefined;
    throw error;
  });
  const { clusterIP: address, ports } = service?.spec ?? {};
  const port = ports?.[0]?.port;
  if (address === undefined || port === undefined) return [];
  const target = `${address}:${port}`;
  if (await connects(address, port, signal))
    return [{ check, status: "ok", message: `the Service at ${target} answers` }];
  return [
    {
      check,
      status: "problem",
      message: `the Service "kubernetes" at ${target} does not answer on this node`,
      cure: "look at the findings about nft-tables and the firewall; the API itself may be unreachable from here",
    },
  ];
}

/** Whether the API answers, and how fast. */
export async function checkApi(
  { client, clock }: Question,
  signal: AbortSignal,
): Promise<readonly Verdict[]> {
  const check = "api";
  const since = clock.monotonic();
  try {
    const limit = AbortSignal.any([signal, AbortSignal.timeout(API_TIMEOUT_MS)]);
    await client.request("GET", "/version", undefined, limit);
  } catch (error) {
    signal.throwIfAborted();
    const message = `the API does not answer: ${error instanceof Error ? error.message : String(error)}`;
    const cure = "let this host reach the control plane's address and port";
    return [{ check, status: "problem", message, cure }];
  }
  const ms = Math.round(clock.monotonic() - since);
  if (ms < SLOW_API_MS) return [{ check, status: "ok", message: `the API answers in ${ms} ms` }];
  return [
    {
      check,
      status: "warning",
      message: `the API takes ${ms} ms to answer`,
      cure: "look at the way to the control plane's host, and at how busy that is",
    },
  ];
}

async function connects(host: string, port: number, signal: AbortSignal): Promise<boolean> {
  const limit = AbortSignal.any([signal, AbortSignal.timeout(CONNECT_TIMEOUT_MS)]);
  const socket = connect({ host, port });
  try {
    await once(socket, "connect", { signal: limit });
    return true;
  } catch {
    signal.throwIfAborted();
    return false;
  } finally {
    socket.destroy();
  }
}
