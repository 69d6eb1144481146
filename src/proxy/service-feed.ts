import type { Informer } from "../client/client.ts";
import { SERVICE_NAME_LABEL } from "../model/labels.ts";
import type { EndpointSlice, Service } from "../model/kinds.gen.ts";
import type { ServiceState } from "./service-table.ts";
import { Wakeup } from "./wakeup.ts";

/** What changed since the last look, by `namespace/name` of the Service. */
export interface ServiceChanges {
  readonly states: ReadonlyMap<string, ServiceState>;
  /** The EndpointSlices up to this revision are in the states given so far. */
  readonly revision: number;
}

/** Joins Services with their EndpointSlices and remembers which ones need another look. */
export class ServiceFeed {
  readonly #services: Informer<Service>;
  readonly #slices: Informer<EndpointSlice>;
  readonly #slicesByService = new Map<string, Map<string, EndpointSlice>>();
  readonly #serviceOfSlice = new Map<string, string>();
  readonly #dirty = new Set<string>();
  readonly #changed = new Wakeup();
  readonly #unsubscribe: readonly (() => void)[];

  /** Both informers must have their first list. */
  constructor(services: Informer<Service>, slices: Informer<EndpointSlice>) {
    this.#services = services;
    this.#slices = slices;
    for (const slice of slices.list()) this.#setSlice(slice);
    for (const service of services.list()) this.#dirty.add(keyOf(service));
    this.#unsubscribe = [
      services.subscribe(({ object }) => {
        if (object === undefined) return;
        this.#dirty.add(keyOf(object));
        this.#changed.wake();
      }),
      slices.subscribe(({ type, object }) => {
        if (object !== undefined && type === "set") this.#setSlice(object);
        if (object !== undefined && type === "delete") this.#deleteSlice(object);
        this.#changed.wake();
      }),
    ];
  }

  /** Resolves when there may be something to take. */
  changed(signal: AbortSignal): Promise<void> {
    return this.#changed.wait(signal);
  }

  /** Makes `changed` resolve once more. */
  wake(): void {
    this.#changed.wake();
  }

  /** Gives each changed Service once. The first call gives all. */
  take(): ServiceChanges {
    const states = new Map<string, ServiceState>();
    for (const key of this.#dirty) {
      const [namespace, name = ""] = key.split("/");
      const service = this.#services.get(namespace, name);
      states.set(key, { service, slices: [...(this.#slicesByService.get(key)?.values() ?? [])] });
    }
    this.#dirty.clear();
    return { states, revision: Number(this.#slices.resourceVersion) };
  }

  /** Makes the next `take` give all Services. */
  touchAll(): void {
    for (const service of this.#services.list()) this.#dirty.add(keyOf(service));
    this.#changed.wake();
  }

  close(): void {
    for (const stop of this.#unsubscribe) stop();
  }

  #setSlice(slice: EndpointSlice): void {
    const owner = `${slice.metadata.namespace ?? ""}/${slice.metadata.labels?.[SERVICE_NAME_LABEL] ?? ""}`;
    const key = keyOf(slice);
    if (this.#serviceOfSlice.get(key) !== owner) this.#deleteSlice(slice);
    const slices = this.#slicesByService.get(owner) ?? new Map<string, EndpointSlice>();
    slices.set(key, slice);
    this.#slicesByService.set(owner, slices);
    this.#serviceOfSlice.set(key, owner);
    this.#dirty.add(owner);
  }

  #deleteSlice(slice: EndpointSlice): void {
    const key = keyOf(slice);
    const owner = this.#serviceOfSlice.get(key);
    if (owner === undefined) return;
    const slices = this.#slicesByService.get(owner);
    slices?.delete(key);
    if (slices?.size === 0) this.#slicesByService.delete(owner);
    this.#serviceOfSlice.delete(key);
    this.#dirty.add(owner);
  }
}

function keyOf({ metadata }: Service | EndpointSlice): string {
  return `${metadata.namespace ?? ""}/${metadata.name}`;
}
