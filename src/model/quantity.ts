/** A Kubernetes quantity. Exact: counted in billionths, the finest step there is. */
export interface Quantity {
  readonly nanos: bigint;
  /** How it was written, and so how it is written again: `500m`, `64Mi`, `12e6`. */
  readonly form: "decimal" | "binary" | "exponent";
}

/** Longest text that is looked at; the longest sensible quantity is far shorter. */
const MAX_QUANTITY_TEXT = 64;
/** Powers of ten beyond this are capped alike, see `MAX_NANOS`. */
const MAX_EXPONENT = 40;
const NANO = 1_000_000_000n;
/** Kubernetes caps a quantity at 2^63 - 1. */
const MAX_NANOS = (2n ** 63n - 1n) * NANO;

const QUANTITY = /^([+-]?)(\d+)?(?:\.(\d*))?(?:([numkMGTPE]|[KMGTPE]i)|[eE]([+-]?\d{1,9}))?$/;

const DECIMAL_SUFFIXES = ["n", "u", "m", "", "k", "M", "G", "T", "P", "E"] as const;
const BINARY_SUFFIXES = ["", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei"] as const;

/** The quantity that `text` says; `undefined` when it says none. Finer than a billionth is rounded away from 0. Pure. */
export function parseQuantity(text: string): Quantity | undefined {
  if (text.length > MAX_QUANTITY_TEXT) return undefined;
  const match = QUANTITY.exec(text);
  if (match === null) return undefined;
  const [, sign, whole = "", fraction = "", suffix = "", exponent] = match;
  if (whole === "" && fraction === "") return undefined;
  const digits = BigInt(whole + fraction);
  const binary = suffix.endsWith("i");
  const power = exponent === undefined ? decimalPower(suffix, binary) : Number(exponent);
  const factor = binary ? 1024n ** BigInt(BINARY_SUFFIXES.indexOf(suffix as "Ki")) : 1n;
  const nanos = scale(digits * factor, clamp(power) + 9 - fraction.length);
  const capped = nanos > MAX_NANOS ? MAX_NANOS : nanos;
  return {
    nanos: sign === "-" ? -capped : capped,
    form: binary ? "binary" : exponent === undefined ? "decimal" : "exponent",
  };
}

/** The canonical text: no fraction, the largest suffix that needs none. `1.5Gi` → `1536Mi`, `0.5` → `500m`. Pure. */
export function formatQuantity({ nanos, form }: Quantity): string {
  if (nanos === 0n) return "0";
  if (form === "binary" && nanos % NANO === 0n && (nanos >= 1024n * NANO || nanos <= -1024n * NANO))
    return formatBinary(nanos / NANO);
  let rest = nanos;
  let step = 0;
  while (rest % 1000n === 0n && step < DECIMAL_SUFFIXES.length - 1) {
    rest /= 1000n;
    step++;
  }
  const power = (step - 3) * 3;
  if (form === "exponent") return power === 0 ? String(rest) : `${rest}e${power}`;
  return `${rest}${DECIMAL_SUFFIXES[step] ?? ""}`;
}

/** The canonical text of a quantity; `undefined` for no quantity. `canonical(canonical(x)) = canonical(x)`. Pure. */
export function canonicalQuantity(text: string): string | undefined {
  const quantity = parseQuantity(text);
  return quantity === undefined ? undefined : formatQuantity(quantity);
}

/** CPU in thousandths of a core, rounded up; `undefined` for no quantity. Pure. */
export function cpuMillis(text: string): number | undefined {
  const quantity = parseQuantity(text);
  return quantity === undefined ? undefined : Number(divideUp(quantity.nanos, 1_000_000n));
}

/** A whole number (bytes, pieces), rounded up; `undefined` for no quantity. Pure. */
export function quantityValue(text: string): number | undefined {
  const quantity = parseQuantity(text);
  return quantity === undefined ? undefined : Number(divideUp(quantity.nanos, NANO));
}

/** Memory or storage in bytes, rounded up; `undefined` for no quantity. Pure. */
export function memoryBytes(text: string): number | undefined {
  return quantityValue(text);
}

/** Thousandths of a core as Kubernetes writes them: `1500m`, `2`. Pure. */
export function formatCpuMillis(millis: number): string {
  return formatQuantity({ nanos: BigInt(Math.ceil(millis)) * 1_000_000n, form: "decimal" });
}

/** Bytes with the largest binary suffix that needs no fraction: `64Mi`. Pure. */
export function formatBytes(bytes: number): string {
  return formatQuantity({ nanos: BigInt(Math.ceil(bytes)) * NANO, form: "binary" });
}

function decimalPower(suffix: string, binary: boolean): number {
  return binary ? 0 : (DECIMAL_SUFFIXES.indexOf(suffix as "m") - 3) * 3;
}

function clamp(power: number): number {
  return Math.max(-MAX_EXPONENT * 2, Math.min(MAX_EXPONENT, power));
}

function scale(value: bigint, power: number): bigint {
  return power >= 0 ? value * 10n ** BigInt(power) : divideUp(value, 10n ** BigInt(-power));
}

/** Rounds towards positive infinity. */
function divideUp(value: bigint, divisor: bigint): bigint {
  const quotient = value / divisor;
  return value > 0n && value % divisor !== 0n ? quotient + 1n : quotient;
}

function formatBinary(value: bigint): string {
  let rest = value;
  let step = 0;
  while (rest % 1024n === 0n && step < BINARY_SUFFIXES.length - 1) {
    rest /= 1024n;
    step++;
  }
  return `${rest}${BINARY_SUFFIXES[step] ?? ""}`;
}
