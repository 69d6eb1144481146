import type { Informer } from "../../src/client/client.ts";
import type { ApiObject } from "../../src/model/meta.ts";

type Listener<T extends ApiObject> = Parameters<Informer<T>["subscribe"]>[0];

/** An informer that the test feeds by hand; each change counts the version up. */
export class MemoryInformer<T extends ApiObject> implements Informer<T> {
  readonly #objects = new Map<string, T>();
  readonly #listeners = new Set<Listener<T>>();
  #version: number;

  constructor(objects: readonly T[] = [], version = 1) {
    this.#version = version;
    for (const object of objects) this.#objects.set(keyOf(object), object);
  }

  readonly synced = true;

  get resourceVersion(): string {
    return `${this.#version}`;
  }

  ready(): Promise<void> {
    return Promise.resolve();
  }

  list(): readonly T[] {
    return [...this.#objects.values()];
  }

  get(namespace: string | undefined, name: string): T | undefined {
    return this.#objects.get(`${namespace ?? ""}/${name}`);
  }

  subscribe(listener: Listener<T>): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  set(object: T): void {
    this.#objects.set(keyOf(object), object);
    this.#tell({ type: "set", object });
  }

  delete(object: T): void {
    this.#objects.delete(keyOf(object));
    this.#tell({ type: "delete", object });
  }

  mark(): void {
    this.#tell({ type: "mark" });
  }

  #tell(change: Parameters<Listener<T>>[0]): void {
    this.#version += 1;
    for (const listener of this.#listeners) listener(change);
  }
}

function keyOf({ metadata }: ApiObject): string {
  return `${metadata.namespace ?? ""}/${metadata.name}`;
}
