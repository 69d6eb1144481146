import { formatTime } from "../base/clock.ts";
import { APPROVED_ANNOTATION } from "../model/app.ts";
import type { App, Release, ReleaseStatus } from "../model/kinds.gen.ts";
import type { ObjectRef } from "../model/meta.ts";
import type { DeclaredObject } from "./apply-manifest.ts";
import { releasedFirst } from "./exclusive.ts";
import { isPrecious } from "./prune-guard.ts";
import { planPrune } from "./release-rules.ts";
import type { World } from "./world.ts";

/** How the failed release ends, and the release that goes back. */
export interface PlannedReturn {
  readonly failed: ReleaseStatus;
  readonly back: Release;
  /** What the failed commit brought and only people remove. */
  readonly kept: readonly ObjectRef[];
}

/**
 * Plans the way back: the content of `target` as a release of its own, so that it is applied as any other is, the new
 * first and then away with the rest. Jobs of it that are gone have finished, and do not run again. Pure.
 */
export function planReturn(
  world: World,
  {
    app,
    releases,
    failed,
    target,
    message,
    manifests,
  }: {
    readonly app: App;
    readonly releases: readonly Release[];
    readonly failed: Release;
    readonly target: Release;
    /** What failed. */
    readonly message: string;
    /** What `target` declares. */
    readonly manifests: readonly DeclaredObject[];
  },
): PlannedReturn {
  const now = formatTime(world.now);
  const sequence = (releases.at(-1)?.spec.sequence ?? 0) + 1;
  const inventory = target.status.inventory.filter(
    (ref) => ref.kind !== "Job" || world.get(ref) !== undefined,
  );
  const owed = app.spec.prune ? planPrune(failed, target.status.inventory) : [];
  const kept = owed.filter((ref) => isPrecious(ref) && world.get(ref) !== undefined);
  const toPrune = owed.filter((ref) => !isPrecious(ref));
  const declared = manifests.map(({ object }) => object);
  const first = releasedFirst(world, declared, toPrune);
  const { returnsFrom: _from, planned: _planned, ...spec } = target.spec;
  const said = `back at commit ${target.spec.commit.slice(0, 12)}, since ${failed.metadata.name} failed: ${message}`;
  return {
    failed: {
      ...failed.status,
      phase: "RolledBack",
      reason: failed.status.reason ?? "Failed",
      message: `taken back by itself to commit ${target.spec.commit.slice(0, 12)}: ${message}`,
      finishedAt: failed.status.finishedAt ?? now,
    },
    back: {
      ...target,
      metadata: {
        name: `${app.metadata.name}-${sequence}`,
        ...pick(target.metadata.labels, "labels"),
        ...pick(withoutConsent(target.metadata.annotations), "annotations"),
        ...(target.metadata.ownerReferences === undefined
          ? {}
          : { ownerReferences: target.metadata.ownerReferences }),
      },
      spec: { ...spec, sequence, returnsFrom: failed.metadata.name },
      status: {
        phase: "Progressing",
        reason: "Returning",
        message: said,
        startedAt: now,
        inventory,
        toPrune,
        ...(first.length === 0 ? {} : { releasedFirst: first }),
        applied: false,
      },
    },
    kept,
  };
}

function pick<Key extends string>(
  value: Readonly<Record<string, string>> | undefined,
  key: Key,
): { readonly [K in Key]?: Readonly<Record<string, string>> } {
  return value === undefined ? {} : ({ [key]: value } as { readonly [K in Key]: typeof value });
}

function withoutConsent(
  annotations: Readonly<Record<string, string>> | undefined,
): Readonly<Record<string, string>> | undefined {
  if (annotations === undefined) return undefined;
  const { [APPROVED_ANNOTATION]: _, ...rest } = annotations;
  return rest;
}
