import { runTool } from "../host-tool.ts";
import type { RunCommand } from "../run-command.ts";
import { pieceKey, type Device, type Piece } from "./driver.ts";
import { isDeviceRight, ROUTE_PROTOCOL, type HostLink, type HostState } from "./observe-host.ts";

/** Lines for `ip -batch` and for `bridge -batch`. */
export interface Repair {
  readonly ip: readonly string[];
  readonly bridge: readonly string[];
}

/** What leads from the pieces that the kernel has to those that it shall have. A changed route has no gap. Pure. */
export function repairPieces(wanted: readonly Piece[], present: readonly Piece[]): Repair {
  const [has, needs] = [new Set(present.map(pieceKey)), new Set(wanted.map(pieceKey))];
  const slots = new Set(wanted.map(slotOf));
  const come = wanted.filter((piece) => !has.has(pieceKey(piece)));
  // What stands in the place of something wanted is replaced, not removed.
  const gone = present.filter((piece) => !needs.has(pieceKey(piece)) && !slots.has(slotOf(piece)));
  const lines = [
    ...come.filter(({ kind }) => kind !== "route").map((piece) => addLine(piece)),
    ...come.filter(({ kind }) => kind === "route").map((piece) => addLine(piece)),
    ...gone.map((piece) => removeLine(piece)),
  ];
  return {
    ip: lines.filter((line) => !line.startsWith("fdb ")),
    bridge: lines.filter((line) => line.startsWith("fdb ")),
  };
}

/** What brings a device up as it must be. Empty when it is. Pure. */
export function repairDevice(device: Device, link: HostLink | undefined): readonly string[] {
  const { name, mtu, mac, add, address } = device;
  const isRight = isDeviceRight(device, link);
  const hasAddress = (link?.addr_info ?? []).some(({ local }) => local === address);
  const withMac = mac === undefined ? "" : `address ${mac} `;
  return [
    ...(isRight || link === undefined ? [] : [`link delete dev ${name}`]),
    ...(isRight ? [] : [`link add name ${name} mtu ${mtu} ${withMac}${add.join(" ")}`]),
    ...(isRight && link?.mtu !== mtu ? [`link set dev ${name} mtu ${mtu}`] : []),
    ...(isRight && hasAddress ? [] : [`addr replace ${address}/32 dev ${name}`]),
    ...(isRight && link?.operstate !== "DOWN" ? [] : [`link set dev ${name} up`]),
  ];
}

/** Makes the devices right, and takes those away that are not wanted any more. True when something was to be done. */
export async function repairDevices(
  run: RunCommand,
  wanted: readonly Device[],
  { host, all }: { readonly host: HostState; readonly all: readonly string[] },
  signal: AbortSignal,
): Promise<boolean> {
  const linkOf = (name: string): HostLink | undefined =>
    host.links.find(({ ifname }) => ifname === name);
  const unwanted = all.filter(
    (name) => linkOf(name) !== undefined && !wanted.some((device) => device.name === name),
  );
  const lines = [
    ...wanted.flatMap((device) => repairDevice(device, linkOf(device.name))),
    ...unwanted.map((name) => `link delete dev ${name}`),
  ];
  if (lines.length > 0) await batch(run, "ip", lines, signal);
  for (const device of wanted) await finishDevice(run, device, signal);
  return lines.length > 0;
}

export async function repairHost(
  run: RunCommand,
  { ip, bridge }: Repair,
  signal: AbortSignal,
): Promise<void> {
  if (bridge.length > 0) await batch(run, "bridge", bridge, signal);
  if (ip.length > 0) await batch(run, "ip", ip, signal);
}

async function batch(
  run: RunCommand,
  tool: "ip" | "bridge",
  lines: readonly string[],
  signal: AbortSignal,
): Promise<void> {
  // One line that fails, say for a route that has gone meanwhile, must not keep the others away.
  const options = { stdin: `${lines.join("\n")}\n`, signal };
  await runTool(run, tool, ["-force", "-batch", "-"], options);
}

/**
 * Other hosts' pods come in by the tunnel while the way to their host goes elsewhere: a strict source check would drop
 * what the kernel of a distribution holds for forged.
 */
async function finishDevice(
  run: RunCommand,
  { name, wireguard }: Device,
  signal: AbortSignal,
): Promise<void> {
  const check = `/proc/sys/net/ipv4/conf/${name}/rp_filter`;
  if ((await runTool(run, "cat", [check], { signal })).trim() !== "2")
    await runTool(run, "tee", [check], { stdin: "2", signal });
  if (wireguard === undefined) return;
  await runTool(run, "wg", ["syncconf", name, "/dev/stdin"], { stdin: wireguard, signal });
}

/** Where the kernel can hold only one. */
function slotOf(piece: Piece): string {
  switch (piece.kind) {
    case "route":
      return `route ${piece.to}`;
    case "neighbour":
      return `neighbour ${piece.address} ${piece.dev}`;
    case "forwarding":
      return `forwarding ${piece.mac} ${piece.dev}`;
    default:
      return piece satisfies never;
  }
}

function addLine(piece: Piece): string {
  switch (piece.kind) {
    case "route": {
      const via = piece.via === undefined ? "" : `via ${piece.via} `;
      const onLink = piece.isOnLink ? " onlink" : "";
      return `route replace ${piece.to} ${via}dev ${piece.dev}${onLink} proto ${ROUTE_PROTOCOL}`;
    }
    case "neighbour":
      return `neigh replace ${piece.address} lladdr ${piece.mac} dev ${piece.dev} nud permanent`;
    case "forwarding":
      return `fdb replace ${piece.mac} dev ${piece.dev} dst ${piece.address} self permanent`;
    default:
      return piece satisfies never;
  }
}

function removeLine(piece: Piece): string {
  switch (piece.kind) {
    case "route":
      return `route delete ${piece.to} dev ${piece.dev} proto ${ROUTE_PROTOCOL}`;
    case "neighbour":
      return `neigh delete ${piece.address} dev ${piece.dev}`;
    case "forwarding":
      return `fdb delete ${piece.mac} dev ${piece.dev} self`;
    default:
      return piece satisfies never;
  }
}
