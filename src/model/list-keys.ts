/**
 * Which field tells the items of a list apart, by the name of the list's field: Kubernetes' merge keys, and those lists
 * of named things that Kubernetes replaces as a whole. The first field that all items have, each another value, counts.
 */
const LIST_KEYS: Readonly<Record<string, readonly string[]>> = {
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

/** The key of the items of all of `lists`, versions of the list in `field`; `undefined` where only their places tell. Pure. */
export function listKey(
  field: string,
  ...lists: readonly (readonly unknown[])[]
): string | undefined {
  return LIST_KEYS[field]?.find((key) => lists.every((items) => tellsApart(items, key)));
}

/** An item's value of a key, as text. Pure. */
export function keyValue(item: unknown, key: string): string | undefined {
  let found = item;
  for (const part of key.split(".")) {
    if (typeof found !== "object" || found === null) return undefined;
    found = (found as Readonly<Record<string, unknown>>)[part];
  }
  return typeof found === "string" || typeof found === "number" ? String(found) : undefined;
}

/** How an item stands in a path: `[name=web]`. Pure. */
export function itemLabel(key: string, value: string): string {
  return `[${key.split(".").at(-1) ?? key}=${value}]`;
}

function tellsApart(items: readonly unknown[], key: string): boolean {
  const values = items.map((item) => keyValue(item, key));
  return !values.includes(undefined) && new Set(values).size === items.length;
}
