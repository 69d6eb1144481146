import type { Namespace } from "../model/kinds.gen.ts";
import { controllerOf, refOf, type ApiObject } from "../model/meta.ts";
import type { Plan, Step } from "../model/plan.ts";
import { apiVersionOf, RESOURCES } from "../model/resources.ts";
import { isTerminatingNamespace } from "./namespace-state.ts";
import type { World } from "./world.ts";

/** Deletions of one plan at most; the rest follows when these are gone. */
const MAX_DELETIONS = 500;

/**
 * A Namespace that is being deleted is emptied, what others derive from first: then it goes itself. One that is not
 * has the phase Active. Pure.
 */
export function planNamespace(world: World, namespace: Namespace): Plan {
  if (!isTerminatingNamespace(namespace)) return { steps: phaseSteps(namespace, "Active") };
  const content = contentOf(world, namespace.metadata.name);
  const steps: Step[] = phaseSteps(namespace, "Terminating");
  const deletable = content.filter((object) => object.metadata.deletionTimestamp === undefined);
  for (const object of deletable.slice(0, MAX_DELETIONS)) steps.push(remove(object));
  if (content.length === 0) steps.push(remove(namespace));
  return { steps };
}

/** What stands in the namespace: declared objects before what is derived from them, so that nothing is made anew. */
function contentOf(world: World, name: string): readonly ApiObject[] {
  const all = RESOURCES.filter((resource) => resource.namespaced).flatMap((resource) =>
    world.list(apiVersionOf(resource), resource.kind, name),
  );
  return [
    ...all.filter((object) => controllerOf(object) === undefined),
    ...all.filter((object) => controllerOf(object) !== undefined),
  ];
}

function phaseSteps(namespace: Namespace, phase: "Active" | "Terminating"): Step[] {
  if (namespace.status?.phase === phase) return [];
  return [
    {
      kind: "update-status",
      object: { ...namespace, status: { phase } } as Namespace,
      reason: "StatusChanged",
    },
  ];
}

function remove(object: ApiObject): Step {
  return {
    kind: "delete",
    ref: refOf(object),
    uid: object.metadata.uid ?? "",
    reason: "NamespaceTerminating",
  };
}
