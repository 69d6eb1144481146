import { readFile } from "node:fs/promises";
import { parseResolver } from "./pod-dns.ts";
import type { DnsSpec } from "./runtime.ts";

/** The second has the servers that systemd-resolved asks, where the first only names its own on the loopback. */
const FILES = ["/etc/resolv.conf", "/run/systemd/resolve/resolv.conf"];

/** How the node resolves names, as its pods can do it too. */
export async function readHostResolver(): Promise<DnsSpec> {
  const found = await Promise.all(
    FILES.map(async (path) => parseResolver(await readFile(path, "utf8").catch(() => ""))),
  );
  const [first] = found;
  return (
    found.find(({ servers }) => servers.length > 0) ??
    first ?? { servers: [], search: [], options: [] }
  );
}
