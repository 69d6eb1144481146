import { wireguardName } from "../../model/instance.ts";
import type { Neighbour, NetworkDriver } from "./driver.ts";
import { nodeAddressIn, WIREGUARD_PORT } from "./remote-node.ts";

/** Outer IPv4 and UDP headers, WireGuard's own header and its tag; 20 more would be needed for IPv6 outside. */
const OVERHEAD = 60;
/** Behind NAT the way back would be forgotten. */
const KEEPALIVE_SECONDS = 25;

/** Encrypted packets in UDP. `privateKey` is base64, as `wg genkey` prints it. */
export function wireguard(privateKey: string): NetworkDriver {
  return {
    name: "wireguard",
    overhead: OVERHEAD,
    device: ({ clusterId, podCidr, mtu }, remotes) => ({
      name: wireguardName(clusterId),
      mtu: mtu - OVERHEAD,
      mac: undefined,
      add: ["type", "wireguard"],
      address: nodeAddressIn(podCidr),
      details: {},
      wireguard: formatWireguard(privateKey, remotes),
    }),
    pieces: ({ clusterId }, { wireguardKey, podCidrs }) =>
      wireguardKey === undefined
        ? undefined
        : podCidrs.map((to) => ({
            kind: "route",
            to,
            via: undefined,
            dev: wireguardName(clusterId),
            isOnLink: false,
          })),
  };
}

/** The configuration for `wg syncconf`: peers by name, so that the same cluster gives the same text. Pure. */
export function formatWireguard(privateKey: string, remotes: readonly Neighbour[]): string {
  const peers = remotes
    .filter(({ wireguardKey }) => wireguardKey !== undefined)
    .flatMap(({ wireguardKey, podCidrs, address, wireguardPort }) => [
      "",
      "[Peer]",
      `PublicKey = ${wireguardKey ?? ""}`,
      `AllowedIPs = ${podCidrs.join(", ")}`,
      `Endpoint = ${address}:${wireguardPort}`,
      `PersistentKeepalive = ${KEEPALIVE_SECONDS}`,
    ]);
  return [
    "[Interface]",
    `PrivateKey = ${privateKey}`,
    `ListenPort = ${WIREGUARD_PORT}`,
    ...peers,
    "",
  ].join("\n");
}
