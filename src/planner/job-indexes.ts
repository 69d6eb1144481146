/** Completion indexes as closed ranges in ascending order that neither touch nor overlap. */
export type IndexSet = readonly (readonly [first: number, last: number])[];

export const NO_INDEXES: IndexSet = [];

/**
 * The set that `1,3-5,7` says, without what is not below `completions`; what cannot be read is left out. Pure;
 * `formatIndexes` is its counterpart.
 */
export function parseIndexes(text: string | undefined, completions: number): IndexSet {
  const ranges: (readonly [number, number])[] = [];
  for (const part of (text ?? "").split(",")) {
    const match = /^(\d{1,10})(?:-(\d{1,10}))?$/.exec(part.trim());
    if (match === null) continue;
    const first = Number(match[1]);
    const last = Math.min(Number(match[2] ?? match[1]), completions - 1);
    if (first <= last) ranges.push([first, last]);
  }
  return merge(ranges);
}

/** The compressed text of a set, as Kubernetes writes it: two neighbours stand alone, three are a range. Pure. */
export function formatIndexes(set: IndexSet): string {
  return set
    .map(([first, last]) => {
      if (first === last) return String(first);
      return last === first + 1 ? `${first},${last}` : `${first}-${last}`;
    })
    .join(",");
}

/** The set with some more indexes in it. Pure. */
export function withIndexes(set: IndexSet, indexes: Iterable<number>): IndexSet {
  const added = [...indexes].map((index) => [index, index] as const);
  return added.length === 0 ? set : merge([...set, ...added]);
}

/** Whether the set has the index. Pure. */
export function hasIndex(set: IndexSet, index: number): boolean {
  let low = 0;
  let high = set.length - 1;
  while (low <= high) {
    const middle = (low + high) >> 1;
    const [first, last] = set[middle] ?? [0, -1];
    if (index < first) high = middle - 1;
    else if (index > last) low = middle + 1;
    else return true;
  }
  return false;
}

/** How many indexes the set has. Pure. */
export function countIndexes(set: IndexSet): number {
  return set.reduce((sum, [first, last]) => sum + last - first + 1, 0);
}

/** The lowest `count` indexes below `completions` that stand in none of the sets. Pure. */
export function firstMissing(
  sets: readonly IndexSet[],
  completions: number,
  count: number,
): readonly number[] {
  const missing: number[] = [];
  let next = 0;
  for (const [first, last] of merge(sets.flat())) {
    for (; next < first && missing.length < count; next += 1) missing.push(next);
    if (missing.length >= count) return missing;
    next = Math.max(next, last + 1);
  }
  for (; next < completions && missing.length < count; next += 1) missing.push(next);
  return missing;
}

function merge(ranges: readonly (readonly [number, number])[]): IndexSet {
  const merged: [number, number][] = [];
  for (const [first, last] of ranges.toSorted((a, b) => a[0] - b[0] || a[1] - b[1])) {
    const previous = merged.at(-1);
    if (previous !== undefined && first <= previous[1] + 1)
      previous[1] = Math.max(previous[1], last);
    else merged.push([first, last]);
  }
  return merged;
}
