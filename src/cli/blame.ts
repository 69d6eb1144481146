import { APP_LABEL, SOURCE_ANNOTATION } from "../model/app.ts";
import type {
  App,
  ControllerRevision,
  Pod,
  PodTemplateSpec,
  Release,
  ReplicaSet,
} from "../model/kinds.gen.ts";
import {
  controllerOf,
  formatRef,
  refKey,
  refOf,
  type ApiObject,
  type ObjectRef,
} from "../model/meta.ts";
import { apiVersionOf, RESOURCES } from "../model/resources.ts";
import { templateOf } from "../planner/controller-revisions.ts";
import { diffObjects, type FieldChange } from "../planner/diff-objects.ts";
import { isSecretName, MASK, maskText } from "../planner/diff-secrets.ts";
import { currentRelease, releasesOf } from "../planner/release-rules.ts";
import { numberOf, REVISION_ANNOTATION } from "../planner/revisions.ts";
import { blameObject, type BlamedField } from "../sync/blame.ts";
import { subjectOf } from "../sync/commit-object.ts";
import { asCliError, opened } from "./check-source.ts";
import { CliError } from "./cli-error.ts";
import { withClient } from "./connect.ts";
import type { DataDir } from "./data-dir.ts";
import { readObjects } from "./read-objects.ts";
import { accessOfApp } from "./repo-access.ts";

export interface BlameOptions {
  /** `deploy/web`, `pod/web-1`, `web-1` (a pod), each with a field behind it: `deploy/web.spec.replicas`. */
  readonly target: string;
  readonly namespace: string;
}

/** One field and where its value is from. */
export interface BlameLine {
  readonly path: string;
  /** As far as it is anybody's business. */
  readonly value: string;
  readonly file: string;
  readonly line: number;
  readonly commit: string;
  readonly author: string;
  readonly subject: string;
  /** RFC 3339. */
  readonly committedAt: string;
  /** Number of the release that brought it, if history goes back so far. */
  readonly release: number | undefined;
  readonly isCertain: boolean;
}

/** Why a pod runs as it does. */
export interface PodOrigin {
  /** From the pod up to what Git declares. */
  readonly chain: readonly ObjectRef[];
  readonly startedAt: string | undefined;
  /** What differs between the template before and the one it was made from; none for the first. */
  readonly changed: readonly FieldChange[];
  readonly isFirst: boolean;
  /** Containers that ended and were started again, with the last end. */
  readonly restarts: readonly string[];
}

export interface Blame {
  readonly object: ObjectRef;
  readonly app: string;
  /** Of the commit that runs. */
  readonly commit: string;
  readonly fields: readonly BlameLine[];
  readonly pod: PodOrigin | undefined;
}

/** Finds out where an object, a field of it, or a pod comes from. */
export async function blame(
  dir: DataDir,
  options: BlameOptions,
  signal: AbortSignal,
): Promise<Blame> {
  return withClient(dir, async (client) => {
    const objects = await readObjects(client, signal);
    const index = new Map(objects.map((object) => [refKey(refOf(object)), object]));
    const { object, field } = findTarget(objects, options);
    const chain = chainOf(object, index);
    const declared = chain.at(-1) ?? object;
    const pod = object.kind === "Pod" ? originOf(object as Pod, chain, objects) : undefined;
    const { app, releases, location } = provenance(declared, objects);
    try {
      const access = accessOfApp(app, objects);
      await using repository = await opened(app.spec.repo, dir, signal, access);
      const query = {
        commit: location.commit,
        file: location.file,
        object: refOf(declared),
        defaultNamespace: app.spec.namespace,
      };
      const found = await blameObject(repository.git, query, signal);
      const fields = narrow(found, field, declared, pod);
      return {
        object: refOf(declared),
        app: app.metadata.name,
        commit: location.commit,
        fields: fields.map((item) => toLine(item, declared, releases)),
        pod,
      };
    } catch (error) {
      throw asCliError(error);
    }
  });
}

interface Target {
  readonly object: ApiObject;
  readonly field: string | undefined;
}

