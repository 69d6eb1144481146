import { formatRef } from "../model/meta.ts";
import type { Blame, PodOrigin } from "./blame.ts";
import { formatTable, shortId } from "./table.ts";

const MAX_VALUE = 40;

/** What `berth blame` shows. Pure. */
export function formatBlame({ object, app, commit, fields, pod }: Blame): string {
  const head = `${formatRef(object)} of App ${app}, as of commit ${shortId(commit)}`;
  const rows = fields.map((field) => [
    `${field.file}:${field.line}`,
    field.path,
    cut(field.value),
    `${shortId(field.commit)}${field.isCertain ? "" : " or before"}`,
    field.author.replace(/ <.*>$/, ""),
    field.release === undefined ? "-" : `#${field.release}`,
    field.committedAt.replace(/\.000Z$/, "Z"),
    field.subject,
  ]);
  const table = formatTable(
    ["WHERE", "FIELD", "VALUE", "COMMIT", "AUTHOR", "RELEASE", "WHEN", "SUBJECT"],
    rows,
  );
  const parts = pod === undefined ? [head] : [formatOrigin(pod), head];
  return [...parts, ...(rows.length === 0 ? [] : [table])].join("\n\n");
}

function formatOrigin({ chain, startedAt, changed, isFirst, restarts }: PodOrigin): string {
  const lines = [chain.map(formatRef).join(" ← ")];
  lines.push(`started ${startedAt ?? "not yet"}`);
  if (isFirst) lines.push("its template is the first one that is known");
  else if (changed.length === 0) lines.push("its template is as the one before");
  else {
    lines.push("made anew because its template changed:");
    for (const { path, before, after } of changed)
      lines.push(`  ${path}: ${cut(before ?? "(none)")} → ${cut(after ?? "(none)")}`);
  }
  return [...lines, ...restarts].join("\n");
}

function cut(text: string): string {
  return text.length > MAX_VALUE ? `${text.slice(0, MAX_VALUE)}…` : text;
}
