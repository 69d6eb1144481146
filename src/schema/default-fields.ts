import { formatQuantity, parseQuantity } from "../model/quantity.ts";
import { asFields } from "./fields.ts";
import type { Fields } from "./fields.ts";

/** Fills what is absent in a map of fields. Pure, idempotent. */
export type Default = (fields: Fields) => Fields;

const NOTHING: Fields = {};
/** The finest step of an amount that Kubernetes keeps, in billionths: a thousandth. */
const STEP_NANOS = 1_000_000n;

/** `{ name: filled }` when the field is there, else nothing to spread. Pure. */
export function mapField(fields: Fields, name: string, change: Default): Fields {
  return fields[name] === undefined ? NOTHING : { [name]: change(asFields(fields[name])) };
}

/** Amounts by resource in their canonical form. Pure, idempotent. */
export function canonicalAmounts(amounts: Fields): Fields {
  const canonical: Record<string, string> = {};
  for (const name of Object.keys(amounts)) canonical[name] = canonicalAmount(amounts[name]);
  return canonical;
}

/** One amount in its canonical form, rounded up to thousandths; other text as it is. Pure, idempotent. */
export function canonicalAmount(amount: unknown): string {
  const text = String(amount);
  const quantity = parseQuantity(text);
  if (quantity === undefined) return text;
  const { nanos, form } = quantity;
  const rest = nanos % STEP_NANOS;
  if (rest === 0n) return formatQuantity(quantity);
  return formatQuantity({ nanos: nanos - rest + (nanos > 0n ? STEP_NANOS : 0n), form });
}

/** `requests` and `limits` in their canonical form. Pure, idempotent. */
export function defaultResources(resources: Fields): Fields {
  return {
    ...resources,
    ...mapField(resources, "requests", canonicalAmounts),
    ...mapField(resources, "limits", canonicalAmounts),
  };
}
