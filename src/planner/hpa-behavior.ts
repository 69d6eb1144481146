import { formatTime, parseTime, type Millis } from "../base/clock.ts";
import type {
  HorizontalPodAutoscaler,
  HPAScalingPolicy,
  HPAScalingRules,
  ScalingHistory,
} from "../model/kinds.gen.ts";

/** What was asked for and done before, in ms since the epoch. */
export interface History {
  /** Each from its time until the next one's. */
  readonly wishes: readonly { readonly at: Millis; readonly replicas: number }[];
  readonly changes: readonly { readonly at: Millis; readonly by: number }[];
}

export interface Limited {
  readonly replicas: number;
  readonly stabilized: {
    readonly replicas: number;
    readonly reason: string;
    readonly message: string;
  };
  readonly limit: {
    readonly isLimited: boolean;
    readonly reason: string;
    readonly message: string;
  };
}

/** Entries of a history at most: an hour of another wish every 15 s, and as much to spare. */
const MAX_ENTRIES = 500;
const UP: HPAScalingRules = {
  stabilizationWindowSeconds: 0,
  selectPolicy: "Max",
  policies: [
    { type: "Pods", value: 4, periodSeconds: 15 },
    { type: "Percent", value: 100, periodSeconds: 15 },
  ],
};
const DOWN: HPAScalingRules = {
  stabilizationWindowSeconds: 300,
  selectPolicy: "Max",
  policies: [{ type: "Percent", value: 100, periodSeconds: 15 }],
};

/** The rules of both directions, Kubernetes' where the autoscaler says nothing. Pure. */
export function scalingRules({ spec }: HorizontalPodAutoscaler): {
  readonly up: HPAScalingRules;
  readonly down: HPAScalingRules;
} {
  const { scaleUp, scaleDown } = spec.behavior ?? {};
  return { up: { ...UP, ...scaleUp }, down: { ...DOWN, ...scaleDown } };
}

/** The history that a status carries. Pure; `formatHistory` is its counterpart. */
export function parseHistory(history: ScalingHistory | undefined): History {
  return {
    wishes: (history?.wishes ?? []).flatMap(({ at, replicas }) => {
      const time = parseTime(at);
      return time === undefined ? [] : [{ at: time, replicas }];
    }),
    changes: (history?.changes ?? []).flatMap(({ at, by }) => {
      const time = parseTime(at);
      return time === undefined ? [] : [{ at: time, by }];
    }),
  };
}

export function formatHistory({ wishes, changes }: History): ScalingHistory {
  return {
    ...(wishes.length === 0
      ? {}
      : { wishes: wishes.map(({ at, replicas }) => ({ at: formatTime(at), replicas })) }),
    ...(changes.length === 0
      ? {}
      : { changes: changes.map(({ at, by }) => ({ at: formatTime(at), by })) }),
  };
}

/** The history with a new wish in it, without what no rule looks at any more. Pure. */
export function rememberWish(
  { wishes, changes }: History,
  replicas: number,
  autoscaler: HorizontalPodAutoscaler,
  now: Millis,
): History {
  const { up, down } = scalingRules(autoscaler);
  const windowMs =
    Math.max(up.stabilizationWindowSeconds ?? 0, down.stabilizationWindowSeconds ?? 0) * 1000;
  const periods = [...(up.policies ?? []), ...(down.policies ?? [])].map(
    ({ periodSeconds }) => periodSeconds,
  );
  const periodMs = Math.max(0, ...periods) * 1000;
  const isSame = wishes.at(-1)?.replicas === replicas;
  const all = isSame ? wishes : [...wishes, { at: now, replicas }];
  return {
    wishes: all
      .filter((_, index) => (all[index + 1]?.at ?? Infinity) > now - windowMs)
      .slice(-MAX_ENTRIES),
    changes: changes.filter(({ at }) => at > now - periodMs).slice(-MAX_ENTRIES),
  };
}

/** The history with a change that is carried out now. Pure. */
export function rememberChange({ wishes, changes }: History, by: number, now: Millis): History {
  return { wishes, changes: [...changes, { at: now, by }].slice(-MAX_ENTRIES) };
}

/**
 * What of a wish is carried out now: first the wish in its window that changes least, then as much of it as the policies
 * and the bounds allow. `history` has the wish already. Pure.
 */
