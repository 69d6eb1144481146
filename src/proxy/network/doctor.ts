import { compare } from "../../base/order.ts";
import type { Clock } from "../../base/clock.ts";
import type { ApiClient, ClusterInfo, Informer } from "../../client/client.ts";
import { isTrue } from "../../model/condition.ts";
import type { DoctorReport, Finding } from "../../model/doctor.ts";
import type { Node } from "../../model/kinds.gen.ts";
import { runOnHost, type RunCommand } from "../run-command.ts";
import { checkHost } from "./doctor-host.ts";
import { checkNames, checkApi, checkServiceAddress } from "./doctor-services.ts";
import { checkPeer } from "./doctor-peers.ts";
import { readRemoteNode } from "./remote-node.ts";
import type { NetworkState } from "./run-network.ts";

export interface DoctorOptions {
  readonly client: ApiClient;
  readonly nodes: Informer<Node>;
  readonly nodeName: string;
  readonly cluster: ClusterInfo;
  /** As of the last look; `undefined` before the first. */
  readonly state: () => NetworkState | undefined;
  readonly clock: Clock;
  readonly run?: RunCommand;
}

/** Looks at the network from this node: its host, the ways to all other Ready nodes, Services, names, the API. */
export async function examineNetwork(
  options: DoctorOptions,
  signal: AbortSignal,
): Promise<DoctorReport> {
  const { nodeName, nodes, clock } = options;
  const own = nodes.get(undefined, nodeName);
  const podCidr = own?.spec.podCIDR;
  const state = options.state();
  const run = options.run ?? runOnHost;
  if (podCidr === undefined || state === undefined) {
    const message = "the node has no part of the pod network yet";
    const cure = "wait until it is Ready; if it stays so: read node.log in its log folder";
    const verdict: Finding = {
      check: "pod-network",
      status: "problem",
      node: nodeName,
      message,
      cure,
    };
    return { node: nodeName, findings: [verdict], now: clock.now() };
  }
  const peers = nodes
    .list()
    .filter(({ metadata }) => metadata.name !== nodeName)
    .filter(({ status }) => isTrue(status?.conditions, "Ready"))
    .flatMap((node) => readRemoteNode(node) ?? [])
    .toSorted((a, b) => compare(a.name, b.name));
  const looks = [
    checkHost({ run, cluster: options.cluster, podCidr, state }, signal),
    ...peers.map((peer) => checkPeer({ run, podCidr, peer, state }, signal)),
    checkNames(options.cluster, signal),
    checkServiceAddress(options, signal),
    checkApi(options, signal),
  ];
  const verdicts = (await Promise.all(looks)).flat();
  return {
    node: nodeName,
    findings: verdicts.map((verdict) => ({ ...verdict, node: nodeName })),
    now: clock.now(),
  };
}