/** Reads `KIND/NAME[.FIELD]`. Names have dots too: the longest one that is there counts. */
export function findTarget(
  objects: readonly ApiObject[],
  { target, namespace }: BlameOptions,
): Target {
  const slash = /^([A-Za-z.0-9]+)\//.exec(target);
  const word = (slash?.[1] ?? "pod").toLowerCase();
  const rest = slash === null ? target : target.slice(slash[0].length);
  const kinds = RESOURCES.filter(({ kind, plural, singular, shortNames, group }) =>
    [kind.toLowerCase(), plural, singular, ...shortNames, `${plural}.${group}`].includes(word),
  );
  if (kinds.length === 0)
    throw new CliError(`Cannot find a kind "${word}"`, {
      cure: "say KIND/NAME, for instance deploy/web, or the name of a pod",
    });
  const names = new Set(kinds.map((resource) => `${apiVersionOf(resource)}/${resource.kind}`));
  const candidates = objects
    .filter(({ apiVersion, kind }) => names.has(`${apiVersion}/${kind}`))
    .filter(({ metadata }) => [undefined, namespace].includes(metadata.namespace))
    .filter(({ metadata: { name } }) => rest === name || rest.startsWith(`${name}.`))
    .toSorted((a, b) => b.metadata.name.length - a.metadata.name.length);
  const [object] = candidates;
  if (object === undefined)
    throw new CliError(
      `Cannot find "${rest}" among the ${kinds[0]?.plural ?? ""} of namespace "${namespace}"`,
      {
        cure: "see what there is: kubectl get, and name its namespace: -n NAMESPACE",
      },
    );
  const field = rest.slice(object.metadata.name.length + 1);
  return { object, field: field === "" ? undefined : field };
}

/** The object, its controller, that one's, and so on. */
function chainOf(object: ApiObject, index: ReadonlyMap<string, ApiObject>): readonly ApiObject[] {
  const chain = [object];
  for (let at = object; at.metadata.annotations?.[SOURCE_ANNOTATION] === undefined;) {
    const owner = controllerOf(at);
    if (owner === undefined) break;
    const { apiVersion, kind, name } = owner;
    const { namespace } = at.metadata;
    const next = index.get(
      refKey({ apiVersion, kind, name, ...(namespace === undefined ? {} : { namespace }) }),
    );
    if (next === undefined || chain.includes(next)) break;
    chain.push(next);
    at = next;
  }
  return chain;
}

function provenance(
  declared: ApiObject,
  objects: readonly ApiObject[],
): {
  readonly app: App;
  readonly releases: readonly Release[];
  readonly location: { readonly commit: string; readonly file: string };
} {
  const source = declared.metadata.annotations?.[SOURCE_ANNOTATION];
  const name = declared.metadata.labels?.[APP_LABEL];
  const app = objects.find(
    (object): object is App => object.kind === "App" && object.metadata.name === name,
  );
  if (source === undefined || app === undefined)
    throw new CliError(`Cannot find ${formatRef(refOf(declared))} in Git: no App declares it`, {
      cure: "only what an App applied has a place in Git",
    });
  const all = objects.filter((object): object is Release => object.kind === "Release");
  const releases = releasesOf(all, app.metadata.name);
  const commit = currentRelease(releases)?.spec.commit ?? app.status?.appliedCommit;
  if (commit === undefined)
    throw new CliError(`Cannot find the commit that App "${app.metadata.name}" runs`, {
      cure: "see its releases: berth history",
    });
  return { app, releases, location: { commit, file: source.replace(/:\d+$/, "") } };
}

/** The fields that were asked for; of a pod those that its last redeployment changed. */
function narrow(
  found: readonly BlamedField[],
  field: string | undefined,
  declared: ApiObject,
  pod: PodOrigin | undefined,
): readonly BlamedField[] {
  const isBelow = (path: string, wanted: string): boolean =>
    path === wanted || path.startsWith(`${wanted}.`) || path.startsWith(`${wanted}[`);
  if (field !== undefined) {
    const fields = found.filter(
      ({ path, indexed }) => isBelow(path, field) || isBelow(indexed, field),
    );
    if (fields.length > 0) return fields;
    throw new CliError(`Cannot find "${field}" in the manifest of ${formatRef(refOf(declared))}`, {
      cure: `it may be a default: Git does not state it. It states ${found
        .slice(0, 5)
        .map(({ path }) => path)
        .join(", ")}…`,
    });
  }
  if (pod === undefined || pod.changed.length === 0) return found;
  const changed = pod.changed.map(({ path }) => `spec.template.${path}`);
  return found.filter(({ path }) =>
    changed.some((wanted) => isBelow(path, wanted) || isBelow(wanted, path)),
  );
}

