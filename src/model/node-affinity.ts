import type {
  Affinity,
  Node,
  NodeSelector,
  NodeSelectorRequirement,
  NodeSelectorTerm,
} from "./kinds.gen.ts";
import { matchesLabels } from "./labels.ts";
import type { StringMap } from "./meta.ts";

/** The only field of a node that `matchFields` may name. */
const NAME_FIELD = "metadata.name";

/** What of a node the choice of nodes looks at. */
export interface NodeIdentity {
  readonly name: string;
  readonly labels: StringMap;
}

/** A node's name and labels. Pure. */
export function identityOf({ metadata }: Node): NodeIdentity {
  return { name: metadata.name, labels: metadata.labels ?? {} };
}

/** What a pod says about the nodes it may go to. */
export interface NodeChoice {
  readonly nodeSelector?: StringMap;
  readonly affinity?: Affinity;
}

/** Whether a pod's `nodeSelector` and required node affinity both allow a node. Pure. */
export function allowsNode({ nodeSelector, affinity }: NodeChoice, node: NodeIdentity): boolean {
  const required = affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution;
  return (
    matchesLabels(nodeSelector ?? {}, node.labels) &&
    (required === undefined || matchesNodeSelector(required, node))
  );
}

/** Whether one of the terms chooses the node. No terms choose nothing. Pure. */
export function matchesNodeSelector(selector: NodeSelector, node: NodeIdentity): boolean {
  return selector.nodeSelectorTerms.some((term) => matchesNodeTerm(term, node));
}

/** Whether all that a term states holds for the node. A term that states nothing chooses nothing. Pure. */
export function matchesNodeTerm(term: NodeSelectorTerm, node: NodeIdentity): boolean {
  const { matchExpressions = [], matchFields = [] } = term;
  if (matchExpressions.length === 0 && matchFields.length === 0) return false;
  return (
    matchExpressions.every((requirement) => isMet(requirement, labelOf(node, requirement.key))) &&
    matchFields.every((requirement) => isMet(requirement, fieldOf(node, requirement.key)))
  );
}

function labelOf({ labels }: NodeIdentity, key: string): string | undefined {
  return Object.hasOwn(labels, key) ? labels[key] : undefined;
}

function fieldOf({ name }: NodeIdentity, key: string): string | undefined {
  return key === NAME_FIELD ? name : undefined;
}

function isMet(
  { operator, values = [] }: NodeSelectorRequirement,
  value: string | undefined,
): boolean {
  switch (operator) {
    case "In":
      return value !== undefined && values.includes(value);
    case "NotIn":
      return value === undefined || !values.includes(value);
    case "Exists":
      return value !== undefined;
    case "DoesNotExist":
      return value === undefined;
    case "Gt":
    case "Lt":
      return isBeyond(operator, value, values);
    default:
      // An operator that is not known chooses nothing.
      return false;
  }
}

/** Both sides are whole numbers, and there is one to compare with. */
function isBeyond(
  operator: "Gt" | "Lt",
  value: string | undefined,
  [limit, ...more]: readonly string[],
): boolean {
  if (limit === undefined || more.length > 0 || !isWhole(value) || !isWhole(limit)) return false;
  const [left, right] = [BigInt(value), BigInt(limit)];
  return operator === "Gt" ? left > right : left < right;
}

function isWhole(text: string | undefined): text is string {
  return text !== undefined && /^-?\d{1,19}$/.test(text);
}
