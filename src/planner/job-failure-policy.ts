import type { ContainerStatus, Job, Pod, PodFailurePolicyRule } from "../model/kinds.gen.ts";

/** What a Job's rules say of one failed pod. */
export interface FailureMatch {
  readonly action: PodFailurePolicyRule["action"];
  /** Why, as Kubernetes words it. */
  readonly message: string;
}

/** The first rule of `podFailurePolicy` that a failed pod meets; `undefined`: the usual counting. Pure. */
export function matchFailurePolicy({ spec }: Job, pod: Pod): FailureMatch | undefined {
  const rules = spec.podFailurePolicy?.rules ?? [];
  for (const [index, rule] of rules.entries()) {
    const found = matchRule(rule, pod);
    if (found !== undefined) {
      const message = `${found} matching ${rule.action} rule at index ${index}`;
      return { action: rule.action, message };
    }
  }
  return undefined;
}

function matchRule(
  { onExitCodes, onPodConditions }: PodFailurePolicyRule,
  pod: Pod,
): string | undefined {
  const { namespace = "", name } = pod.metadata;
  if (onExitCodes !== undefined) {
    const { containerName, operator, values } = onExitCodes;
    const statuses = [
      ...(pod.status?.containerStatuses ?? []),
      ...(pod.status?.initContainerStatuses ?? []),
    ];
    const matches = (status: ContainerStatus): boolean => {
      const code = status.state.terminated?.exitCode;
      if (code === undefined || code === 0) return false;
      if (containerName !== undefined && containerName !== status.name) return false;
      return values.includes(code) === (operator === "In");
    };
    const found = statuses.find(matches);
    return found === undefined
      ? undefined
      : `Container ${found.name} for pod ${namespace}/${name} failed with exit code ${found.state.terminated?.exitCode ?? 0}`;
  }
  const met = (onPodConditions ?? []).find(({ type, status = "True" }) =>
    pod.status?.conditions?.some((is) => is.type === type && is.status === status),
  );
  return met === undefined ? undefined : `Pod ${namespace}/${name} has condition ${met.type}`;
}
