import { canonicalJson } from "../base/hash.ts";
import type {
  ConfigMap,
  Container,
  DaemonSet,
  Deployment,
  Job,
  Pod,
  ReplicaSet,
  Secret,
  Service,
  StatefulSet,
} from "../model/kinds.gen.ts";
import type { ApiObject } from "../model/meta.ts";
import { keepAdmitted } from "./keep-admitted.ts";

/** A field that was changed although it must not be. */
export interface ImmutableChange {
  /** As users write it: `spec.selector`. */
  readonly path: string;
  readonly hint: string;
}

interface Rule {
  readonly kind: string;
  readonly path: string;
  readonly isChanged: (next: never, stored: never) => boolean;
  readonly hint?: string;
}

const RENAME =
  "give the object another name, or remove it in one commit and add it again in the next";

/** Kubernetes' rules for the kinds that Git may state. The first match is told. */
const RULES: readonly Rule[] = [
  {
    kind: "apps/v1/Deployment",
    path: "spec.selector",
    isChanged: (next: Deployment, stored: Deployment) =>
      differs(next.spec.selector, stored.spec.selector),
  },
  {
    kind: "apps/v1/ReplicaSet",
    path: "spec.selector",
    isChanged: (next: ReplicaSet, stored: ReplicaSet) =>
      differs(next.spec.selector, stored.spec.selector),
  },
  {
    kind: "apps/v1/DaemonSet",
    path: "spec.selector",
    isChanged: (next: DaemonSet, stored: DaemonSet) =>
      differs(next.spec.selector, stored.spec.selector),
  },
  ...(["selector", "serviceName", "podManagementPolicy", "volumeClaimTemplates"] as const).map(
    (field): Rule => ({
      kind: "apps/v1/StatefulSet",
      path: `spec.${field}`,
      isChanged: (next: StatefulSet, stored: StatefulSet) =>
        differs(next.spec[field], stored.spec[field]),
      hint: "give the set another name, or remove it in one commit and add it again in the next: its claims stay, unless persistentVolumeClaimRetentionPolicy says otherwise",
    }),
  ),
  {
    kind: "batch/v1/Job",
    path: "spec.template",
    isChanged: (next: Job, stored: Job) => differs(next.spec.template, stored.spec.template),
    hint: "a Job runs once: give the new one another name",
  },
  {
    kind: "batch/v1/Job",
    path: "spec.completions",
    isChanged: (next: Job, stored: Job) => next.spec.completions !== stored.spec.completions,
    hint: "a Job runs once: give the new one another name",
  },
  {
    kind: "batch/v1/Job",
    path: "spec.selector",
    isChanged: (next: Job, stored: Job) =>
      next.spec.selector !== undefined && differs(next.spec.selector, stored.spec.selector),
  },
  {
    kind: "v1/Service",
    path: "spec.clusterIP",
    isChanged: (next: Service, stored: Service) => isAddressChanged(next, stored),
  },
  {
    kind: "v1/Secret",
    path: "type",
    isChanged: (next: Secret, stored: Secret) => next.type !== stored.type,
  },
  {
    kind: "v1/Secret",
    path: "data",
    isChanged: (next: Secret, stored: Secret) =>
      stored.immutable === true && (next.immutable !== true || differs(next.data, stored.data)),
  },
  {
    kind: "v1/ConfigMap",
    path: "data",
    isChanged: (next: ConfigMap, stored: ConfigMap) =>
      stored.immutable === true &&
      (next.immutable !== true ||
        differs([next.data, next.binaryData], [stored.data, stored.binaryData])),
  },
  {
    kind: "v1/Pod",
    path: "spec",
    isChanged: (next: Pod, stored: Pod) =>
      differs(fixedSpec(keepAdmitted(next, stored), stored), fixedSpec(stored, stored)),
    hint: "only the images of a running pod can be changed; a Deployment replaces its pods by itself",
  },
];

/** The first field that `next` changes of `stored` although it is fixed at creation. Pure. */
export function findImmutable(next: ApiObject, stored: ApiObject): ImmutableChange | undefined {
  const kind = `${next.apiVersion}/${next.kind}`;
  const rule = RULES.find(
    (item) => item.kind === kind && item.isChanged(next as never, stored as never),
  );
  return rule === undefined ? undefined : { path: rule.path, hint: rule.hint ?? RENAME };
}

function differs(a: unknown, b: unknown): boolean {
  return canonicalJson(a ?? null) !== canonicalJson(b ?? null);
}

/** An address is kept once given; without one, and with one, are different kinds of Service. */
function isAddressChanged({ spec: next }: Service, { spec: stored }: Service): boolean {
  if (stored.clusterIP === undefined) return false;
  if (next.clusterIP === undefined) return stored.clusterIP === "None";
  return next.clusterIP !== stored.clusterIP;
}

/** A pod's spec without what may change: images, and the node when Git does not name one. */
function fixedSpec({ spec }: Pod, stored: Pod): unknown {
  const bare = (containers: readonly Container[] | undefined): unknown =>
    containers?.map((container) => ({ ...container, image: "" }));
  const { activeDeadlineSeconds: _, tolerations: __, ...rest } = spec;
  return {
    nodeName: stored.spec.nodeName,
    ...rest,
    containers: bare(spec.containers),
    initContainers: bare(spec.initContainers),
  };
}
