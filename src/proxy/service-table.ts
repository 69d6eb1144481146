import { compare } from "../base/order.ts";
import type { NodePlace } from "./choose-backends.ts";
import { allBackends, frontendKey } from "./frontend.ts";
import type { Frontend } from "./frontend.ts";
import { serviceFrontends } from "./service-frontends.ts";
import type { ServiceState } from "./service-frontends.ts";
import { SharedMap } from "./shared-map.ts";
import type { SharedMapEditor } from "./shared-map.ts";

export type { ServiceState } from "./service-frontends.ts";

/** The whole data path of a node. A value: each update gives a new one that shares what did not change. */
export interface ServiceTable {
  /** By `frontendKey`: the Services that want it, in the order of their names. The first one has it. */
  readonly claims: SharedMap<readonly [Frontend, ...Frontend[]]>;
  /** By Service: the frontends that it wants. */
  readonly wanted: SharedMap<readonly Frontend[]>;
  /** Addresses of this node's backends, with how many backends of frontends in force have each. */
  readonly localAddresses: SharedMap<number>;
  /** Addresses at which clients outside call, with how many frontends in force have each. */
  readonly outsideAddresses: SharedMap<number>;
}

/** What a Service wants, given what it wanted before. */
type Want = (before: readonly Frontend[]) => readonly Frontend[];

export const EMPTY_TABLE: ServiceTable = {
  claims: new SharedMap(),
  wanted: new SharedMap(),
  localAddresses: new SharedMap(),
  outsideAddresses: new SharedMap(),
};

/**
 * The table after some Services changed. `states` holds those Services by `namespace/name`; backends that stay
 * keep their slot. A frontend that two Services want belongs to the first by name. Pure.
 */
export function updateServiceTable(
  previous: ServiceTable,
  states: ReadonlyMap<string, ServiceState>,
  place: NodePlace,
): ServiceTable {
  const wants = [...states].map(([name, state]): readonly [string, Want] => [
    name,
    (before) => serviceFrontends(name, state, place, before),
  ]);
  return update(previous, wants);
}

/** The table after others than Services changed what they want: each gives all its frontends. Pure. */
export function updateFrontends(
  previous: ServiceTable,
  frontends: ReadonlyMap<string, readonly Frontend[]>,
): ServiceTable {
  return update(
    previous,
    [...frontends].map(([name, wanted]): readonly [string, Want] => [name, () => wanted]),
  );
}

function update(previous: ServiceTable, wants: readonly (readonly [string, Want])[]): ServiceTable {
  const claims = previous.claims.edit();
  const wanted = previous.wanted.edit();
  const localAddresses = previous.localAddresses.edit();
  const outsideAddresses = previous.outsideAddresses.edit();
  const count = (frontend: Frontend | undefined, step: 1 | -1): void => {
    if (frontend === undefined) return;
    for (const { local, address } of allBackends(frontend))
      if (local) add(localAddresses, address, step);
    const { isOutside, address } = frontend;
    if (isOutside && address !== undefined) add(outsideAddresses, address, step);
  };
  for (const [name, want] of wants) {
    const before = wanted.get(name) ?? [];
    const after = want(before);
    if (after.length === 0) wanted.delete(name);
    else wanted.set(name, after);
    for (const key of new Set([...before, ...after].map(frontendKey))) {
      const inForce = claims.get(key)?.[0];
      const mine = after.find((frontend) => frontendKey(frontend) === key);
      const [first, ...rest] = withClaim(claims.get(key) ?? [], name, mine);
      if (first === undefined) claims.delete(key);
      else claims.set(key, [first, ...rest]);
      count(inForce, -1);
      count(first, 1);
    }
  }
  return {
    claims: claims.finish(),
    wanted: wanted.finish(),
    localAddresses: localAddresses.finish(),
    outsideAddresses: outsideAddresses.finish(),
  };
}

/** The frontends in force that differ between two tables. Pure. */
export function changedFrontends(
  previous: ServiceTable,
  next: ServiceTable,
): readonly { readonly before: Frontend | undefined; readonly after: Frontend | undefined }[] {
  return [...previous.claims.changedKeys(next.claims)].flatMap((key) => {
    const [before, after] = [previous.claims.get(key)?.[0], next.claims.get(key)?.[0]];
    return before === after ? [] : [{ before, after }];
  });
}

/** The frontends that a Service has: those that it wants, unless another one has them. Pure. */
export function frontendsInForce(table: ServiceTable, service: string): readonly Frontend[] {
  const wanted = table.wanted.get(service) ?? [];
  return wanted.filter((frontend) => table.claims.get(frontendKey(frontend))?.[0] === frontend);
}

function withClaim(
  claims: readonly Frontend[],
  service: string,
  mine: Frontend | undefined,
): readonly Frontend[] {
  const others = claims.filter((claim) => claim.service !== service);
  return mine === undefined
    ? others
    : [...others, mine].toSorted((a, b) => compare(a.service, b.service));
}

function add(counts: SharedMapEditor<number>, key: string, step: 1 | -1): void {
  const next = (counts.get(key) ?? 0) + step;
  if (next === 0) counts.delete(key);
  else counts.set(key, next);
}
