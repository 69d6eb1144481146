import { compare, groupBy } from "../base/order.ts";
import { isTrue } from "../model/condition.ts";
import type { Endpoint, Node, Service } from "../model/kinds.gen.ts";
import { cpuMillis } from "../model/quantity.ts";
import type { EndpointGroup } from "./endpoint-groups.ts";

/** The annotation by which endpoints are shared out among zones in proportion to their processors. */
const MODE_ANNOTATIONS = [
  "service.kubernetes.io/topology-mode",
  "service.kubernetes.io/topology-aware-hints",
];
const ZONE_LABEL = "topology.kubernetes.io/zone";
/** Kubernetes' safeguard: no endpoint shall carry more than this beyond its fair part. */
const OVERLOAD = 0.2;

/** Whether the hints of a Service's endpoints follow the processors of the zones. Pure. */
export function hintsByLoad({ metadata }: Service): boolean {
  return MODE_ANNOTATIONS.some((key) =>
    ["Auto", "auto"].includes(metadata.annotations?.[key] ?? ""),
  );
}

/**
 * The endpoints with a hint each, so that every zone is served by a part of them that fits its share of the processors,
 * and by its own first. Without hints where that cannot be: a single zone, a node without one, too few endpoints, or an
 * endpoint whose zone nobody knows. Pure.
 */
export function withHints(group: EndpointGroup, nodes: readonly Node[]): EndpointGroup {
  const ready = [...group.endpoints].filter(([, { conditions }]) => conditions.ready);
  const needs = needsOf(nodes, ready.length);
  if (needs === undefined || ready.some(([, { zone }]) => zone === undefined)) return group;
  const zones = share(ready, needs);
  if (zones === undefined) return group;
  const endpoints = [...group.endpoints].map(([key, endpoint]): readonly [string, Endpoint] => {
    const zone = zones.get(key);
    return [
      key,
      zone === undefined ? endpoint : { ...endpoint, hints: { forZones: [{ name: zone }] } },
    ];
  });
  return { ...group, endpoints: new Map(endpoints) };
}

interface Need {
  readonly zone: string;
  /** Fewer endpoints would be overloaded. */
  readonly least: number;
  /** Its fair part, rounded up. */
  readonly fair: number;
}

function needsOf(nodes: readonly Node[], total: number): readonly Need[] | undefined {
  const able = nodes.filter((node) => isTrue(node.status?.conditions, "Ready"));
  const byZone = groupBy(able, ({ metadata }) => metadata.labels?.[ZONE_LABEL] ?? "");
  if (byZone.has("") || byZone.size < 2 || total < byZone.size) return undefined;
  const cpus = [...byZone].map(([zone, members]) => ({
    zone,
    cpu: members.reduce(
      (sum, { status }) => sum + (cpuMillis(status?.allocatable?.["cpu"] ?? "0") ?? 0),
      0,
    ),
  }));
  const all = cpus.reduce((sum, { cpu }) => sum + cpu, 0);
  if (all === 0 || cpus.some(({ cpu }) => cpu === 0)) return undefined;
  const needs = cpus.map(({ zone, cpu }) => {
    const part = (cpu / all) * total;
    return { zone, least: Math.ceil(part / (1 + OVERLOAD)), fair: Math.ceil(part) };
  });
  const least = needs.reduce((sum, need) => sum + need.least, 0);
  return least > total ? undefined : needs.toSorted((a, b) => compare(a.zone, b.zone));
}

/** Each zone keeps its own up to its fair part; what is over goes where some are missing, else stays. */
function share(
  ready: readonly (readonly [string, Endpoint])[],
  needs: readonly Need[],
): ReadonlyMap<string, string> | undefined {
  const chosen = new Map<string, string>();
  const counts = new Map(needs.map(({ zone }) => [zone, 0]));
  const spare: (readonly [string, Endpoint])[] = [];
  const give = (key: string, zone: string): void => {
    chosen.set(key, zone);
    counts.set(zone, (counts.get(zone) ?? 0) + 1);
  };
  for (const [key, endpoint] of ready) {
    const own = needs.find(({ zone }) => zone === endpoint.zone);
    if (own !== undefined && (counts.get(own.zone) ?? 0) < own.fair) give(key, own.zone);
    else spare.push([key, endpoint]);
  }
  // Beyond its least a zone may give away, and a zone that lacks takes what is over first.
  const donors = [...chosen].toReversed();
  for (const { zone, least } of needs) {
    while ((counts.get(zone) ?? 0) < least) {
      const over = spare.shift();
      if (over !== undefined) {
        give(over[0], zone);
        continue;
      }
      const donor = donors.find(([key, from]) => {
        const need = needs.find((other) => other.zone === from);
        return (
          chosen.get(key) === from &&
          need !== undefined &&
          from !== zone &&
          (counts.get(from) ?? 0) > need.least
        );
      });
      if (donor === undefined) return undefined;
      counts.set(donor[1], (counts.get(donor[1]) ?? 0) - 1);
      give(donor[0], zone);
    }
  }
  for (const [key, { zone = "" }] of spare) {
    const home = needs.some((need) => need.zone === zone) ? zone : needs[0]?.zone;
    if (home !== undefined) give(key, home);
  }
  return chosen;
}
