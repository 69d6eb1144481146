import type { Deployment, HorizontalPodAutoscaler, Pod } from "../model/kinds.gen.ts";
import { refKey, refOf, type ApiObject, type ObjectRef } from "../model/meta.ts";
import { podsOwnedBy } from "./owned-pods.ts";
import type { World } from "./world.ts";

/** What Git says of the replicas of an autoscaler's target; it holds again when the autoscaler goes. */
export const DECLARED_REPLICAS_ANNOTATION = "berth.dev/declared-replicas";

/** Kinds that an autoscaler may scale, with their API version and plural, by their name. */
const SCALABLE: ReadonlyMap<string, { readonly apiVersion: string; readonly plural: string }> =
  new Map([
    ["Deployment", { apiVersion: "apps/v1", plural: "deployments.apps" }],
    ["ReplicaSet", { apiVersion: "apps/v1", plural: "replicasets.apps" }],
    ["StatefulSet", { apiVersion: "apps/v1", plural: "statefulsets.apps" }],
    ["ReplicationController", { apiVersion: "v1", plural: "replicationcontrollers" }],
  ]);

/** An object with `spec.replicas`. */
export type Scalable = ApiObject & Pick<Deployment, "spec">;

/** What an autoscaler scales; `undefined` for a kind that cannot be scaled. Pure. */
export function targetRef({ metadata, spec }: HorizontalPodAutoscaler): ObjectRef | undefined {
  const { kind, name } = spec.scaleTargetRef;
  const known = SCALABLE.get(kind);
  if (known === undefined) return undefined;
  const { apiVersion } = known;
  return { apiVersion, kind, namespace: metadata.namespace ?? "", name };
}

/** `deployments.apps "web" not found`, as Kubernetes says it. Pure. */
export function missingTarget({ spec }: HorizontalPodAutoscaler): string {
  const { kind, name } = spec.scaleTargetRef;
  const plural = SCALABLE.get(kind)?.plural;
  return plural === undefined
    ? `no matches for kind "${kind}" that can be scaled`
    : `${plural} "${name}" not found`;
}

/** Whether objects of the kind have a number of replicas that an autoscaler may own. Pure. */
export function isScalable(object: ApiObject): object is Scalable {
  return SCALABLE.get(object.kind)?.apiVersion === object.apiVersion;
}

/** The pods of a target. Pure. */
export function podsOfTarget(world: World, target: ApiObject): readonly Pod[] {
  const { uid } = target.metadata;
  const own = podsOwnedBy(world, uid);
  if (target.kind !== "Deployment") return own;
  const sets = world.ownedBy(uid ?? "").filter(({ kind }) => kind === "ReplicaSet");
  return sets.flatMap(({ metadata }) => podsOwnedBy(world, metadata.uid));
}

/** Whether an autoscaler owns the replicas of an object. Pure. */
function isAutoscaled(world: World, object: ApiObject): boolean {
  const key = refKey(refOf(object));
  return autoscalersIn(world, object.metadata.namespace).some((autoscaler) => {
    const ref = targetRef(autoscaler);
    return ref !== undefined && refKey(ref) === key;
  });
}

/** Keys of what some autoscalers own the replicas of. Pure. */
export function autoscaledKeys(autoscalers: readonly ApiObject[]): ReadonlySet<string> {
  const known = keysOfLists.get(autoscalers);
  if (known !== undefined) return known;
  const refs = autoscalers
    .filter(isAutoscaler)
    .flatMap((autoscaler) => targetRef(autoscaler) ?? []);
  const keys = new Set(refs.map(refKey));
  keysOfLists.set(autoscalers, keys);
  return keys;
}

/** A world gives the same list until one of them changes: a thousand Apps ask for the same one. */
const keysOfLists = new WeakMap<readonly ApiObject[], ReadonlySet<string>>();

/** Whether the object is a HorizontalPodAutoscaler. Pure. */
export function isAutoscaler(object: ApiObject): object is HorizontalPodAutoscaler {
  return object.kind === "HorizontalPodAutoscaler" && object.apiVersion === "autoscaling/v2";
}

/** The object as it is declared, but with the replicas that its autoscaler has chosen, and Git's number beside them. Pure. */
export function keepReplicas<T extends ApiObject>(declared: T, stored: ApiObject | undefined): T {
  if (!isScalable(declared)) return declared;
  const { metadata, spec } = declared;
  const replicas =
    stored !== undefined && isScalable(stored) ? stored.spec.replicas : spec.replicas;
  const annotations = {
    ...metadata.annotations,
    [DECLARED_REPLICAS_ANNOTATION]: String(spec.replicas),
  };
  return { ...declared, metadata: { ...metadata, annotations }, spec: { ...spec, replicas } };
}

/** The object with the replicas that Git says, when it had an autoscaler and has none any more. Pure. */
export function restoreReplicas(world: World, object: ApiObject): ApiObject | undefined {
  const text = object.metadata.annotations?.[DECLARED_REPLICAS_ANNOTATION];
  if (text === undefined || !isScalable(object) || isAutoscaled(world, object)) return undefined;
  const { [DECLARED_REPLICAS_ANNOTATION]: _, ...annotations } = object.metadata.annotations ?? {};
  const replicas = /^\d{1,9}$/.test(text) ? Number(text) : object.spec.replicas;
  return {
    ...object,
    metadata: { ...object.metadata, annotations },
    spec: { ...object.spec, replicas },
  } as ApiObject;
}

function autoscalersIn(
  world: World,
  namespace: string | undefined,
): readonly HorizontalPodAutoscaler[] {
  return world.list("autoscaling/v2", "HorizontalPodAutoscaler", namespace).filter(isAutoscaler);
}
