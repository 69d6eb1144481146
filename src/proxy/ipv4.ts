/** The 32 bits of a dotted IPv4 address as a number; `undefined` for anything else. Pure. */
export function parseIpv4(text: string): number | undefined {
  const match = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/.exec(text);
  const bytes = match?.slice(1).map(Number) ?? [];
  if (bytes.length !== 4 || bytes.some((byte) => byte > 255)) return undefined;
  return bytes.reduce((value, byte) => value * 256 + byte, 0);
}

/** Whether an address lies in a network such as `10.32.0.0/11`. Pure. */
export function isInCidr(address: string, cidr: string): boolean {
  const [network = "", bits = "32"] = cidr.split("/");
  const [value, base] = [parseIpv4(address), parseIpv4(network)];
  if (value === undefined || base === undefined) return false;
  const size = 2 ** (32 - Number(bits));
  return Math.floor(value / size) === Math.floor(base / size);
}
