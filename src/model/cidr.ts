/** An IPv4 network: `base` is its first address as an unsigned 32-bit number. */
export interface Cidr {
  readonly base: number;
  readonly bits: number;
}

/** The network of `10.0.0.0/8`-like text; host bits are cut off; `undefined` for anything else. Pure. */
export function parseCidr(text: string): Cidr | undefined {
  const match = /^([\d.]+)(?:\/(\d{1,2}))?$/.exec(text);
  const address = parseIpv4(match?.[1] ?? "");
  const bits = Number(match?.[2] ?? "32");
  if (address === undefined || bits > 32) return undefined;
  return { base: (address & maskOf(bits)) >>> 0, bits };
}

/** `10.32.0.0/11`. Pure. */
export function formatCidr({ base, bits }: Cidr): string {
  return `${formatIpv4(base)}/${bits}`;
}

/** Whether the networks share an address. Pure. */
export function overlaps(a: Cidr, b: Cidr): boolean {
  const bits = Math.min(a.bits, b.bits);
  return (a.base & maskOf(bits)) >>> 0 === (b.base & maskOf(bits)) >>> 0;
}

/** The address as an unsigned 32-bit number; `undefined` for anything but four decimal octets. Pure. */
export function parseIpv4(text: string): number | undefined {
  const parts = text.split(".");
  if (
    parts.length !== 4 ||
    parts.some((part) => !/^(0|[1-9]\d{0,2})$/.test(part) || Number(part) > 255)
  )
    return undefined;
  return parts.reduce((sum, part) => sum * 256 + Number(part), 0);
}

/** Four decimal octets. Pure. */
export function formatIpv4(address: number): string {
  return [24, 16, 8, 0].map((shift) => (address >>> shift) & 255).join(".");
}

function maskOf(bits: number): number {
  return bits === 0 ? 0 : (0xffff_ffff << (32 - bits)) >>> 0;
}

/** Where pods may live: private, seldom used by hosts, room for 8,192 nodes. The first free one is taken. */
const POD_CANDIDATES: readonly string[] = [32, 64, 128, 160, 192, 224, 96, 0].map(
  (octet) => `10.${octet}.0.0/11`,
);
const SERVICE_CANDIDATES: readonly string[] = [96, 97, 98, 43, 100, 110, 120, 240].map(
  (octet) => `10.${octet}.0.0/16`,
);

/** Pod and service networks that overlap none of `taken` nor each other; `undefined` when there is no room. Pure. */
export function chooseNetworks(
  taken: readonly Cidr[],
): { readonly podCidr: string; readonly serviceCidr: string } | undefined {
  const pods = firstFree(POD_CANDIDATES, taken);
  if (pods === undefined) return undefined;
  const services = firstFree(SERVICE_CANDIDATES, [...taken, pods]);
  return services === undefined
    ? undefined
    : { podCidr: formatCidr(pods), serviceCidr: formatCidr(services) };
}

function firstFree(candidates: readonly string[], taken: readonly Cidr[]): Cidr | undefined {
  return candidates
    .map(parseCidr)
    .find(
      (candidate): candidate is Cidr =>
        candidate !== undefined && !taken.some((other) => overlaps(candidate, other)),
    );
}

/** The n-th address of a network as text. Pure. */
export function addressAt(network: Cidr, index: number): string {
  return formatIpv4((network.base + index) >>> 0);
}
