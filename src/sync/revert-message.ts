import { subjectOf } from "./commit-object.ts";
import type { Commit } from "./git.ts";
import { revertTrailers } from "./revert.ts";

/** What the message of a revert that Berth makes by itself tells. */
export interface RevertStory {
  readonly app: string;
  /** Name of the failed Release, which the cluster knows more of. */
  readonly release: string;
  readonly bad: Pick<Commit, "id" | "message">;
  readonly to: string;
  /** The failed objects, in one line. */
  readonly why: string;
  /** Last lines of the failed containers. */
  readonly logs: readonly string[];
}

/** Characters of a line of prose before it is wrapped, as Git's own messages are. */
const WIDTH = 100;

/**
 * The message: what, why, what the containers said last. Text of others is indented, so that nothing in it reads as a
 * trailer. Pure.
 */
export function revertStory({ app, release, bad, to, why, logs }: RevertStory): string {
  const subject = subjectOf({ ...bad, tree: "", parents: [], author: NOBODY, committedAt: 0 });
  const paragraphs = [
    `Revert "${subject}": its rollout failed`,
    wrap(
      `Berth took App "${app}" back to commit ${to.slice(0, 12)} by itself, since release ${release} failed:`,
    ),
    wrap(why, "    "),
    ...(logs.length === 0
      ? []
      : [`What the containers said last:\n\n${logs.map((line) => `    ${line}`).join("\n")}`]),
    `This reverts commit ${bad.id}.`,
    revertTrailers(app, bad.id),
  ];
  return `${paragraphs.join("\n\n")}\n`;
}

const NOBODY = { name: "", email: "" };

function wrap(text: string, indent = ""): string {
  const lines: string[] = [];
  let line = "";
  for (const word of text.split(/\s+/)) {
    if (line !== "" && line.length + word.length + 1 > WIDTH) {
      lines.push(line);
      line = "";
    }
    line = line === "" ? word : `${line} ${word}`;
  }
  return [...lines, line].map((one) => `${indent}${one}`).join("\n");
}
