import { formatProblem, type Problem } from "../model/problem.ts";
import { planMarker } from "./format-plan-markdown.ts";

/** What a tree's manifests came to, without a cluster. */
export interface Validation {
  readonly objects: number;
  readonly problems: readonly Problem[];
  readonly warnings: readonly Problem[];
}

export interface Told {
  readonly text: string;
  readonly markdown: string;
}

/** Lines of a list in a comment. */
const MAX_LINES = 200;
const MAX_LINE = 300;
const NOT_PLANNED =
  "There is no cluster to plan against: the manifests were validated, and nothing else. Give a snapshot (`--snapshot`, BERTH_SNAPSHOT) or a kubeconfig (BERTH_KUBECONFIG) to see pods and nodes.";

/** What is said where nothing can be planned. Pure. */
export function formatValidation(found: Validation, name: string, version: string): Told {
  const { objects, problems, warnings } = found;
  const title =
    problems.length === 0
      ? `${objects} ${objects === 1 ? "object is" : "objects are"} valid; not planned`
      : `would be Rejected: ${problems.length} ${problems.length === 1 ? "problem" : "problems"}`;
  const lines = [
    ...problems.map((problem) => `! ${formatProblem(problem)}`),
    ...warnings.map((problem) => `  ${formatProblem(problem)}`),
  ];
  return {
    text: [title, ...lines, NOT_PLANNED].join("\n"),
    markdown: [
      planMarker(name),
      `### Berth plan: ${title}`,
      "",
      NOT_PLANNED,
      "",
      ...fenced(lines),
      `<sub>Berth ${version}</sub>`,
    ].join("\n"),
  };
}

/** What is said of a pull request that does not merge. Pure. */
export function formatConflict(files: readonly string[], base: string, name: string): Told {
  const title = `it does not merge into ${base}`;
  return {
    text: [`${title}:`, ...files.map((file) => `  ${file}`)].join("\n"),
    markdown: [
      planMarker(name),
      `### Berth plan: it does not merge`,
      "",
      "Nothing was planned: there is no result. Bring the branch up to date first. These files conflict:",
      "",
      ...fenced(files),
    ].join("\n"),
  };
}

function fenced(lines: readonly string[]): readonly string[] {
  if (lines.length === 0) return [];
  const shown = lines
    .slice(0, MAX_LINES)
    .map((line) => line.replaceAll("`", "'").slice(0, MAX_LINE));
  const more = lines.length - shown.length;
  return ["```", ...shown, ...(more > 0 ? [`… and ${more} more`] : []), "```", ""];
}