function toLine(
  { path, value, file, line, commit, isCertain }: BlamedField,
  declared: ApiObject,
  releases: readonly Release[],
): BlameLine {
  const exact = releases.find(({ spec }) => spec.commit === commit.id);
  const later = releases.find(({ spec }) => Date.parse(spec.committedAt) >= commit.committedAt);
  const isSecret =
    (declared.kind === "Secret" && /^(data|stringData)\b/.test(path)) ||
    isSecretName(
      /(?:name=([^\]]*)\]\.value|\.([\w-]+))$/
        .exec(path)
        ?.slice(1)
        .find((word) => word !== undefined) ?? "",
    );
  return {
    path,
    value: isSecret ? MASK : maskText(value),
    file,
    line,
    commit: commit.id,
    author: `${commit.author.name} <${commit.author.email}>`,
    subject: subjectOf(commit),
    committedAt: new Date(commit.committedAt).toISOString(),
    release: (exact ?? later)?.spec.sequence,
    isCertain,
  };
}

function originOf(pod: Pod, chain: readonly ApiObject[], objects: readonly ApiObject[]): PodOrigin {
  const [, owner] = chain;
  const templates = owner === undefined ? [] : templatesOf(owner, pod, chain, objects);
  const [now, before] = templates;
  return {
    chain: chain.map(refOf),
    startedAt: pod.status?.startTime ?? pod.metadata.creationTimestamp,
    changed: now === undefined || before === undefined ? [] : diffTemplates(before, now),
    isFirst: before === undefined,
    restarts: (pod.status?.containerStatuses ?? [])
      .filter(({ restartCount }) => restartCount > 0)
      .map(({ name, restartCount, lastState }) => {
        const end = lastState?.terminated;
        const how =
          end === undefined
            ? ""
            : `, last: ${end.reason ?? "ended"} with exit code ${end.exitCode}`;
        return `container ${name} was started again ${restartCount} times${how}`;
      }),
  };
}

/** The template that a pod was made from, and the one before it. */
function templatesOf(
  owner: ApiObject,
  pod: Pod,
  chain: readonly ApiObject[],
  objects: readonly ApiObject[],
): readonly PodTemplateSpec[] {
  const [, , top] = chain;
  if (owner.kind === "ReplicaSet" && top !== undefined) {
    const revision = (set: ReplicaSet): number => numberOf(set, REVISION_ANNOTATION) ?? 0;
    const own = owner as ReplicaSet;
    const sets = objects.filter(
      (object): object is ReplicaSet =>
        object.kind === "ReplicaSet" && controllerOf(object)?.uid === top.metadata.uid,
    );
    const before = sets
      .filter((set) => revision(set) < revision(own))
      .toSorted((a, b) => revision(b) - revision(a));
    return [own, ...before].map(({ spec }) => spec.template);
  }
  const hash = pod.metadata.labels?.["controller-revision-hash"] ?? "";
  const revisions = objects
    .filter(
      (object): object is ControllerRevision =>
        object.kind === "ControllerRevision" && controllerOf(object)?.uid === owner.metadata.uid,
    )
    .toSorted((a, b) => b.revision - a.revision);
  const own = revisions.findIndex(
    ({ metadata }) => metadata.name === hash || metadata.name.endsWith(`-${hash}`),
  );
  return revisions
    .slice(Math.max(own, 0))
    .map(templateOf)
    .filter((template) => template !== undefined);
}

function diffTemplates(before: PodTemplateSpec, after: PodTemplateSpec): readonly FieldChange[] {
  const asObject = ({ metadata, spec }: PodTemplateSpec): ApiObject => {
    const { "pod-template-hash": _, ...labels } = metadata?.labels ?? {};
    return {
      apiVersion: "v1",
      kind: "Pod",
      metadata: { ...metadata, name: "", labels },
      spec,
    } as ApiObject;
  };
  return diffObjects(asObject(before), asObject(after));
}
