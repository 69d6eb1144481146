import { silentLogger } from "../../src/base/logger.ts";
import { systemClock } from "../../src/base/system-clock.ts";
import type { Frontend } from "../../src/proxy/frontend.ts";
import { runOnHost } from "../../src/proxy/run-command.ts";
import { EMPTY_TABLE, updateFrontends } from "../../src/proxy/service-table.ts";
import { UserspaceProxy } from "../../src/proxy/userspace/userspace-proxy.ts";

/** The user-space proxy in a process of its own, since its sockets live in the namespace of a process. */
export interface UserspaceRequest {
  readonly frontends: readonly (readonly [string, readonly Frontend[]])[];
}

const [podCidr = "", serviceCidr = "", dnsIp = ""] = process.argv.slice(2);
const ending = new AbortController();
const proxy = new UserspaceProxy({
  network: { podCidr, serviceCidr, dnsIp },
  run: runOnHost,
  clock: systemClock,
  logger: { ...silentLogger, warn: (_, text) => void process.stderr.write(`${text}\n`) },
});
let table = EMPTY_TABLE;
process.on("message", ({ frontends }: UserspaceRequest) => {
  table = updateFrontends(table, new Map(frontends));
  void proxy.apply(table, ending.signal).then(() => process.send?.("applied"));
});
process.on("disconnect", () => process.exit(0));
