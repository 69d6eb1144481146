import { compare } from "../base/order.ts";
import { UNMANAGED_ANNOTATION } from "../model/app.ts";
import type { Namespace, Service } from "../model/kinds.gen.ts";
import { formatRef, refKey, refOf, type ApiObject, type ObjectRef } from "../model/meta.ts";
import type { Problem } from "../model/problem.ts";
import { resourceOf } from "../model/resources.ts";
import { admitPod } from "./admit-pod.ts";
import { checkApps } from "./app-graph.ts";
import {
  allocateService,
  holdingsOf,
  usedByServices,
  type Holders,
  type UsedByServices,
} from "./allocate-service.ts";
import { checkAdmission } from "./check-admission.ts";
import { applyManifest, ownedBy, type DeclaredObject } from "./apply-manifest.ts";
import { checkReferences } from "./check-references.ts";
import { autoscaledKeys, isAutoscaler, keepReplicas } from "./hpa-target.ts";
import { isTerminatingNamespace } from "./namespace-state.ts";
import { isPod } from "./owned-pods.ts";
import { checkPodSecurity } from "./pod-security.ts";
import type { World } from "./world.ts";

export interface ApplyOptions {
  readonly app: string;
  readonly serviceCidr: string;
  readonly reservedIps: readonly string[];
  /**
   * The App whose release declares an object now, whoever put it into the store: an object that no App declares any more
   * is taken over as it is. Without it, labels tell.
   */
  readonly claimant?: (ref: ObjectRef) => string | undefined;
  /** Which manifest a stored object was found to be equal to: filled and read by the caller's plans, one after another. */
  readonly settled?: WeakMap<ApiObject, DeclaredObject>;
}

export interface ApplyStep {
  readonly kind: "create" | "update";
  readonly object: ApiObject;
}

export interface ApplyPlan {
  /** In the order of the manifests; what is as declared already has none. */
  readonly steps: readonly ApplyStep[];
  readonly problems: readonly Problem[];
}

/** All that the cluster has against these manifests, sorted by place. None: they can be applied as they are. Pure. */
export function checkManifests(
  world: World,
  manifests: readonly DeclaredObject[],
  options: ApplyOptions,
): readonly Problem[] {
  const namespaces = new Map(
    manifests
      .filter(({ object }) => object.kind === "Namespace")
      .map(({ object }) => [object.metadata.name, object]),
  );
  const problems = [
    ...manifests.flatMap((manifest) => checkNamespace(world, manifest, namespaces)),
    ...checkApps(world, manifests, options.app),
    ...checkReferences(world, manifests),
    ...planApply(world, manifests, options).problems,
    ...checkAdmission(world, manifests),
    ...checkPodSecurity(world, manifests),
  ];
  return problems.toSorted(
    (a, b) => compare(a.at.file, b.at.file) || a.at.line - b.at.line || a.at.column - b.at.column,
  );
}

/** What applying these manifests changes in the store. Pure. */
export function planApply(
  world: World,
  manifests: readonly DeclaredObject[],
  options: ApplyOptions,
): ApplyPlan {
  const steps: ApplyStep[] = [];
  const problems: Problem[] = [];
  const taken = takenByServices(world, manifests);
  const autoscaled = autoscaledKeys(world.list("autoscaling/v2", "HorizontalPodAutoscaler"));
  const ownAutoscaled = autoscaledKeys(manifests.map(({ object }) => object).filter(isAutoscaler));
  const isAutoscaled = (key: string): boolean => ownAutoscaled.has(key) || autoscaled.has(key);
  for (const declared of manifests) {
    const ref = refOf(declared.object);
    const stored = world.get(ref);
    const claimant = options.claimant?.(ref);
    if (claimant !== undefined && claimant !== options.app) {
      problems.push(ownedBy(declared, claimant));
      continue;
    }
    if (stored !== undefined && options.settled?.get(stored) === declared) continue;
    const manifest = isAutoscaled(refKey(ref))
      ? { ...declared, object: keepReplicas(declared.object, stored) }
      : declared;
    const isFree = options.claimant !== undefined;
    const applied = applyManifest(manifest, stored, options.app, isFree);
    if (applied.kind === "problem") {
      problems.push(applied.problem);
      continue;
    }
    if (applied.object.kind === "Service") {
      const allocation = allocateService(applied.object as Service, taken, options);
      if (allocation.kind === "problem") {
        problems.push(toProblem(allocation, manifest));
        continue;
      }
      taken.take(allocation.service);
      const isSettled = allocation.service === applied.object && applied.kind === "unchanged";
      if (isSettled) options.settled?.set(applied.object, declared);
      else {
        steps.push({
          kind: stored === undefined ? "create" : "update",
          object: allocation.service,
        });
      }
      continue;
    }
    if (applied.kind === "create")
      steps.push({ kind: "create", object: completed(world, applied.object) });
    else if (applied.kind === "update") steps.push({ kind: "update", object: applied.object });
    else if (manifest === declared) options.settled?.set(applied.object, declared);
  }
  return { steps, problems };
}

