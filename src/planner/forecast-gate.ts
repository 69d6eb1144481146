import type { Millis } from "../base/clock.ts";
import type { App, AppQuarantine, Release } from "../model/kinds.gen.ts";
import { refOf, type ObjectRef } from "../model/meta.ts";
import type { DeclaredObject } from "./apply-manifest.ts";
import { guardPrune } from "./prune-guard.ts";
import { releaseGate } from "./release-gates.ts";
import { owedBy } from "./release-rules.ts";
import { carriedQuarantine } from "./revert-rules.ts";

/** What a commit waits for before it is applied. */
export type ForecastGate =
  | { readonly kind: "open" }
  | {
      readonly kind: "waiting";
      readonly phase: "Held" | "Pending";
      readonly reason: string;
      readonly message: string;
    };

/** What a tree holds for one App. */
interface GateQuestion {
  readonly app: string;
  readonly spec: App["spec"];
  readonly manifests: readonly DeclaredObject[];
  readonly releases: readonly Release[];
  readonly commitMessage: string;
  readonly tree?: string;
  /** What was taken back before. */
  readonly quarantine?: readonly AppQuarantine[];
}

/** What the commit would be asked about. Apps that it waits for are changed by the same commit, or are healthy. Pure. */
export function gateOf(
  now: Millis,
  { app, spec, manifests, releases, commitMessage, tree = "", quarantine = [] }: GateQuestion,
  current: Release | undefined,
  toPrune: readonly ObjectRef[],
): ForecastGate {
  const { dependsOn: _, ...alone } = spec;
  const object: App = {
    apiVersion: "berth.dev/v1",
    kind: "App",
    metadata: { name: app },
    spec: alone,
    status: { quarantine },
  };
  const gate = releaseGate({
    app: object,
    commit: "",
    now,
    apps: new Map([[app, object]]),
    guard: guardPrune({
      app,
      previous: current?.status.inventory ?? [],
      next: manifests.map((item) => refOf(item.object)),
      toPrune,
      owed: owedBy(current),
      commitMessage,
      returning: releases.some(
        (release) => release.status.phase === "Healthy" && release.spec.tree === tree,
      ),
    }),
    quarantine: carriedQuarantine(object, releases, tree, manifests),
    rewritten: undefined,
    approved: false,
  });
  if (gate.kind === "open") return gate;
  const { kind, phase, reason, message } = gate;
  return { kind, phase, reason, message };
}
