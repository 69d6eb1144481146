/**
 * Which field tells the items of a list apart, by the name of the list's field: Kubernetes' merge keys, and those lists
 * of named things that Kubernetes replaces as a whole. The first field that all items have, each another value, counts.
 */
const MERGE_KEYS: Readonly<Record<string, readonly string[]>> = {
  containers: ["name"],
  initContainers: ["name"],
  ephemeralContainers: ["name"],
  env: ["name"],
  ports: ["name", "containerPort", "port"],
  volumes: ["name"],
  volumeMounts: ["mountPath"],
  volumeDevices: ["devicePath"],
  hostAliases: ["ip"],
  imagePullSecrets: ["name"],
  schedulingGates: ["name"],
  resourceClaims: ["name"],
  topologySpreadConstraints: ["topologyKey"],
  secrets: ["name"],
  sysctls: ["name"],
  items: ["key"],
  volumeClaimTemplates: ["metadata.name"],
  dependsOn: ["name"],
};

/** An item of one or both of two lists. */
export interface ListPair {
  /** As it stands in a path: `[name=web]`, or `[0]`. */
  readonly label: string;
  readonly before: unknown;
  readonly after: unknown;
}

/** The items of two versions of a list, each with its like. By their key where there is one, else by their places. Pure. */
export function pairItems(
  field: string,
  before: readonly unknown[],
  after: readonly unknown[],
): readonly ListPair[] {
  const key = keyOf(field, before, after);
  if (key === undefined) {
    return Array.from({ length: Math.max(before.length, after.length) }, (_, index) => ({
      label: `[${index}]`,
      before: before[index],
      after: after[index],
    }));
  }
  const old = byKey(before, key);
  const next = byKey(after, key);
  const short = key.split(".").at(-1) ?? key;
  return [...new Set([...old.keys(), ...next.keys()])].map((value) => ({
    label: `[${short}=${value}]`,
    before: old.get(value),
    after: next.get(value),
  }));
}

function keyOf(
  field: string,
  before: readonly unknown[],
  after: readonly unknown[],
): string | undefined {
  return MERGE_KEYS[field]?.find((key) => tellsApart(before, key) && tellsApart(after, key));
}

function tellsApart(items: readonly unknown[], key: string): boolean {
  const values = items.map((item) => valueAt(item, key));
  return !values.includes(undefined) && new Set(values).size === items.length;
}

function byKey(items: readonly unknown[], key: string): ReadonlyMap<string, unknown> {
  return new Map(items.map((item) => [valueAt(item, key) ?? "", item]));
}

function valueAt(item: unknown, key: string): string | undefined {
  let found = item;
  for (const part of key.split(".")) {
    if (typeof found !== "object" || found === null) return undefined;
    found = (found as Readonly<Record<string, unknown>>)[part];
  }
  return typeof found === "string" || typeof found === "number" ? String(found) : undefined;
}
