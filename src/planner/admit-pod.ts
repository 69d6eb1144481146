import type { Container, Pod, ServiceAccount, Toleration } from "../model/kinds.gen.ts";
import { formatQuantity } from "../model/quantity.ts";
import { readAmounts } from "./amounts.ts";
import { joinViolations, limitRangesOf, podViolations, withDefaultLimits } from "./limit-ranges.ts";
import { podSecurityRefusal } from "./pod-security.ts";
import { resolvePriority } from "./priority.ts";
import type { World } from "./world.ts";

/** What becomes of an object that is to be made: completed, or refused in Kubernetes' words. */
export type Admitted<T> =
  | { readonly kind: "admitted"; readonly object: T }
  /** `why` comes after `pods "web" is forbidden: `. */
  | { readonly kind: "refused"; readonly why: string };

/** How long a pod stays on a node that does not answer, unless it says so itself: Kubernetes' default. */
const TOLERATED_SECONDS = 300;
const NODE_TROUBLES = ["node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable"] as const;
const DEFAULT_ACCOUNT = "default";

/**
 * A pod as it is made: with the defaults of its namespace's limit ranges, its service account, its priority and its
 * tolerations of nodes that do not answer. Refused: what breaks a limit range or the Pod Security level, or names an
 * account or a priority class that does not exist. Quotas are `openLedger`'s. Admitting twice changes nothing more. Pure.
 */
export function admitPod(world: World, pod: Pod): Admitted<Pod> {
  const ranges = limitRangesOf(world, pod.metadata.namespace ?? "");
  const limited = ranges.reduce((given, range) => withDefaultLimits(range, given), pod);
  const found = ranges.flatMap((range) => podViolations(range, limited));
  if (found.length > 0) return refused(joinViolations(found));
  const excess = ranges.length === 0 ? undefined : findExcess(limited);
  if (excess !== undefined) return refused(excess);

  const unsafe = podSecurityRefusal(world, limited);
  if (unsafe !== undefined) return refused(unsafe);

  const account = admitAccount(world, limited);
  if (account.kind === "refused") return account;
  const priority = resolvePriority(world, limited);
  if (priority === undefined)
    return refused(`no PriorityClass with name ${limited.spec.priorityClassName ?? ""} was found`);
  const stated = limited.spec.priority;
  if (stated !== undefined && stated !== priority.priority)
    return refused(
      `the integer value of priority (${stated}) must not be provided in pod spec; priority admission controller ` +
        `computed ${priority.priority} from the given PriorityClass name`,
    );
  const { className, ...ranks } = priority;
  const policy = limited.spec.preemptionPolicy ?? ranks.preemptionPolicy;
  return {
    kind: "admitted",
    object: {
      ...limited,
      spec: {
        ...limited.spec,
        ...(className === undefined ? {} : { priorityClassName: className }),
        priority: ranks.priority,
        preemptionPolicy: policy,
        serviceAccountName: account.object,
        ...mountOf(world, limited, account.object),
        tolerations: withNodeTolerations(limited.spec.tolerations ?? []),
      },
    },
  };
}

/** A container that asks for more than a default limit grants it. */
function findExcess({ spec }: Pod): string | undefined {
  const containers: readonly Container[] = [...spec.containers, ...(spec.initContainers ?? [])];
  for (const { name, resources } of containers) {
    const limits = readAmounts(resources?.limits);
    for (const [resource, request] of readAmounts(resources?.requests)) {
      const limit = limits.get(resource);
      if (limit === undefined || request.nanos <= limit.nanos) continue;
      return (
        `container ${name} requests ${resource}=${formatQuantity(request)}: ` +
        `must be less than or equal to ${resource} limit of ${formatQuantity(limit)}`
      );
    }
  }
  return undefined;
}

/** The account `default` is made with each namespace, and so may be a moment late: it is taken as there. */
function admitAccount(world: World, { metadata, spec }: Pod): Admitted<string> {
  const { serviceAccountName: name = "" } = spec;
  if (name === "" || name === DEFAULT_ACCOUNT) return { kind: "admitted", object: DEFAULT_ACCOUNT };
  const { namespace = "" } = metadata;
  const found = world.get({ apiVersion: "v1", kind: "ServiceAccount", namespace, name });
  return found === undefined
    ? refused(
        `error looking up service account ${namespace}/${name}: serviceaccount "${name}" not found`,
      )
    : { kind: "admitted", object: name };
}

/** What the account says about its token, where the pod says nothing. */
function mountOf(
  world: World,
  { metadata: { namespace = "" }, spec }: Pod,
  name: string,
): { readonly automountServiceAccountToken?: boolean } {
  if (spec.automountServiceAccountToken !== undefined) return {};
  const ref = { apiVersion: "v1", kind: "ServiceAccount", namespace, name };
  const account = world.get(ref) as ServiceAccount | undefined;
  return account?.automountServiceAccountToken === false
    ? { automountServiceAccountToken: false }
    : {};
}

function withNodeTolerations(tolerations: readonly Toleration[]): readonly Toleration[] {
  const missing = NODE_TROUBLES.filter(
    (trouble) => !tolerations.some((toleration) => toleratesNode(toleration, trouble)),
  );
  if (missing.length === 0) return tolerations;
  return [
    ...tolerations,
    ...missing.map((key): Toleration => ({
      key,
      operator: "Exists",
      effect: "NoExecute",
      tolerationSeconds: TOLERATED_SECONDS,
    })),
  ];
}

function toleratesNode({ key = "", effect }: Toleration, trouble: string): boolean {
  return (key === "" || key === trouble) && (effect === undefined || effect === "NoExecute");
}

function refused(why: string): { readonly kind: "refused"; readonly why: string } {
  return { kind: "refused", why };
}