/** A pod is made complete. What it lacks in the cluster is told elsewhere: here it stays as Git has it. */
function completed(world: World, object: ApiObject): ApiObject {
  if (!isPod(object)) return object;
  const admitted = admitPod(world, object);
  return admitted.kind === "admitted" ? admitted.object : object;
}

function toProblem(
  found: {
    readonly code: string;
    readonly message: string;
    readonly path: string;
    readonly hint?: string;
  },
  { object, at }: DeclaredObject,
): Problem {
  const { code, path, hint } = found;
  const message = `${formatRef(refOf(object))}: ${found.message}`;
  return hint === undefined ? { code, message, at, path } : { code, message, at, path, hint };
}

/** Who holds what, with what this plan has given away; the first map that knows a key has the word. */
class Taken implements UsedByServices {
  readonly ips: Layers;
  readonly nodePorts: Layers;

  constructor(stored: UsedByServices, declared: UsedByServices) {
    this.ips = new Layers(stored.ips, declared.ips);
    this.nodePorts = new Layers(stored.nodePorts, declared.nodePorts);
  }

  take(service: Service): void {
    const holder = formatRef(refOf(service));
    for (const { what, key } of holdingsOf(service)) this[what].given.set(key, holder);
  }
}

class Layers implements Holders {
  readonly given = new Map<string, string>();
  readonly #stored: Holders;
  readonly #declared: Holders;

  constructor(stored: Holders, declared: Holders) {
    this.#stored = stored;
    this.#declared = declared;
  }

  get(key: string): string | undefined {
    return this.given.get(key) ?? this.#stored.get(key) ?? this.#declared.get(key);
  }
}

/** What the manifests ask for by name, so that nobody gets it by chance, and what Services hold already. */
function takenByServices(world: World, manifests: readonly DeclaredObject[]): Taken {
  const declared = manifests.map(({ object }) => object).filter(isService);
  if (declared.length === 0) return new Taken(NOTHING_USED, NOTHING_USED);
  const stored =
    world.used?.() ?? usedByServices(world.list("v1", "Service") as readonly Service[]);
  return new Taken(stored, usedByServices(declared));
}

const NOTHING_USED = usedByServices([]);

function isService(object: ApiObject): object is Service {
  return object.kind === "Service" && object.apiVersion === "v1";
}

function checkNamespace(
  world: World,
  { object, at }: DeclaredObject,
  declared: ReadonlyMap<string, ApiObject>,
): readonly Problem[] {
  const { namespace } = object.metadata;
  if (namespace === undefined || !resourceOf(object).namespaced) return [];
  const stored = world.get({ apiVersion: "v1", kind: "Namespace", name: namespace }) as
    | Namespace
    | undefined;
  const name = formatRef(refOf(object));
  if (stored !== undefined && isTerminatingNamespace(stored)) {
    const hint = "wait until it is gone, then commit again";
    const message = `${name}: namespace "${namespace}" is being deleted`;
    return [{ code: "apply/namespace-terminating", message, at, path: "metadata.namespace", hint }];
  }
  const wanted = declared.get(namespace) ?? stored;
  if (wanted?.metadata.annotations?.[UNMANAGED_ANNOTATION] === "true") {
    const hint = `remove this manifest, or the annotation ${UNMANAGED_ANNOTATION} of the Namespace`;
    const message = `${name}: namespace "${namespace}" is unmanaged: what is in it is not Git's`;
    return [{ code: "apply/unmanaged-namespace", message, at, path: "metadata.namespace", hint }];
  }
  if (wanted !== undefined) return [];
  const hint = `commit a Namespace manifest with that name, or correct metadata.namespace`;
  const message = `${name}: namespace "${namespace}" does not exist`;
  return [{ code: "apply/no-namespace", message, at, path: "metadata.namespace", hint }];
}
