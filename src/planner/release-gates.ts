import { formatTime, type Millis } from "../base/clock.ts";
import { isTrue } from "../model/condition.ts";
import type { App, AppQuarantine, Release } from "../model/kinds.gen.ts";
import type { GuardVerdict } from "./prune-guard.ts";
import { dependencyCircle } from "./app-graph.ts";
import { heldMessage } from "./revert-rules.ts";
import { syncWindowVerdict } from "./sync-window.ts";

export interface GateInput {
  readonly app: App;
  readonly commit: string;
  readonly now: Millis;
  /** All Apps, by name. */
  readonly apps: ReadonlyMap<string, App>;
  readonly guard: GuardVerdict;
  /** What the commit still carries of one that was taken back. */
  readonly quarantine: AppQuarantine | undefined;
  /** The applied commit that the new one does not descend from, where the App holds for that. */
  readonly rewritten: string | undefined;
  /** Whether somebody consents to what this commit is held for. */
  readonly approved: boolean;
}

/** What a commit that is right waits for, if for anything. */
export type Gate =
  | { readonly kind: "open" }
  | {
      readonly kind: "waiting";
      /** Held: for people or a time. Pending: for other Apps. */
      readonly phase: "Held" | "Pending";
      readonly reason: string;
      readonly message: string;
      readonly lookAgainAt?: Millis;
    };

/**
 * Whether a commit that passed all checks may go in now. What people are asked about comes first, and all of it in one
 * message, since one consent covers it; then what only time and other Apps decide. Pure.
 */
export function releaseGate(input: GateInput): Gate {
  const { app, now, guard, quarantine, rewritten, approved } = input;
  const window = syncWindowVerdict(app.spec.syncWindows, now);
  const holds = [
    ...(quarantine === undefined
      ? []
      : [{ reason: "Quarantined", message: heldMessage(app.metadata.name, quarantine) }]),
    ...(guard.kind === "hold" ? [{ reason: guard.reason, message: guard.message }] : []),
    ...(rewritten === undefined ? [] : [heldForRewrite(app, rewritten)]),
    ...(window.kind === "closed"
      ? [{ reason: "SyncWindow", message: overridable(window.message, app) }]
      : []),
  ];
  const [first] = holds;
  if (first !== undefined && !approved) {
    const at = window.kind === "closed" ? window.changesAt : undefined;
    return {
      kind: "waiting",
      phase: "Held",
      reason: first.reason,
      message: holds.map(({ message }) => message).join("; "),
      ...(at === undefined ? {} : { lookAgainAt: at }),
    };
  }
  return dependencyGate(input);
}

/** Whether a release that waits could go on now: then it is judged again. Pure. */
export function mayGoOn(
  release: Release,
  input: Omit<GateInput, "guard" | "quarantine" | "rewritten">,
): boolean {
  const { phase, reason } = release.status;
  if (phase === "Pending") return dependencyGate(input).kind === "open";
  if (phase !== "Held") return false;
  if (input.approved) return true;
  return (
    reason === "SyncWindow" &&
    syncWindowVerdict(input.app.spec.syncWindows, input.now).kind === "open"
  );
}

function heldForRewrite(
  app: App,
  rewritten: string,
): { readonly reason: string; readonly message: string } {
  const what = `the history was rewritten: the applied commit ${rewritten.slice(0, 12)} is not in it`;
  return { reason: "ForcePush", message: overridable(what, app) };
}

function overridable(message: string, app: App): string {
  return `${message}; to go on now, \`berth approve ${app.metadata.name}\``;
}

/** The first App that is to be healthy before and is not. */
function dependencyGate({ app, commit, apps }: Pick<GateInput, "app" | "commit" | "apps">): Gate {
  const { name } = app.metadata;
  const circle = dependencyCircle(apps, name);
  if (circle !== undefined)
    return pending("DependencyCycle", `the Apps wait for each other: ${circle.join(" -> ")}`);
  for (const { name: wanted } of app.spec.dependsOn ?? []) {
    const found = apps.get(wanted);
    if (found === undefined) return notReady(wanted, "does not exist");
    if (found.metadata.deletionTimestamp !== undefined) return notReady(wanted, "is being removed");
    const { status } = found;
    if (!isTrue(status?.conditions, "Ready")) return notReady(wanted, "is not healthy");
    if (isSameSource(app, found) && status?.healthyCommit !== commit) {
      const at = status?.healthyCommit?.slice(0, 12) ?? "no commit";
      return notReady(wanted, `is at ${at}, not yet at ${commit.slice(0, 12)}`);
    }
  }
  return { kind: "open" };
}

function notReady(app: string, why: string): Gate {
  return pending("DependencyNotReady", `waits for App "${app}": it ${why}`);
}

function pending(reason: string, message: string): Gate {
  return { kind: "waiting", phase: "Pending", reason, message };
}

/** Whether both Apps follow the same thing, so that the same commit comes to both. */
function isSameSource({ spec: a }: App, { spec: b }: App): boolean {
  return (
    a.repo.replace(/\/+$/, "") === b.repo.replace(/\/+$/, "") &&
    a.branch === b.branch &&
    a.tag === b.tag &&
    a.semver === b.semver &&
    a.commit === b.commit &&
    a.ref === b.ref
  );
}

/** When a release that is not healthy by then has failed; `undefined` where the App sets no limit. Pure. */
export function readyDeadline(app: App, startedAt: Millis | undefined): Millis | undefined {
  const { readyTimeoutSeconds } = app.spec;
  if (readyTimeoutSeconds === undefined || startedAt === undefined) return undefined;
  return startedAt + readyTimeoutSeconds * 1000;
}

/** What is said of a release that did not become healthy in time. Pure. */
export function tooLate(app: App, deadline: Millis, last: string): string {
  return `not healthy within ${app.spec.readyTimeoutSeconds} s, by ${formatTime(deadline)}: ${last}`;
}
