import { formatCidr, parseCidr, parseIpv4 } from "../../model/cidr.ts";
import { runTool } from "../host-tool.ts";
import type { RunCommand } from "../run-command.ts";
import type { Device, Neighbour, Piece } from "./driver.ts";
import type { RemoteNode } from "./remote-node.ts";

/** Marks our routes among those of others: a protocol number that nobody has a name for. */
export const ROUTE_PROTOCOL = "178";

export interface HostRoute {
  readonly dst: string;
  readonly dev?: string;
  readonly gateway?: string;
  readonly protocol?: string;
  readonly metric?: number;
  readonly type?: string;
  readonly flags?: readonly string[];
}

export interface HostLink {
  readonly ifname: string;
  readonly mtu: number;
  readonly address?: string;
  readonly operstate?: string;
  readonly addr_info?: readonly { readonly local?: string; readonly prefixlen?: number }[];
  readonly linkinfo?: { readonly info_data?: Readonly<Record<string, unknown>> };
}

export interface HostState {
  /** Of the main table. */
  readonly routes: readonly HostRoute[];
  readonly links: readonly HostLink[];
}

interface NeighbourEntry {
  readonly dst?: string;
  readonly lladdr?: string;
}

interface ForwardingEntry {
  readonly mac?: string;
  readonly dst?: string;
  readonly state?: string;
}

/** Routes and links of the host. */
export async function observeHost(run: RunCommand, signal: AbortSignal): Promise<HostState> {
  const [routes, links] = await Promise.all([
    runTool(run, "ip", ["-j", "-4", "route", "show"], { signal }),
    runTool(run, "ip", ["-j", "-d", "-4", "addr", "show"], { signal }),
  ]);
  return { routes: parseList(routes) as HostRoute[], links: parseList(links) as HostLink[] };
}

/** What the kernel has of the kinds of pieces that drivers ask for, for this cluster. */
export async function observePieces(
  run: RunCommand,
  {
    host,
    podCidr,
    devices,
  }: {
    readonly host: HostState;
    readonly podCidr: string;
    readonly devices: readonly string[];
  },
  signal: AbortSignal,
): Promise<readonly Piece[]> {
  const present = devices.filter((name) => host.links.some(({ ifname }) => ifname === name));
  const tables = await Promise.all(
    present.map(async (dev): Promise<readonly Piece[]> => {
      const [neighbours, forwarding] = await Promise.all([
        runTool(run, "ip", ["-j", "neigh", "show", "dev", dev, "nud", "permanent"], { signal }),
        runTool(run, "bridge", ["-j", "fdb", "show", "dev", dev], { signal }),
      ]);
      return [
        ...(parseList(neighbours) as NeighbourEntry[]).flatMap(({ dst: address, lladdr: mac }) =>
          address === undefined || mac === undefined || parseIpv4(address) === undefined
            ? []
            : [{ kind: "neighbour", address, mac, dev } as const],
        ),
        ...(parseList(forwarding) as ForwardingEntry[]).flatMap(({ mac, dst: address, state }) =>
          mac === undefined || address === undefined || state !== "permanent"
            ? []
            : [{ kind: "forwarding", mac, address, dev } as const],
        ),
      ];
    }),
  );
  return [...ourRoutes(host, podCidr), ...tables.flat()];
}

/** Our routes within the pod network of the cluster. Pure. */
export function ourRoutes({ routes }: HostState, podCidr: string): readonly Piece[] {
  return routes.flatMap(({ dst, gateway: via, dev, protocol, flags = [] }) =>
    protocol === ROUTE_PROTOCOL && dev !== undefined && isWithin(dst, podCidr)
      ? [{ kind: "route", to: dst, via, dev, isOnLink: flags.includes("onlink") } as const]
      : [],
  );
}

/** How the host reaches a node by its own routes: the narrowest one counts. Pure. */
export function toNeighbour(remote: RemoteNode, { routes }: HostState): Neighbour {
  const [address = ""] = remote.addresses;
  const [best] = routes
    .filter(({ protocol, type = "unicast" }) => protocol !== ROUTE_PROTOCOL && type === "unicast")
    .filter(({ dst }) => dst === "default" || isWithin(address, dst))
    .toSorted((a, b) => bitsOf(b.dst) - bitsOf(a.dst) || (a.metric ?? 0) - (b.metric ?? 0));
  return {
    ...remote,
    address,
    dev: best?.dev,
    isOnLink: best?.dev !== undefined && best.gateway === undefined,
  };
}

/** Whether a device is there as it must be. Pure. */
export function isDeviceRight(device: Device, link: HostLink | undefined): boolean {
  if (link === undefined) return false;
  const data = link.linkinfo?.info_data ?? {};
  return (
    (device.mac === undefined || device.mac === link.address) &&
    Object.entries(device.details).every(([key, value]) => data[key] === value)
  );
}

/** Whether a network or address is a part of another. Pure. */
export function isWithin(part: string, whole: string): boolean {
  const [inner, outer] = [parseCidr(part), parseCidr(whole)];
  if (inner === undefined || outer === undefined || inner.bits < outer.bits) return false;
  return formatCidr(outer) === formatCidr(parseCidr(`${addressOf(part)}/${outer.bits}`) ?? inner);
}

function addressOf(cidr: string): string {
  return cidr.split("/")[0] ?? cidr;
}

function bitsOf(dst: string): number {
  return dst === "default" ? -1 : (parseCidr(dst)?.bits ?? -1);
}

function parseList(text: string): readonly unknown[] {
  const entries = text.trim() === "" ? [] : (JSON.parse(text) as readonly object[]);
  // iproute2 prints an empty object for what its filter left out.
  return entries.filter((entry) => Object.keys(entry).length > 0);
}
