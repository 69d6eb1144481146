import { findConcerns } from "./plan-concerns.ts";
import { countLine, type PlanDocument } from "./plan-document.ts";
import { planSections, type PlanSection } from "./format-plan.ts";

/** What servers take, with room to spare: GitHub's limit is 65,536. */
export const MAX_MARKDOWN = 65_000;
/** Kept for what follows a section that was cut. */
const RESERVED = 600;
const CUT_NOTE = "The rest did not fit into a comment. `berth plan` prints all of it.";

/** By which a comment is found again: `name` tells the plans of several clusters apart. Pure. */
export function planMarker(name: string): string {
  const safe = name.replaceAll(/[^A-Za-z0-9._/-]/g, "-").replaceAll(/-{2,}/g, "-");
  return `<!-- berth-plan: ${safe} -->`;
}

/** A plan as a comment on a pull request: at most `MAX_MARKDOWN` characters. Pure. */
export function formatPlanMarkdown(plan: PlanDocument, name: string): string {
  const concerns = findConcerns(plan);
  const head = [
    planMarker(name),
    `### Berth plan: ${titleOf(plan)}`,
    "",
    ...concerns.map((concern) => `- ⚠️ ${escaped(concern)}`),
    ...plan.notes.map((note) => `- ${escaped(note)}`),
    ...(concerns.length + plan.notes.length > 0 ? [""] : []),
  ];
  return fit(cutLines(head, MAX_MARKDOWN / 4), planSections(plan), footOf(plan));
}

function titleOf(plan: PlanDocument): string {
  if (plan.outcome === "unchanged") return "no change";
  return plan.outcome === "rejected" ? `would be Rejected (${countLine(plan)})` : countLine(plan);
}

function footOf({ target, against, apps, version }: PlanDocument): readonly string[] {
  const ids = apps.flatMap(({ id }) => (id === "" ? [] : [`\`Berth-Plan: ${id}\``]));
  const merged = target.isMergeResult ? "the result of the merge, " : "";
  const what = `${merged}${target.name}, against the ${against.kind} as of ${against.takenAt}`;
  return [
    `<sub>${[escaped(what), `Berth ${version}`].join(" · ")}</sub>`,
    ...ids.map((id) => `<br><sub>${id}</sub>`),
  ];
}

/** As many sections as fit, the last one cut between lines. */
function fit(
  head: readonly string[],
  sections: readonly PlanSection[],
  foot: readonly string[],
): string {
  const tail = cutLines(foot, MAX_MARKDOWN / 8).join("\n");
  let left = MAX_MARKDOWN - head.join("\n").length - tail.length - RESERVED;
  const parts: string[] = [];
  for (const section of sections) {
    const whole = formatSection(section);
    if (whole.length <= left) {
      parts.push(whole);
      left -= whole.length + 1;
      continue;
    }
    const kept = cutLines(section.lines, left - RESERVED);
    if (kept.length > 1) parts.push(formatSection({ ...section, lines: kept }));
    parts.push(`> ${CUT_NOTE}\n`);
    break;
  }
  return [...head, ...parts, tail].join("\n");
}

/** Lines that have so many characters together, and how many were left out. */
function cutLines(lines: readonly string[], most: number): readonly string[] {
  let size = 0;
  const kept = lines.findIndex((line) => {
    size += line.length + 1;
    return size > most;
  });
  return kept < 0 ? lines : [...lines.slice(0, kept), `… and ${lines.length - kept} more lines`];
}

function formatSection({ title, lines }: PlanSection): string {
  const text = lines.map((line) => asDiff(line).trimEnd()).join("\n");
  const fence = "`".repeat(Math.max(3, longestTicks(text) + 1));
  return [
    `<details><summary>${escaped(title)}</summary>`,
    "",
    `${fence}diff`,
    text,
    fence,
    "",
    "</details>",
    "",
  ].join("\n");
}

/** What a diff is coloured by stands in the first column; what is deeper stays as it is. */
function asDiff(line: string): string {
  const match = /^ {4,}([+-]) (.*)$/.exec(line);
  if (match !== null) return `${match[1] ?? " "}     ${match[2] ?? ""}`;
  return line.startsWith("~") ? `!${line.slice(1)}` : line;
}

function longestTicks(text: string): number {
  return Math.max(0, ...[...text.matchAll(/`+/g)].map(([ticks]) => ticks.length));
}

/** A text that is shown as it is, whoever wrote it: no markup, no link, and nobody is called. */
function escaped(text: string): string {
  return text
    .replaceAll("&", "&amp;")
    .replaceAll("<", "&lt;")
    .replaceAll(">", "&gt;")
    .replaceAll(/[\\`*_[\]|#!]/g, (character) => `\\${character}`)
    .replaceAll("@", "@\u200B")
    .replaceAll(/\s*\n\s*/g, " ");
}
