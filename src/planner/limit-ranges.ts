import { compare } from "../base/order.ts";
import type {
  Container,
  LimitRange,
  LimitRangeItem,
  PersistentVolumeClaim,
  Pod,
} from "../model/kinds.gen.ts";
import { formatQuantity, type Quantity } from "../model/quantity.ts";
import { addAmounts, readAmounts, toQuantities, type Amounts } from "./amounts.ts";
import type { World } from "./world.ts";

/** The limit ranges of a namespace, in the order of their names. Pure. */
export function limitRangesOf(world: World, namespace: string): readonly LimitRange[] {
  return world.list("v1", "LimitRange", namespace) as readonly LimitRange[];
}

/**
 * A pod with the requests and limits that a limit range gives to containers that state none. A default limit is the
 * default request as well, unless that is given; an upper bound is the default limit. Pure.
 */
export function withDefaultLimits({ spec }: LimitRange, pod: Pod): Pod {
  const items = spec.limits.filter(({ type }) => type === "Container").map(withImplied);
  const requests = merged(items.map(({ defaultRequest }) => defaultRequest));
  const limits = merged(items.map((item) => item.default));
  if (requests.size === 0 && limits.size === 0) return pod;
  const fill = (container: Container): Container => fillContainer(container, requests, limits);
  const { containers, initContainers } = pod.spec;
  return {
    ...pod,
    spec: {
      ...pod.spec,
      containers: containers.map(fill),
      ...(initContainers === undefined ? {} : { initContainers: initContainers.map(fill) }),
    },
  };
}

/** What a limit range has against a pod, each in Kubernetes' words. Pure. */
export function podViolations({ spec }: LimitRange, pod: Pod): readonly string[] {
  const containers = [...pod.spec.containers, ...(pod.spec.initContainers ?? [])].map(statedBy);
  return spec.limits.flatMap((item) => {
    switch (item.type) {
      case "Container":
        return containers.flatMap((stated) => violations(item, stated));
      case "Pod":
        return violations(item, statedByPod(pod));
      default:
        return [];
    }
  });
}

/** What a limit range has against a claim. Pure. */
export function claimViolations(
  { spec }: LimitRange,
  claim: PersistentVolumeClaim,
): readonly string[] {
  const requests = readAmounts(claim.spec.resources?.requests);
  const items = spec.limits.filter(({ type }) => type === "PersistentVolumeClaim");
  return items.flatMap((item) => [
    ...each(item.min, (name, bound) => {
      const request = requests.get(name);
      if (request === undefined)
        return `minimum ${at(item, name, bound)}.  No request is specified`;
      return request.nanos < bound.nanos
        ? `minimum ${at(item, name, bound)}, but request is ${formatQuantity(request)}`
        : undefined;
    }),
    ...each(item.max, (name, bound) => {
      const request = requests.get(name);
      if (request === undefined)
        return `maximum ${at(item, name, bound)}.  No request is specified`;
      return request.nanos > bound.nanos
        ? `maximum ${at(item, name, bound)}, but request is ${formatQuantity(request)}`
        : undefined;
    }),
  ]);
}

/** Several as Kubernetes puts them into one message. Pure. */
export function joinViolations(found: readonly string[]): string {
  const distinct = [...new Set(found)];
  return distinct.length === 1 ? (distinct[0] ?? "") : `[${distinct.join(", ")}]`;
}

interface Stated {
  readonly requests: Amounts;
  readonly limits: Amounts;
}

function statedBy({ resources }: Container): Stated {
  return { requests: readAmounts(resources?.requests), limits: readAmounts(resources?.limits) };
}

/** Of all containers together what each of them states; an init container counts where it is more. */
function statedByPod({ spec }: Pod): Stated {
  const main = spec.containers.map(statedBy);
  const init = (spec.initContainers ?? []).map(statedBy);
  const side = (field: keyof Stated): Amounts => {
    const [first, ...rest] = main.map((stated) => stated[field]);
    const shared = [...(first ?? new Map<string, Quantity>())].filter(([name]) =>
      rest.every((other) => other.has(name)),
    );
    let sum: Amounts = new Map(shared);
    for (const other of rest)
      sum = addAmounts(sum, new Map([...other].filter(([name]) => sum.has(name))));
    const result = new Map(sum);
    for (const stated of init)
      for (const [name, quantity] of stated[field])
        if (quantity.nanos > (result.get(name)?.nanos ?? 0n)) result.set(name, quantity);
    return result;
  };
  return { requests: side("requests"), limits: side("limits") };
}

