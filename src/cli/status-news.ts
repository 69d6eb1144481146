import { refKey } from "../model/meta.ts";
import type { AppView } from "./app-view.ts";
import type { ClusterView, DeploymentView } from "./cluster-view.ts";
import { shortId } from "./table.ts";

/** What differs between two views, a line each: releases, Apps, rollouts, nodes. Everything when there was none. Pure. */
export function newsOf(before: ClusterView | undefined, after: ClusterView): readonly string[] {
  return [
    ...changed(before?.apps, after.apps, ({ name }) => name, newsOfApp, "App"),
    ...changed(
      before?.deployments,
      after.deployments,
      nameOf,
      (_, item) => [rollout(item)],
      "Deployment",
    ),
    ...changed(
      before?.nodes,
      after.nodes,
      ({ name }) => name,
      (_, { name, ready, message }) => [
        `node ${name}: ${ready ? "ready" : `not ready: ${message}`}`,
      ],
      "node",
    ),
  ];
}

function changed<T>(
  before: readonly T[] = [],
  after: readonly T[],
  nameOfItem: (item: T) => string,
  tell: (before: T | undefined, after: T) => readonly string[],
  what: string,
): readonly string[] {
  const known = new Map(before.map((item) => [nameOfItem(item), item]));
  const left = new Set(after.map(nameOfItem));
  const gone = [...known.keys()].filter((name) => !left.has(name));
  return [
    ...after.flatMap((item) => {
      const old = known.get(nameOfItem(item));
      return old !== undefined && JSON.stringify(old) === JSON.stringify(item)
        ? []
        : tell(old, item);
    }),
    ...gone.map((name) => `${what} ${name}: removed`),
  ];
}

function newsOfApp(before: AppView | undefined, app: AppView): readonly string[] {
  const { release } = app;
  const line = `App ${app.name}: ${app.sync}, ${app.health}`;
  const isOther = before?.sync !== app.sync || before.health !== app.health;
  const told = release === undefined ? undefined : releaseLine(app);
  const toldBefore = before?.release === undefined ? undefined : releaseLine(before);
  const known = new Set(before?.problems ?? []);
  return [
    ...(told === undefined || told === toldBefore ? [] : [told]),
    ...(isOther ? [line] : []),
    ...app.problems
      .filter((problem) => !known.has(problem))
      .map((problem) => `App ${app.name}: ${problem}`),
  ];
}

function releaseLine({ name, release, waitsFor }: AppView): string | undefined {
  if (release === undefined) return undefined;
  const { sequence, commit, phase, subject } = release;
  const why = waitsFor === undefined ? "" : `: ${waitsFor}`;
  return `App ${name} #${sequence} ${shortId(commit)} "${subject}" is ${phase}${why}`;
}

function nameOf({ namespace, name }: DeploymentView): string {
  return refKey({ apiVersion: "apps/v1", kind: "Deployment", namespace, name });
}

function rollout({ namespace, name, ready, replicas, updated }: DeploymentView): string {
  return `Deployment ${namespace}/${name}: ${ready}/${replicas} ready, ${updated} updated`;
}
