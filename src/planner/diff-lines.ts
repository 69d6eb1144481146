/** Lines of a text that are compared; of a longer one only the beginning and the end that are alike are found. */
const MAX_COMPARED = 400;
/** Unchanged lines around a change. */
const CONTEXT = 2;
/** Lines of one difference that are kept. */
const MAX_KEPT = 40;

/**
 * What differs between two texts, line by line: `-` goes, `+` comes, two spaces stay; `…` stands for lines left out. Pure.
 */
export function diffLines(before: string, after: string): readonly string[] {
  const old = before.split("\n");
  const next = after.split("\n");
  let start = 0;
  while (start < Math.min(old.length, next.length) && old[start] === next[start]) start += 1;
  let end = 0;
  const most = Math.min(old.length, next.length) - start;
  while (end < most && old[old.length - 1 - end] === next[next.length - 1 - end]) end += 1;
  const middle = compareLines(
    old.slice(start, old.length - end),
    next.slice(start, next.length - end),
  );
  const all = [
    ...old.slice(0, start).map((line) => `  ${line}`),
    ...middle,
    ...old.slice(old.length - end).map((line) => `  ${line}`),
  ];
  const kept = aroundChanges(all);
  if (kept.length <= MAX_KEPT) return kept;
  return [...kept.slice(0, MAX_KEPT), `… and ${kept.length - MAX_KEPT} more lines`];
}

/** The longest common lines stay. */
function compareLines(old: readonly string[], next: readonly string[]): readonly string[] {
  const gone = old.map((line) => `- ${line}`);
  const come = next.map((line) => `+ ${line}`);
  if (old.length > MAX_COMPARED || next.length > MAX_COMPARED) return [...gone, ...come];
  const width = next.length + 1;
  const common = new Uint16Array((old.length + 1) * width);
  for (let i = old.length - 1; i >= 0; i -= 1) {
    for (let j = next.length - 1; j >= 0; j -= 1) {
      common[i * width + j] =
        old[i] === next[j]
          ? (common[(i + 1) * width + j + 1] ?? 0) + 1
          : Math.max(common[(i + 1) * width + j] ?? 0, common[i * width + j + 1] ?? 0);
    }
  }
  const lines: string[] = [];
  let [i, j] = [0, 0];
  while (i < old.length && j < next.length) {
    if (old[i] === next[j]) {
      lines.push(`  ${old[i] ?? ""}`);
      i += 1;
      j += 1;
    } else if ((common[(i + 1) * width + j] ?? 0) >= (common[i * width + j + 1] ?? 0)) {
      lines.push(gone[i] ?? "");
      i += 1;
    } else {
      lines.push(come[j] ?? "");
      j += 1;
    }
  }
  return [...lines, ...gone.slice(i), ...come.slice(j)];
}

function aroundChanges(lines: readonly string[]): readonly string[] {
  const near = new Set<number>();
  for (const [index, line] of lines.entries()) {
    if (line.startsWith("  ")) continue;
    for (let at = index - CONTEXT; at <= index + CONTEXT; at += 1) near.add(at);
  }
  const kept: string[] = [];
  for (const [index, line] of lines.entries()) {
    if (near.has(index)) kept.push(line);
    else if (kept.at(-1) !== "…") kept.push("…");
  }
  return kept;
}
