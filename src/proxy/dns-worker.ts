import { readFile, stat } from "node:fs/promises";
import { setPriority } from "node:os";
import { parentPort, workerData } from "node:worker_threads";
import { invariant } from "../base/assert.ts";
import { systemClock } from "../base/system-clock.ts";
import type { DnsEvent, DnsUpdate, DnsWorkerData } from "./dns-messages.ts";
import { dnsResponder } from "./dns-responder.ts";
import { startDnsServer } from "./dns-server.ts";
import type { DnsServer } from "./dns-server.ts";
import { DnsUpstream } from "./dns-upstream.ts";
import type { Nameserver } from "./dns-upstream.ts";
import { DnsZone } from "./dns-zone.ts";
import { parseNameservers, parseSearch } from "./resolv-conf.ts";

const RESOLV_CONF = "/etc/resolv.conf";
const DNS_PORT = 53;

/** How often the file with the host's name servers is looked at, when there is a question for them. */
const RESOLV_CONF_AGE_MS = 5000;

/** Between attempts to bind: another server may hold the port, or the bridge may lack its address for a while. */
const BIND_RETRY_MS = 2000;

/** All pods wait for names: a busy node lets this thread run first. The kernel takes 0 for the thread that asks. */
const NICENESS = -10;

invariant(parentPort !== null, "the DNS thread was started as a process");
const port = parentPort;
const data = workerData as DnsWorkerData;
try {
  setPriority(0, NICENESS);
} catch {
  // Without the right it is as quick as others.
}
const zone = new DnsZone();
port.on("message", (update: DnsUpdate) => {
  for (const [key, records] of update) zone.set(key, records);
});
const upstream = new DnsUpstream({ nameservers: hostNameservers(data), clock: systemClock });
const hostSearch = parseSearch(await readFile(RESOLV_CONF, "utf8").catch(() => ""));
const server = await listen(dnsResponder(zone, upstream, { ...data, hostSearch }));
tell({ type: "listening", port: server.port });

async function listen(respond: ReturnType<typeof dnsResponder>): Promise<DnsServer> {
  for (;;) {
    try {
      return await startDnsServer({ address: data.address, port: data.port, respond });
    } catch (error) {
      const cause = error instanceof Error ? error.message : String(error);
      tell({ type: "cannot-listen", message: cause });
      await systemClock.sleep(BIND_RETRY_MS);
    }
  }
}

function tell(event: DnsEvent): void {
  port.postMessage(event);
}

/** Reads the host's name servers, again when their file has changed. This server is never among them. */
function hostNameservers(self: DnsWorkerData): () => Promise<readonly Nameserver[]> {
  let lookedAt = Number.NEGATIVE_INFINITY;
  let changedAt: number | undefined;
  let known: readonly Nameserver[] = [];
  return async () => {
    const now = systemClock.monotonic();
    if (now - lookedAt < RESOLV_CONF_AGE_MS) return known;
    lookedAt = now;
    const { mtimeMs } = await stat(RESOLV_CONF);
    if (mtimeMs === changedAt) return known;
    changedAt = mtimeMs;
    known = parseNameservers(await readFile(RESOLV_CONF, "utf8"))
      .filter((address) => address !== self.address)
      .map((address) => ({ address, port: DNS_PORT }));
    return known;
  };
}
