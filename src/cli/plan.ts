import { systemClock } from "../base/system-clock.ts";
import { withClient } from "./connect.ts";
import type { DataDir } from "./data-dir.ts";
import { formatPlan } from "./format-plan.ts";
import { formatPlanMarkdown } from "./format-plan-markdown.ts";
import { makePlan } from "./make-plan.ts";
import type { PlanDocument } from "./plan-document.ts";
import { readPlanSource, type PlanRequest } from "./plan-source.ts";
import { readSnapshot, readState, writeSnapshot, type ClusterState } from "./snapshot.ts";
import type { Output } from "./validate.ts";
import { VERSION } from "./version.ts";

export interface PlanOptions extends PlanRequest {
  /** A file of `berth snapshot` in place of the cluster. */
  readonly snapshot: string | undefined;
  readonly output: "text" | "markdown" | "json";
  /** Tells the comments of several clusters apart. */
  readonly name: string;
  readonly isColoured: boolean;
}

/** Lines of one part of a plan in a terminal. */
const MAX_LINES = 60;

/** Prints what a change of Git would do; resolves with the exit code: 0 nothing, 2 something, 1 it would be Rejected. */
export async function plan(
  dir: DataDir,
  options: PlanOptions,
  { out, err }: Output,
  signal: AbortSignal,
): Promise<number> {
  const state = await stateOf(dir, options.snapshot, signal);
  const source = await readPlanSource(dir, state, options, signal);
  const document = makePlan(state, source, VERSION);
  const text = printPlan(document, options);
  (options.output === "text" && document.outcome === "rejected" ? err : out)(text);
  return EXIT_CODES[document.outcome];
}

/** What the command's exit code says. */
export const EXIT_CODES: Readonly<Record<PlanDocument["outcome"], number>> = {
  unchanged: 0,
  changes: 2,
  rejected: 1,
};

/** Prints a snapshot of the cluster. */
export async function printSnapshot(
  dir: DataDir,
  out: (line: string) => void,
  signal: AbortSignal,
): Promise<void> {
  out(writeSnapshot(await stateOf(dir, undefined, signal), VERSION));
}

async function stateOf(
  dir: DataDir,
  snapshot: string | undefined,
  signal: AbortSignal,
): Promise<ClusterState> {
  if (snapshot !== undefined) return readSnapshot(snapshot);
  return withClient(dir, (client) => readState(client, systemClock.now(), signal));
}

function printPlan(document: PlanDocument, options: PlanOptions): string {
  switch (options.output) {
    case "json":
      return JSON.stringify(document, null, 2);
    case "markdown":
      return formatPlanMarkdown(document, options.name);
    default:
      return formatPlan(document, { maxLines: MAX_LINES, isColoured: options.isColoured });
  }
}
