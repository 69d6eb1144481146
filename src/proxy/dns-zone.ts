import type { ServiceRecords } from "./dns-records.ts";

/** All records of the cluster, by name. Changed only by `set`. */
export class DnsZone {
  #version = 0;
  readonly #services = new Map<string, ServiceRecords>();
  readonly #namespaceSizes = new Map<string, number>();
  /** Services and pods by their address: the names relative to `svc.<domain>`, by Service. */
  readonly #names = new Map<string, Map<string, string>>();

  /** Another number after each change. */
  get version(): number {
    return this.#version;
  }

  /** Puts the records of a Service in place of its earlier ones; `undefined` takes them away. */
  set(key: string, records: ServiceRecords | undefined): void {
    this.#version += 1;
    const previous = this.#services.get(key);
    if (previous !== undefined) this.#forget(key, previous);
    if (records !== undefined) this.#learn(key, records);
  }

  service(namespace: string, name: string): ServiceRecords | undefined {
    return this.#services.get(`${namespace}/${name}`);
  }

  hasNamespace(namespace: string): boolean {
    return this.#namespaceSizes.has(namespace);
  }

  /** Names relative to `svc.<domain>` of what has this address. */
  namesOf(address: string): readonly string[] {
    return [...(this.#names.get(address)?.values() ?? [])].toSorted();
  }

  #learn(key: string, records: ServiceRecords): void {
    this.#services.set(key, records);
    this.#namespaceSizes.set(
      records.namespace,
      (this.#namespaceSizes.get(records.namespace) ?? 0) + 1,
    );
    for (const [address, name] of addressesOf(records)) {
      const names = this.#names.get(address) ?? new Map<string, string>();
      this.#names.set(address, names.set(key, name));
    }
  }

  #forget(key: string, records: ServiceRecords): void {
    this.#services.delete(key);
    const size = (this.#namespaceSizes.get(records.namespace) ?? 1) - 1;
    if (size === 0) this.#namespaceSizes.delete(records.namespace);
    else this.#namespaceSizes.set(records.namespace, size);
    for (const [address] of addressesOf(records)) {
      const names = this.#names.get(address);
      names?.delete(key);
      if (names?.size === 0) this.#names.delete(address);
    }
  }
}

function addressesOf(records: ServiceRecords): readonly (readonly [string, string])[] {
  const { namespace, name, clusterIP, externalName, pods } = records;
  if (externalName !== undefined) return [];
  const service = `${name}.${namespace}`;
  return clusterIP === undefined
    ? pods.map(({ address, label }) => [address, `${label}.${service}`] as const)
    : [[clusterIP, service]];
}
