import { canonicalJson, sha256 } from "../base/hash.ts";
import { APPLIED_ANNOTATION, SOURCE_ANNOTATION } from "../model/app.ts";
import { isTrue } from "../model/condition.ts";
import type { Node, Secret } from "../model/kinds.gen.ts";
import { compare } from "../base/order.ts";
import { refKey, type ApiObject, type ObjectRef } from "../model/meta.ts";
import type { World } from "./world.ts";

/** What a plan of one App was made from. */
export interface PlanInputs {
  readonly app: string;
  /** Object id of the App's folder in what ran before; empty when nothing did. */
  readonly baseTree: string;
  /** Object id of the App's folder in what is planned; empty for a folder that is not in Git. */
  readonly headTree: string;
  /** Objects that the release before declares. */
  readonly inventory: readonly ObjectRef[];
  /** Berth's, which has the planner and the scheduler. */
  readonly version: string;
}

const PARTS = ["base", "head", "state", "nodes", "version"] as const;
type PlanPart = (typeof PARTS)[number];

/** Digits of each part: enough to tell, short enough to be written into a commit message. */
const PART_LENGTH = 8;

/**
 * The id of a plan: `root:1a2b3c4d-…`, the App and five digests, of what ran, of what is planned, of the App's objects
 * in the cluster, of the nodes, and of Berth's version. What another part is made of shows in that part alone. Pure.
 */
export function planId(world: World, inputs: PlanInputs): string {
  const { app, baseTree, headTree, inventory, version } = inputs;
  const objects = inventory.map((ref) => `${refKey(ref)} ${digestOf(world.get(ref))}`);
  const nodes = (world.list("v1", "Node") as readonly Node[]).map(digestOfNode);
  const parts: Readonly<Record<PlanPart, string>> = {
    base: baseTree,
    head: headTree,
    state: objects.toSorted(compare).join("\n"),
    nodes: nodes.toSorted(compare).join("\n"),
    version,
  };
  return `${app}:${PARTS.map((part) => sha256(parts[part]).slice(0, PART_LENGTH)).join("-")}`;
}

const ID = /^([a-z0-9][a-z0-9.-]*):((?:[0-9a-f]{8}-){4}[0-9a-f]{8})$/;

/** The App that an id is of; `undefined` for a text that is no id. */
function appOfPlan(id: string): string | undefined {
  return ID.exec(id)?.[1];
}

/** The parts in which two plans of an App differ: none, and they are the same. */
function comparePlans(planned: string, ran: string): readonly PlanPart[] {
  const [left = [], right = []] = [planned, ran].map((id) => ID.exec(id)?.[2]?.split("-"));
  return PARTS.filter((_, index) => left[index] !== right[index]);
}

/** The plan of an App that a trailer `Berth-Plan:` of a commit's message names. Pure. */
export function plannedIn(message: string, app: string): string | undefined {
  return [...message.matchAll(/^berth-plan:[ \t]*(\S+)[ \t]*$/gim)]
    .map((match) => match[1] ?? "")
    .findLast((id) => appOfPlan(id) === app);
}

/** Whether what ran was what was planned, for people. Pure. */
export function describeDrift(planned: string, ran: string): string {
  const parts = comparePlans(planned, ran);
  if (parts.length === 0) return "as planned";
  return `not as planned: ${parts.map((part) => DRIFT[part]).join("; ")}`;
}

const DRIFT: Readonly<Record<PlanPart, string>> = {
  base: "another commit ran before",
  head: "another content was planned",
  state: "objects of the App had changed in the cluster",
  nodes: "nodes had changed",
  version: "another version of Berth planned",
};

/** Objects are never changed in place: an equal one has been digested before. */
const digests = new WeakMap<ApiObject, string>();

/** What somebody declared of an object, and what others put into its spec; not its status and its place in Git. */
function digestOf(object: ApiObject | undefined): string {
  if (object === undefined) return "";
  return remembered(object, () => {
    const { status: _, metadata, ...rest } = object as ApiObject & { readonly status?: unknown };
    const {
      [SOURCE_ANNOTATION]: __,
      [APPLIED_ANNOTATION]: stated,
      ...annotations
    } = metadata.annotations ?? {};
    const known = { labels: metadata.labels ?? {}, annotations };
    if (object.kind !== "Secret") return { ...rest, ...known };
    // A snapshot has no values of Secrets; what Git declared of them stands in a digest.
    const { type, data = {} } = object as Secret;
    return { type, keys: Object.keys(data).toSorted(compare), stated: stated ?? "", ...known };
  });
}

/** What the scheduler goes by. */
function digestOfNode(node: Node): string {
  return remembered(node, () => ({
    name: node.metadata.name,
    labels: node.metadata.labels ?? {},
    taints: node.spec.taints ?? [],
    unschedulable: node.spec.unschedulable ?? false,
    allocatable: node.status?.allocatable ?? {},
    isReady: isTrue(node.status?.conditions, "Ready"),
  }));
}

function remembered(object: ApiObject, make: () => unknown): string {
  const known = digests.get(object);
  if (known !== undefined) return known;
  const digest = sha256(canonicalJson(make())).slice(0, 2 * PART_LENGTH);
  digests.set(object, digest);
  return digest;
}
