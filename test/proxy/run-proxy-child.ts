import { systemClock } from "../../src/base/system-clock.ts";
import type { Logger } from "../../src/base/logger.ts";
import type { ApiClient } from "../../src/client/client.ts";
import type { EndpointSlice, Service } from "../../src/model/kinds.gen.ts";
import { runProxy } from "../../src/proxy/run-proxy.ts";
import { MemoryInformer } from "./memory-informer.ts";

/** What the test tells the process that runs the proxy. */
export type ChildRequest =
  | { readonly do: "start"; readonly clusterId: string }
  | { readonly do: "set-service"; readonly object: Service }
  | { readonly do: "set-slice"; readonly object: EndpointSlice }
  | { readonly do: "delete-slice"; readonly object: EndpointSlice }
  | { readonly do: "mark" }
  | { readonly do: "stop" };

/** What that process tells the test. */
export type ChildEvent =
  | { readonly type: "report"; readonly revision: number }
  | { readonly type: "log"; readonly level: string; readonly message: string }
  | { readonly type: "ended"; readonly error: string | undefined };

const services = new MemoryInformer<Service>();
const slices = new MemoryInformer<EndpointSlice>([], 100);
const ending = new AbortController();

const log =
  (level: string): Logger["info"] =>
  (_fields, message) =>
    tell({ type: "log", level, message });
const logger: Logger = {
  debug: () => undefined,
  info: log("info"),
  warn: log("warn"),
  error: log("error"),
};

/** The control plane, as far as the proxy speaks to it: reports are handed to the test. */
const client = {
  request: (_method: string, _path: string, body: { readonly revision: number }) => {
    tell({ type: "report", revision: body.revision });
    return Promise.resolve(undefined);
  },
} as unknown as ApiClient;

process.on("message", (request: ChildRequest) => {
  if (request.do === "start") void start(request.clusterId);
  else if (request.do === "set-service") services.set(request.object);
  else if (request.do === "set-slice") slices.set(request.object);
  else if (request.do === "delete-slice") slices.delete(request.object);
  else if (request.do === "mark") slices.mark();
  else ending.abort();
});
process.on("disconnect", () => process.exit(0));

async function start(clusterId: string): Promise<void> {
  const cluster = {
    clusterId,
    version: "test",
    podCidr: "10.32.0.0/11",
    serviceCidr: "10.96.0.0/12",
    dnsIp: "10.96.0.10",
    domain: "cluster.local",
  };
  let error: string | undefined;
  try {
    await runProxy({
      client,
      services,
      slices,
      nodeName: "node-a",
      clusterId,
      cluster,
      clock: systemClock,
      logger,
      signal: ending.signal,
    });
  } catch (thrown) {
    error = thrown instanceof Error ? thrown.message : String(thrown);
  }
  tell({ type: "ended", error });
}

function tell(event: ChildEvent): void {
  process.send?.(event);
}
