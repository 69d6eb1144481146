import type { Clock } from "../../base/clock.ts";
import { TunnelError } from "../../client/tunnel-client.ts";
import type { TunnelStream } from "../../client/tunnel-stream.ts";
import { MAX_TUNNEL_CHUNK, type MetricsRequest } from "../../model/tunnel.ts";
import { cadvisorMetrics } from "./metrics-cadvisor.ts";
import { kubeletMetrics, resourceMetrics } from "./metrics-kubelet.ts";
import { formatMetricFamilies } from "./metrics-text.ts";
import { takeSnapshot, type NodeSnapshot, type SnapshotTools } from "./node-snapshot.ts";
import { statsSummary } from "./stats-summary.ts";

export interface MetricsOptions extends SnapshotTools {
  readonly nodeName: string;
  readonly version: string;
  readonly clock: Clock;
}

type Page = (node: NodeSnapshot, options: MetricsOptions) => string;

const PAGES: ReadonlyMap<string, Page> = new Map<string, Page>([
  [
    "metrics",
    (node, { nodeName, clock }) => {
      const { user, system } = process.cpuUsage();
      const own = {
        residentBytes: process.memoryUsage.rss(),
        cpuSeconds: (user + system) / 1e6,
        startedAt: clock.now() / 1000 - process.uptime(),
      };
      return formatMetricFamilies(kubeletMetrics(node, { nodeName, process: own }));
    },
  ],
  ["metrics/cadvisor", (node, { version }) => formatMetricFamilies(cadvisorMetrics(node, version))],
  ["metrics/resource", (node) => formatMetricFamilies(resourceMetrics(node))],
  [
    "stats/summary",
    (node, { nodeName, clock }) => JSON.stringify(statsSummary(node, nodeName, clock.now())),
  ],
]);

/** Serves the node's figures; nothing is counted between two questions. */
export async function serveMetrics(
  { page }: MetricsRequest,
  stream: TunnelStream,
  options: MetricsOptions,
): Promise<void> {
  const render = PAGES.get(page);
  if (render === undefined) throw new TunnelError(404, `the node has no page "${page}"`);
  stream.accept();
  const bytes = Buffer.from(render(await takeSnapshot(options), options));
  for (let at = 0; at < bytes.length; at += MAX_TUNNEL_CHUNK)
    await stream.write(bytes.subarray(at, at + MAX_TUNNEL_CHUNK));
}
