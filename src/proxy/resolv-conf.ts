import { isIP } from "node:net";

/** The resolver takes no more of them either. */
const MAX_NAMESERVERS = 3;

/** The name servers of a `resolv.conf`, in order, as the C library reads it. Pure. */
export function parseNameservers(text: string): readonly string[] {
  return text
    .split("\n")
    .flatMap((line) => /^\s*nameserver\s+(\S+)/.exec(line)?.[1] ?? [])
    .filter((address) => isIP(address.split("%")[0] ?? "") !== 0)
    .slice(0, MAX_NAMESERVERS);
}

/** The search path of a `resolv.conf`: the last line that has one counts. Pure. */
export function parseSearch(text: string): readonly string[] {
  const lines = text
    .split("\n")
    .flatMap((line) => /^\s*(?:search|domain)\s+(.*)$/.exec(line)?.[1] ?? []);
  const names = (lines.at(-1) ?? "").trim().split(/\s+/);
  return names.map((name) => name.toLowerCase().replace(/\.$/, "")).filter((name) => name !== "");
}
