import { parseQuantity } from "../../model/quantity.ts";
import { formatPath } from "../finding.ts";
import type { PodRule } from "./rule.ts";
import { eachContainer } from "./rule.ts";

/** No container requests more than its limit lets it have. */
export const podResources: PodRule = (spec, path, report) => {
  eachContainer(spec, ({ resources }, place) => {
    const { requests, limits } = resources ?? {};
    if (requests === undefined || limits === undefined) return;
    for (const [name, request] of Object.entries(requests)) {
      const limit = limits[name];
      if (limit === undefined || limit === request || !isAbove(request, limit)) continue;
      const at = [...path, ...place, "resources", "requests", name];
      const message = `${formatPath(at)} must be at most the limit of ${limit}: it is ${request}`;
      report({ code: "resources/above-limit", message, path: at });
    }
  });
};

/** Whether one amount is above another; text that is no amount never is. Pure. */
export function isAbove(amount: string, bound: string): boolean {
  const [a, b] = [parseQuantity(amount), parseQuantity(bound)];
  return a !== undefined && b !== undefined && a.nanos > b.nanos;
}
