import type { Clock } from "../base/clock.ts";
import type { Service } from "../model/kinds.gen.ts";
import { refKey, refOf, type ApiObject } from "../model/meta.ts";
import { allocateService, usedByServices } from "../planner/allocate-service.ts";
import { keepAllocated } from "../planner/apply-manifest.ts";
import { findImmutable } from "../planner/immutable-fields.ts";
import { podSecurityWarnings } from "../planner/pod-security.ts";
import type { StoreWorld } from "./store-world.ts";

/** What becomes of an object that somebody writes past Git. Whoever is let in must `settle` once the write came to its end. */
export type DirectVerdict =
  | {
      readonly kind: "accepted";
      readonly object: ApiObject;
      /** What to tell whoever writes it. */
      readonly warnings?: readonly string[];
      settle(): void;
    }
  /** A field that cannot be so. `path` as users write it. */
  | { readonly kind: "refused"; readonly path: string; readonly message: string };

export interface DirectWritesOptions {
  readonly world: Pick<StoreWorld, "at">;
  readonly serviceCidr: string;
  readonly reservedIps: readonly string[];
  readonly clock: Clock;
}

/** Why a change is refused, where there is more to say than that the field is immutable. */
const REASONS: Readonly<Record<string, string>> = {
  "v1/Pod spec":
    "pod updates may not change fields other than the images of its containers, spec.activeDeadlineSeconds and spec.tolerations",
  "v1/PersistentVolumeClaim spec.resources.requests.storage":
    "field can not be less than it was: a claim can grow, not shrink",
};

/**
 * Does for objects in unmanaged namespaces what applying a commit does for the others: keeps what allocators gave,
 * refuses changes of what is fixed at creation, gives Services their addresses and node ports. Two Services that are
 * written at the same time never get the same: what was given counts until it is in the store.
 */
export class DirectWrites {
  readonly #options: DirectWritesOptions;
  /** Key → Service on its way into the store. */
  readonly #pending = new Map<string, Service>();

  constructor(options: DirectWritesOptions) {
    this.#options = options;
  }

  /** `stored` is absent when the object is new. */
  complete(written: ApiObject, stored: ApiObject | undefined): DirectVerdict {
    const kept = stored === undefined ? written : keepAllocated(written, stored);
    const fixed = stored === undefined ? undefined : findImmutable(kept, stored);
    if (fixed !== undefined) {
      const kind = `${kept.apiVersion}/${kept.kind}`;
      const message = REASONS[`${kind} ${fixed.path}`] ?? "field is immutable";
      return { kind: "refused", path: fixed.path, message };
    }
    if (kept.kind !== "Service" || kept.apiVersion !== "v1") {
      const { world, clock } = this.#options;
      const warnings = podSecurityWarnings(world.at(clock.now()), kept);
      return { kind: "accepted", object: kept, warnings, settle: () => undefined };
    }
    return this.#allocate(kept as Service);
  }

  #allocate(service: Service): DirectVerdict {
    const { world, clock, serviceCidr, reservedIps } = this.#options;
    const others = world.at(clock.now()).list("v1", "Service") as readonly Service[];
    const used = usedByServices([...others, ...this.#pending.values()]);
    const allocation = allocateService(service, used, { serviceCidr, reservedIps });
    if (allocation.kind === "problem") {
      const { path, message, hint } = allocation;
      const cure = hint === undefined ? "" : `; ${hint}`;
      return { kind: "refused", path, message: `${message}${cure}` };
    }
    const key = refKey(refOf(service));
    this.#pending.set(key, allocation.service);
    const settle = (): void => {
      if (this.#pending.get(key) === allocation.service) this.#pending.delete(key);
    };
    return { kind: "accepted", object: allocation.service, settle };
  }
}
