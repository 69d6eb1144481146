import type { ResourceQuota } from "../model/kinds.gen.ts";
import type { ApiObject } from "../model/meta.ts";
import { apiVersionOf, type Resource } from "../model/resources.ts";
import {
  addAmounts,
  formatAmounts,
  NO_AMOUNTS,
  pickAmounts,
  readAmounts,
  type Amounts,
} from "./amounts.ts";
import { isPod } from "./owned-pods.ts";
import { limitsFor, measuredResources, missingStatements, usageOf } from "./quota-usage.ts";
import type { World } from "./world.ts";

/** What the quotas of a namespace have left, for one object after the other. */
export interface QuotaLedger {
  /** Counts the object in, unless a quota has no room for it: then says so in Kubernetes' words, and counts nothing. */
  charge(object: ApiObject): string | undefined;
}

/** The quotas of a namespace as they stand, with `pending` that the world does not show yet. */
export function openLedger(
  world: World,
  namespace: string,
  pending: readonly ApiObject[] = [],
): QuotaLedger {
  const accounts = quotasOf(world, namespace).map((quota) => ({
    quota,
    hard: readAmounts(quota.spec.hard),
    used: pending.reduce(
      (used, object) => addAmounts(used, chargeOf(world, quota, object)),
      usedOf(world, quota),
    ),
  }));
  return {
    charge(object) {
      const charges = accounts.map(({ quota }) => chargeOf(world, quota, object));
      for (const [index, { quota, hard, used }] of accounts.entries()) {
        const refusal = refusalOf(quota, hard, used, charges[index] ?? NO_AMOUNTS, object);
        if (refusal !== undefined) return refusal;
      }
      for (const [index, account] of accounts.entries())
        account.used = addAmounts(account.used, charges[index] ?? NO_AMOUNTS);
      return undefined;
    },
  };
}

/** The quotas of a namespace that are not being deleted. Pure. */
export function quotasOf(world: World, namespace: string): readonly ResourceQuota[] {
  const all = world.list("v1", "ResourceQuota", namespace) as readonly ResourceQuota[];
  return all.filter(({ metadata }) => metadata.deletionTimestamp === undefined);
}

/** How much of each of its limits is used. Pure. */
export function usedOf(world: World, quota: ResourceQuota): Amounts {
  const names = Object.keys(quota.spec.hard ?? {});
  const resources = new Set<Resource>(names.flatMap((name) => measuredResources(name)));
  let used = pickAmounts(NO_AMOUNTS, names);
  for (const resource of resources) {
    const { namespace = "" } = quota.metadata;
    for (const object of world.list(apiVersionOf(resource), resource.kind, namespace))
      used = addInPlace(used, chargeOf(world, quota, object));
  }
  return used;
}

/** One map is filled, not copied for each of many objects. */
function addInPlace(sum: Amounts, more: Amounts): Amounts {
  if (more.size === 0) return sum;
  const target = sum as Map<string, NonNullable<ReturnType<Amounts["get"]>>>;
  for (const [name, quantity] of addAmounts(pickAmounts(sum, more.keys()), more))
    target.set(name, quantity);
  return target;
}

/** What an object adds to a quota. */
function chargeOf(world: World, quota: ResourceQuota, object: ApiObject): Amounts {
  const names = limitsFor(quota, object);
  if (names.length === 0) return NO_AMOUNTS;
  const usage = usageOf(object, world.now);
  return new Map(
    names.flatMap((name) => {
      const amount = usage.get(name);
      return amount === undefined || amount.nanos === 0n ? [] : [[name, amount] as const];
    }),
  );
}

function refusalOf(
  quota: ResourceQuota,
  hard: Amounts,
  used: Amounts,
  charge: Amounts,
  object: ApiObject,
): string | undefined {
  const { name } = quota.metadata;
  if (isPod(object)) {
    const missing = missingStatements(limitsFor(quota, object), object);
    if (missing !== undefined) return `failed quota: ${name}: ${missing}`;
  }
  const next = addAmounts(pickAmounts(used, charge.keys()), charge);
  const exceeded = [...next].flatMap(([limit, amount]) =>
    amount.nanos > (hard.get(limit)?.nanos ?? 0n) ? [limit] : [],
  );
  if (exceeded.length === 0) return undefined;
  const show = (amounts: Amounts): string => formatAmounts(pickAmounts(amounts, exceeded));
  return `exceeded quota: ${name}, requested: ${show(charge)}, used: ${show(used)}, limited: ${show(hard)}`;
}
