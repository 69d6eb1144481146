import { compare } from "../base/order.ts";
import type { Service } from "../model/kinds.gen.ts";
import { formatRef, refKey, refOf, type ApiObject } from "../model/meta.ts";
import { holdingsOf, type Holders, type UsedByServices } from "../planner/allocate-service.ts";

/** The addresses and node ports of all Services, kept as they change: a plan does not walk over all of them. */
export class UsedIndex implements UsedByServices {
  readonly #ips = new HolderIndex();
  readonly #nodePorts = new HolderIndex();

  get ips(): Holders {
    return this.#ips;
  }

  get nodePorts(): Holders {
    return this.#nodePorts;
  }

  add(object: ApiObject): void {
    if (!isService(object)) return;
    for (const { what, key } of holdingsOf(object)) this.#of(what).add(key, object);
  }

  drop(object: ApiObject): void {
    if (!isService(object)) return;
    for (const { what, key } of holdingsOf(object)) this.#of(what).drop(key, object);
  }

  #of(what: keyof UsedByServices): HolderIndex {
    return what === "ips" ? this.#ips : this.#nodePorts;
  }
}

/** Usually one holder per key; of several, the last in the order of namespaces and names counts. */
class HolderIndex implements Holders {
  readonly #holders = new Map<string, Map<string, Service>>();

  get(key: string): string | undefined {
    const last = [...(this.#holders.get(key)?.values() ?? [])].toSorted(byName).at(-1);
    return last === undefined ? undefined : formatRef(refOf(last));
  }

  add(key: string, service: Service): void {
    const holders = this.#holders.get(key) ?? new Map<string, Service>();
    this.#holders.set(key, holders.set(refKey(refOf(service)), service));
  }

  drop(key: string, service: Service): void {
    const holders = this.#holders.get(key);
    holders?.delete(refKey(refOf(service)));
    if (holders?.size === 0) this.#holders.delete(key);
  }
}

function byName({ metadata: a }: Service, { metadata: b }: Service): number {
  return compare(a.namespace ?? "", b.namespace ?? "") || compare(a.name, b.name);
}

function isService(object: ApiObject): object is Service {
  return object.kind === "Service" && object.apiVersion === "v1";
}
