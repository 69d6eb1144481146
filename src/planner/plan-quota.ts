import { isSameJson } from "../base/same-json.ts";
import type { ResourceQuota } from "../model/kinds.gen.ts";
import { EMPTY_PLAN, type Plan } from "../model/plan.ts";
import { readAmounts, toQuantities } from "./amounts.ts";
import { usedOf } from "./quota-ledger.ts";
import type { World } from "./world.ts";

/** A quota's status follows its spec and what is there: `hard` and, for each of its limits, `used`. Pure. */
export function planQuota(world: World, quota: ResourceQuota): Plan {
  if (quota.metadata.deletionTimestamp !== undefined) return EMPTY_PLAN;
  const status = {
    hard: toQuantities(readAmounts(quota.spec.hard)),
    used: toQuantities(usedOf(world, quota)),
  };
  if (isSameJson(status, quota.status)) return EMPTY_PLAN;
  const object: ResourceQuota = { ...quota, status };
  return { steps: [{ kind: "update-status", object, reason: "QuotaUsed" }] };
}
