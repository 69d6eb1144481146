import { compare } from "../base/order.ts";
import { formatQuantity, parseQuantity, type Quantity } from "../model/quantity.ts";

/** Exact amounts by name: `requests.cpu`, `pods`, `count/jobs.batch`. */
export type Amounts = ReadonlyMap<string, Quantity>;

export const NO_AMOUNTS: Amounts = new Map();
export const ONE: Quantity = { nanos: 1_000_000_000n, form: "decimal" };
const ZERO: Quantity = { nanos: 0n, form: "decimal" };

/** Quantities as an object states them; what is no quantity is left out. Pure. */
export function readAmounts(stated: Readonly<Record<string, unknown>> | undefined): Amounts {
  const entries = Object.entries(stated ?? {}).flatMap(([name, value]) => {
    const quantity = parseQuantity(String(value));
    return quantity === undefined ? [] : [[name, quantity] as const];
  });
  return new Map(entries);
}

/** Both together, by name; the form of a sum is that of its first part, as in Kubernetes. Pure. */
export function addAmounts(a: Amounts, b: Amounts): Amounts {
  if (a.size === 0) return b;
  const sum = new Map(a);
  for (const [name, quantity] of b) sum.set(name, addQuantities(sum.get(name) ?? ZERO, quantity));
  return sum;
}

/** The larger of both, by name. Pure. */
export function maxAmounts(a: Amounts, b: Amounts): Amounts {
  if (a.size === 0) return b;
  const largest = new Map(a);
  for (const [name, quantity] of b) {
    const other = largest.get(name);
    if (other === undefined || other.nanos < quantity.nanos) largest.set(name, quantity);
  }
  return largest;
}

/** Those of some names; what is absent counts as nothing. Pure. */
export function pickAmounts(amounts: Amounts, names: Iterable<string>): Amounts {
  return new Map([...names].map((name) => [name, amounts.get(name) ?? ZERO] as const));
}

/** `a=1,b=200m` in the order of the names. Pure. */
export function formatAmounts(amounts: Amounts): string {
  return [...amounts]
    .toSorted(([a], [b]) => compare(a, b))
    .map(([name, quantity]) => `${name}=${formatQuantity(quantity)}`)
    .join(",");
}

/** As an object states them, in the order of the names. Pure. */
export function toQuantities(amounts: Amounts): Readonly<Record<string, string>> {
  const entries = [...amounts].toSorted(([a], [b]) => compare(a, b));
  return Object.fromEntries(entries.map(([name, quantity]) => [name, formatQuantity(quantity)]));
}

function addQuantities(a: Quantity, b: Quantity): Quantity {
  return { nanos: a.nanos + b.nanos, form: a.nanos === 0n ? b.form : a.form };
}