export function limitChange(
  wish: number,
  autoscaler: HorizontalPodAutoscaler,
  {
    current,
    history,
    now,
  }: { readonly current: number; readonly history: History; readonly now: Millis },
): Limited {
  const { up, down } = scalingRules(autoscaler);
  const { minReplicas, maxReplicas } = autoscaler.spec;
  const stabilized = stabilize(wish, current, { up, down, history, now });
  const wanted = stabilized.replicas;
  const given = { current, history, now };
  const limit =
    wanted > current
      ? upperLimit(up, maxReplicas, given)
      : wanted < current
        ? lowerLimit(down, minReplicas, given)
        : undefined;
  const replicas =
    limit === undefined
      ? wanted
      : wanted > current
        ? Math.min(wanted, limit.replicas)
        : Math.max(wanted, limit.replicas);
  const isLimited = replicas !== wanted;
  return {
    replicas,
    stabilized,
    limit:
      isLimited && limit !== undefined
        ? { isLimited, reason: limit.reason, message: limit.message }
        : {
            isLimited: false,
            reason: "DesiredWithinRange",
            message: "the desired count is within the acceptable range",
          },
  };
}

function stabilize(
  wish: number,
  current: number,
  rules: {
    readonly up: HPAScalingRules;
    readonly down: HPAScalingRules;
    readonly history: History;
    readonly now: Millis;
  },
): Limited["stabilized"] {
  const { up, down, history, now } = rules;
  const within = (seconds = 0): readonly number[] =>
    history.wishes
      .filter((_, index, all) => (all[index + 1]?.at ?? Infinity) > now - seconds * 1000)
      .map(({ replicas }) => replicas);
  const lowest = Math.min(wish, ...within(up.stabilizationWindowSeconds));
  const highest = Math.max(wish, ...within(down.stabilizationWindowSeconds));
  const replicas = current < lowest ? lowest : Math.min(current, highest);
  if (replicas === wish)
    return {
      replicas,
      reason: "ReadyForNewScale",
      message: "recommended size matches current size",
    };
  return wish > replicas
    ? {
        replicas,
        reason: "ScaleUpStabilized",
        message:
          "recent recommendations were lower than current one, applying the lowest recent recommendation",
      }
    : {
        replicas,
        reason: "ScaleDownStabilized",
        message:
          "recent recommendations were higher than current one, applying the highest recent recommendation",
      };
}

interface Moment {
  readonly current: number;
  readonly history: History;
  readonly now: Millis;
}

interface Limit {
  readonly replicas: number;
  readonly reason: string;
  readonly message: string;
}

function upperLimit(rules: HPAScalingRules, maxReplicas: number, moment: Moment): Limit {
  const limits = (rules.policies ?? []).map(({ type, value, periodSeconds }) => {
    const start = startOfPeriod(periodSeconds, moment);
    return type === "Pods" ? start + value : Math.ceil((start * (100 + value)) / 100);
  });
  const rate = Math.max(moment.current, chosen(rules, limits, moment.current, "most"));
  return rate < maxReplicas
    ? {
        replicas: rate,
        reason: "ScaleUpLimit",
        message: "the desired replica count is increasing faster than the maximum scale rate",
      }
    : {
        replicas: maxReplicas,
        reason: "TooManyReplicas",
        message: "the desired replica count is more than the maximum replica count",
      };
}

function lowerLimit(rules: HPAScalingRules, minReplicas: number, moment: Moment): Limit {
  const limits = (rules.policies ?? []).map(({ type, value, periodSeconds }: HPAScalingPolicy) => {
    const start = startOfPeriod(periodSeconds, moment);
    return type === "Pods" ? start - value : Math.trunc((start * (100 - value)) / 100);
  });
  const rate = Math.min(moment.current, chosen(rules, limits, moment.current, "least"));
  return rate > minReplicas
    ? {
        replicas: rate,
        reason: "ScaleDownLimit",
        message: "the desired replica count is decreasing faster than the maximum scale rate",
      }
    : {
        replicas: minReplicas,
        reason: "TooFewReplicas",
        message: "the desired replica count is less than the minimum replica count",
      };
}

/** `Max` takes the policy that allows the greatest change, `Min` the smallest, `Disabled` none. */
function chosen(
  { selectPolicy }: HPAScalingRules,
  limits: readonly number[],
  current: number,
  greatest: "most" | "least",
): number {
  if (selectPolicy === "Disabled" || limits.length === 0) return current;
  const takesHighest = (selectPolicy === "Min") !== (greatest === "most");
  return takesHighest ? Math.max(...limits) : Math.min(...limits);
}

/** How many replicas there were when the period began. */
function startOfPeriod(seconds: number, { current, history, now }: Moment): number {
  const since = history.changes
    .filter(({ at }) => at > now - seconds * 1000)
    .reduce((sum, { by }) => sum + by, 0);
  return current - since;
}
