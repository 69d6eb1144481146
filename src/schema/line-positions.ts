/** Finds the line and column, both from 1, of offsets in a text. The lines are looked for when first asked. Pure. */
export function linePositions(
  text: string,
): (offset: number) => { readonly line: number; readonly column: number } {
  let starts: readonly number[] | undefined;
  return (offset) => {
    const place = Math.min(Math.max(offset, 0), text.length);
    // The place of most manifests: their file's beginning.
    if (place === 0) return { line: 1, column: 1 };
    starts ??= lineStarts(text);
    const line = lastAtMost(starts, place);
    return { line: line + 1, column: place - (starts[line] ?? 0) + 1 };
  };
}

function lineStarts(text: string): readonly number[] {
  const starts = [0];
  for (let end = text.indexOf("\n"); end >= 0; end = text.indexOf("\n", end + 1)) {
    starts.push(end + 1);
  }
  return starts;
}

/** Index of the last number of a sorted list that is not above a limit. */
function lastAtMost(sorted: readonly number[], limit: number): number {
  let low = 0;
  let high = sorted.length - 1;
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    if ((sorted[middle] ?? 0) <= limit) low = middle;
    else high = middle - 1;
  }
  return low;
}
