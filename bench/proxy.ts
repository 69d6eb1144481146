import type { Bar, BenchOptions, Metric } from "./harness.ts";
import { measureRules, ruleBars } from "./proxy-rules.ts";
import { measureTraffic, trafficBars } from "./proxy-traffic.ts";

/*
 * The service proxy: `rules` measures how fast changes reach the kernel, `traffic` how fast connections are through
 * them, and through the proxy in user space. Both unless one is named.
 */
export const bars: readonly Bar[] = [...ruleBars, ...trafficBars];

export async function run(options: BenchOptions): Promise<Metric[]> {
  const parts = { rules: measureRules, traffic: measureTraffic };
  const { args = [] } = options;
  const metrics: Metric[] = [];
  for (const [name, measure] of Object.entries(parts))
    if (args.length === 0 || args.includes(name)) metrics.push(...(await measure(options)));
  return metrics;
}
