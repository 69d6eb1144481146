import type { Release } from "../model/kinds.gen.ts";

/** A release as `berth history` shows it. */
export interface ReleaseView {
  readonly name: string;
  readonly app: string;
  readonly sequence: number;
  readonly commit: string;
  readonly phase: string;
  readonly reason: string | undefined;
  readonly message: string | undefined;
  readonly problems: readonly string[];
  readonly subject: string;
  readonly author: string;
  readonly startedAt: string;
  readonly finishedAt: string | undefined;
  /** The id that a plan of it would have had, and the one that its commit names. */
  readonly plan: string | undefined;
  readonly planned: string | undefined;
  /** The failed release that Berth went back from by itself. */
  readonly returnsFrom?: string | undefined;
}

/** A release in the shape that is printed. Pure. */
export function viewRelease(release: Release): ReleaseView {
  const { spec, status } = release;
  return {
    name: release.metadata.name,
    app: spec.app,
    sequence: spec.sequence,
    commit: spec.commit,
    phase: status.phase,
    reason: status.reason,
    message: status.message,
    problems: status.problems ?? [],
    subject: spec.subject,
    author: spec.author,
    startedAt: status.startedAt,
    finishedAt: status.finishedAt,
    plan: status.plan,
    planned: spec.planned,
    returnsFrom: spec.returnsFrom,
  };
}
