import type { Clock } from "../base/clock.ts";
import { refKey, refOf, type ApiObject } from "../model/meta.ts";
import { admitObject, forbiddenMessage } from "../planner/admit-object.ts";
import { openLedger, quotasOf } from "../planner/quota-ledger.ts";
import type { StoreWorld } from "./store-world.ts";

/** Whether an object may be created. Whoever is let in must `settle` once the creation came to its end. */
export type CreateVerdict =
  | { readonly kind: "admitted"; readonly object: ApiObject; settle(): void }
  /** The whole message: `pods "web" is forbidden: …`. */
  | { readonly kind: "refused"; readonly message: string };

/**
 * Lets objects in, one after the other, so that two that are created at the same time never share the last of a quota:
 * what is let in counts until it is in the store. One for all who create in a control plane: controllers and API.
 */
export class Admission {
  readonly #world: StoreWorld;
  readonly #clock: Clock;
  /** Namespace → key → what is on its way into the store. */
  readonly #pending = new Map<string, Map<string, ApiObject>>();

  constructor(options: { readonly world: StoreWorld; readonly clock: Clock }) {
    this.#world = options.world;
    this.#clock = options.clock;
  }

  admit(object: ApiObject): CreateVerdict {
    const { namespace } = object.metadata;
    const world = this.#world.at(this.#clock.now());
    if (namespace === undefined || quotasOf(world, namespace).length === 0) {
      const verdict = admitObject(world, object);
      if (verdict.kind === "refused") return refuse(object, verdict.why);
      return { kind: "admitted", object: verdict.object, settle: () => undefined };
    }
    const pending = this.#pending.get(namespace) ?? new Map<string, ApiObject>();
    const unseen = [...pending.values()].filter((other) => world.get(refOf(other)) === undefined);
    const verdict = admitObject(world, object, openLedger(world, namespace, unseen));
    if (verdict.kind === "refused") return refuse(object, verdict.why);
    const key = refKey(refOf(object));
    pending.set(key, verdict.object);
    this.#pending.set(namespace, pending);
    return { kind: "admitted", object: verdict.object, settle: () => this.#settle(namespace, key) };
  }

  #settle(namespace: string, key: string): void {
    const pending = this.#pending.get(namespace);
    pending?.delete(key);
    if (pending?.size === 0) this.#pending.delete(namespace);
  }
}

function refuse(object: ApiObject, why: string): CreateVerdict {
  return { kind: "refused", message: forbiddenMessage(object, why) };
}