function violations(item: LimitRangeItem, stated: Stated): readonly string[] {
  return [
    ...each(item.min, (name, bound) => belowMinimum(item, name, bound, stated)),
    ...each(item.max, (name, bound) => aboveMaximum(item, name, bound, stated)),
    ...each(item.maxLimitRequestRatio, (name, bound) => aboveRatio(item, name, bound, stated)),
  ];
}

function each(
  stated: Readonly<Record<string, unknown>> | undefined,
  check: (name: string, bound: Quantity) => string | undefined,
): readonly string[] {
  return [...readAmounts(stated)]
    .toSorted(([a], [b]) => compare(a, b))
    .flatMap(([name, bound]) => check(name, bound) ?? []);
}

function at({ type }: LimitRangeItem, name: string, bound: Quantity): string {
  return `${name} usage per ${type} is ${formatQuantity(bound)}`;
}

function belowMinimum(
  item: LimitRangeItem,
  name: string,
  bound: Quantity,
  { requests, limits }: Stated,
): string | undefined {
  const request = requests.get(name);
  const limit = limits.get(name);
  const rule = `minimum ${at(item, name, bound)}`;
  if (request === undefined) return `${rule}.  No request is specified`;
  if (request.nanos < bound.nanos) return `${rule}, but request is ${formatQuantity(request)}`;
  if (limit !== undefined && limit.nanos < bound.nanos)
    return `${rule}, but limit is ${formatQuantity(limit)}`;
  return undefined;
}

function aboveMaximum(
  item: LimitRangeItem,
  name: string,
  bound: Quantity,
  { requests, limits }: Stated,
): string | undefined {
  const request = requests.get(name);
  const limit = limits.get(name);
  const rule = `maximum ${at(item, name, bound)}`;
  if (limit === undefined) return `${rule}.  No limit is specified`;
  if (limit.nanos > bound.nanos) return `${rule}, but limit is ${formatQuantity(limit)}`;
  if (request !== undefined && request.nanos > bound.nanos)
    return `${rule}, but request is ${formatQuantity(request)}`;
  return undefined;
}

function aboveRatio(
  { type }: LimitRangeItem,
  name: string,
  bound: Quantity,
  { requests, limits }: Stated,
): string | undefined {
  const request = requests.get(name)?.nanos ?? 0n;
  const limit = limits.get(name)?.nanos ?? 0n;
  const rule = `${name} max limit to request ratio per ${type} is ${formatQuantity(bound)}`;
  if (request === 0n) return `${rule}, but no request is specified or request is 0`;
  if (limit === 0n) return `${rule}, but no limit is specified or limit is 0`;
  // limit / request > bound, in whole numbers: the bound itself is counted in billionths.
  if (limit * 1_000_000_000n <= bound.nanos * request) return undefined;
  return `${rule}, but provided ratio is ${(Number(limit) / Number(request)).toFixed(6)}`;
}

/** What an item means where it says nothing: see `withDefaultLimits`. */
function withImplied(item: LimitRangeItem): LimitRangeItem {
  const limits = { ...item.max, ...item.default };
  return {
    ...item,
    default: limits,
    defaultRequest: { ...item.min, ...limits, ...item.defaultRequest },
  };
}

function merged(parts: readonly (Readonly<Record<string, unknown>> | undefined)[]): Amounts {
  return new Map(parts.flatMap((part) => [...readAmounts(part)]));
}

function fillContainer(container: Container, requests: Amounts, limits: Amounts): Container {
  const own = statedBy(container);
  const nextLimits = new Map([...limits, ...own.limits]);
  // A limit of the container's own is its request too, before any default: Kubernetes fills that in first.
  const nextRequests = new Map([...requests, ...own.limits, ...own.requests]);
  return {
    ...container,
    resources: {
      ...container.resources,
      ...(nextLimits.size === 0 ? {} : { limits: toQuantities(nextLimits) }),
      ...(nextRequests.size === 0 ? {} : { requests: toQuantities(nextRequests) }),
    },
  };
}
