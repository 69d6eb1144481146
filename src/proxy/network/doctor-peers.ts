import type { RunCommand } from "../run-command.ts";
import type { DriverName } from "./driver.ts";
import { askEcho } from "./echo.ts";
import { nodeAddressIn, VXLAN_PORT, type RemoteNode } from "./remote-node.ts";
import type { NetworkState } from "./run-network.ts";
import type { Verdict } from "./verdict.ts";

export interface PeerQuestion {
  readonly run: RunCommand;
  /** This node's part of the pod network. */
  readonly podCidr: string;
  readonly peer: RemoteNode;
  readonly state: NetworkState;
}

/** One of these may be lost on its way. */
const TRIES = 3;
const TIMEOUT_MS = 700;
const SMALL_BYTES = 128;

/** Whether packets of a pod, small ones and the largest, get to another node and back. */
export async function checkPeer(
  question: PeerQuestion,
  signal: AbortSignal,
): Promise<readonly Verdict[]> {
  const { peer, state } = question;
  const about = { peer: peer.name };
  const way = state.plan.ways.get(peer.name);
  if (way === undefined) {
    const why = state.plan.missing.get(peer.name) ?? "the node has just come";
    const message = `there is no way to the pods of node "${peer.name}": ${why}`;
    const cure = "berth up --network-driver auto chooses a way that fits each pair of nodes";
    return [{ check: "pod-traffic", status: "problem", ...about, message, cure }];
  }
  const { overhead, mtu } = linkTo(state, way, peer);
  if (!(await getsThrough(question, SMALL_BYTES, signal))) {
    const message = `nothing gets through to the pods of node "${peer.name}" (${peer.addresses[0] ?? ""}) by ${way}`;
    return [{ check: "pod-traffic", status: "problem", ...about, message, cure: CURES[way] }];
  }
  const through: Verdict = {
    check: "pod-traffic",
    status: "ok",
    ...about,
    message: `packets get to the pods of node "${peer.name}" and back by ${way}`,
  };
  if (await getsThrough(question, mtu, signal)) {
    const message = `packets of ${mtu} bytes get to node "${peer.name}" uncut`;
    return [through, { check: "mtu", status: "ok", ...about, message }];
  }
  return [
    through,
    {
      check: "mtu",
      status: "problem",
      ...about,
      message: `packets of ${mtu} bytes do not get to node "${peer.name}", though the links of this host take ${mtu + overhead}: something between has a smaller MTU, and large answers hang`,
      cure: "raise the MTU on the way, or lower it on this host's link to what the way takes: ip link set dev LINK mtu N",
    },
  ];
}

const CURES: Readonly<Record<DriverName, string>> = {
  "host-gw":
    "the network between the two hosts must carry packets from and to the pod network: in a cloud turn off the check of source and destination, or use berth up --network-driver vxlan; on the other host let the firewall accept the pod network",
  vxlan: `let UDP port ${VXLAN_PORT} in from all nodes, on both hosts' firewalls and on what is between`,
  wireguard:
    "let UDP port 51820 in from all nodes, on both hosts' firewalls and on what is between",
};

function linkTo(
  { plan, host }: NetworkState,
  way: DriverName,
  { podCidrs: [podCidr] }: RemoteNode,
): { readonly mtu: number; readonly overhead: number } {
  const route = plan.pieces.find((piece) => piece.kind === "route" && piece.to === podCidr);
  const dev = route?.kind === "route" ? route.dev : "";
  const device = plan.devices.find(({ name }) => name === dev);
  const link = host.links.find(({ ifname }) => ifname === dev);
  const mtu = device?.mtu ?? link?.mtu ?? 1500;
  return { mtu, overhead: way === "vxlan" ? 50 : way === "wireguard" ? 60 : 0 };
}

async function getsThrough(
  { run, podCidr, peer }: PeerQuestion,
  packetBytes: number,
  signal: AbortSignal,
): Promise<boolean> {
  const [to = ""] = peer.podCidrs.map(nodeAddressIn);
  const question = { from: nodeAddressIn(podCidr), to, packetBytes, timeoutMs: TIMEOUT_MS };
  for (let attempt = 0; attempt < TRIES; attempt += 1) {
    // Else the kernel remembers a smaller MTU that somebody told it, cuts the packet, and all looks well.
    await run("ip", ["-4", "route", "flush", "cache"], { signal });
    if (await askEcho(question, signal)) return true;
  }
  return false;
}
