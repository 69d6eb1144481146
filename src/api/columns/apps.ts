import { findCondition } from "../../model/condition.ts";
import type { App } from "../../model/kinds.gen.ts";
import type { Column } from "./column.ts";
import { AGE, NAME, NONE } from "./common.ts";

/** Digits of a commit that people read. */
const SHORT = 7;

/** How an App stands: what Git says against what is applied, and whether that is well. */
export const APP_COLUMNS: readonly Column<App>[] = [
  NAME,
  {
    name: "Sync",
    type: "string",
    description: "Whether what Git says is what is applied.",
    cell: syncState,
  },
  {
    name: "Health",
    type: "string",
    description: "Whether the applied commit is healthy, else why not.",
    cell: ({ status }) => {
      const ready = findCondition(status?.conditions, "Ready");
      return ready?.status === "True" ? "Healthy" : (ready?.reason ?? "Unknown");
    },
  },
  {
    name: "Revision",
    type: "string",
    description: "The commit whose objects are the desired state now.",
    cell: ({ status }) => status?.appliedCommit?.slice(0, SHORT) ?? NONE,
  },
  {
    name: "Release",
    type: "string",
    description: "Its newest release.",
    cell: ({ status }) => status?.release ?? NONE,
  },
  AGE,
  { name: "Repo", type: "string", description: "", wide: true, cell: ({ spec }) => spec.repo },
  {
    name: "Follows",
    type: "string",
    description: "The branch, tag, range, commit or ref that is followed.",
    wide: true,
    cell: ({ spec }) => spec.commit ?? spec.tag ?? spec.semver ?? spec.ref ?? spec.branch,
  },
  { name: "Path", type: "string", description: "", wide: true, cell: ({ spec }) => spec.path },
  {
    name: "Message",
    type: "string",
    description: "What is wrong with the source, else what the Ready condition says.",
    wide: true,
    cell: ({ status }) => {
      const source = findCondition(status?.conditions, "SourceReady");
      const ready = findCondition(status?.conditions, "Ready");
      return (source?.status === "False" ? source.message : ready?.message) ?? "";
    },
  },
];

function syncState({ metadata, spec, status }: App): string {
  if (metadata.deletionTimestamp !== undefined) return "Removing";
  if (spec.suspend === true) return "Suspended";
  const source = findCondition(status?.conditions, "SourceReady");
  if (source?.status === "False") return source.reason ?? "Unknown";
  if (findCondition(status?.conditions, "Drifted")?.status === "True") return "Drifted";
  if (status?.seenCommit === undefined) return "Unknown";
  return status.seenCommit === status.appliedCommit ? "Synced" : "OutOfSync";
}
