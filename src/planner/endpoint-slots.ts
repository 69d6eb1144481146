import { isSameJson } from "../base/same-json.ts";
import type { Endpoint } from "../model/kinds.gen.ts";
import { endpointKey } from "./endpoint-groups.ts";

/** Kubernetes' limit: a change of one endpoint is sent with at most this many others. */
export const MAX_ENDPOINTS_PER_SLICE = 100;

/** What each slice that is there shall hold, in their order, and the contents of further ones. */
export interface Slots {
  readonly kept: readonly (readonly Endpoint[])[];
  readonly fresh: readonly (readonly Endpoint[])[];
}

/**
 * Endpoints into slices, so that few slices change: an endpoint stays in the slice that it is in; new ones go where something
 * changes anyway; what is left makes full slices, and the rest goes into the fullest slice that has room for all of it,
 * else into one of its own. Pure.
 */
export function assignEndpoints(
  slices: readonly (readonly Endpoint[])[],
  wanted: ReadonlyMap<string, Endpoint>,
): Slots {
  const left = new Map(wanted);
  const kept = slices.map((slice) => keepEndpoints(slice, left));
  for (const content of kept) if (content.isChanged) fill(content.endpoints, left);
  const fresh: Endpoint[][] = [];
  while (left.size >= MAX_ENDPOINTS_PER_SLICE) {
    const full: Endpoint[] = [];
    fill(full, left);
    fresh.push(full);
  }
  if (left.size > 0) {
    const room = MAX_ENDPOINTS_PER_SLICE - left.size;
    const fitting = kept
      .map(({ endpoints }) => endpoints)
      .filter(({ length }) => length > 0 && length <= room)
      .toSorted((a, b) => b.length - a.length)[0];
    const target = fitting ?? kept.find(({ endpoints }) => endpoints.length === 0)?.endpoints;
    if (target === undefined) fresh.push([...left.values()]);
    else fill(target, left);
  }
  return { kept: kept.map(({ endpoints }) => endpoints), fresh };
}

interface Content {
  readonly endpoints: Endpoint[];
  readonly isChanged: boolean;
}

/** Takes what a slice holds and shall hold out of `left`, as it is to be now, in the slice's order. */
function keepEndpoints(slice: readonly Endpoint[], left: Map<string, Endpoint>): Content {
  let isChanged = false;
  const endpoints = slice.flatMap((before) => {
    const key = endpointKey(before);
    const endpoint = left.get(key);
    if (endpoint === undefined) {
      isChanged = true;
      return [];
    }
    left.delete(key);
    if (!isSameJson(endpoint, before)) isChanged = true;
    return [endpoint];
  });
  return { endpoints, isChanged };
}

function fill(endpoints: Endpoint[], left: Map<string, Endpoint>): void {
  for (const [key, endpoint] of left) {
    if (endpoints.length >= MAX_ENDPOINTS_PER_SLICE) return;
    endpoints.push(endpoint);
    left.delete(key);
  }
}
