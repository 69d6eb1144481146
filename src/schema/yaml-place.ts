import { isAlias, isMap, isScalar, isSeq } from "yaml";
import type { Alias, Node, Pair } from "yaml";
import type { FieldPath } from "./finding.ts";

/** Where something stands in a text. */
export interface Place {
  readonly offset: number;
  /** A scalar as it is written, for instance `1.0`. */
  readonly source?: string;
}

export interface Search {
  readonly contents: Node | null;
  readonly aliases: ReadonlyMap<Alias, Node>;
  readonly path: FieldPath;
  readonly on: "key" | "value";
  /** Where the document begins. */
  readonly start: number;
}

/**
 * Where a field of a document, or its name, stands. For a field that is not there: the name of the nearest thing
 * around it that is. Pure.
 */
export function locateField({ contents, aliases, path, on, start }: Search): Place {
  let node: Node | null = contents;
  let key: Node | undefined;
  for (const part of path) {
    const step = stepInto(resolve(node, aliases), part, aliases);
    if (step === undefined) return placeOf(key ?? node, start);
    ({ key, node } = step);
  }
  const wanted = on === "key" || isEmpty(node) ? (key ?? node) : node;
  const place = placeOf(wanted, start);
  const target = resolve(node, aliases);
  return isScalar(target) && target.source !== undefined
    ? { ...place, source: target.source }
    : place;
}

interface Step {
  readonly key: Node | undefined;
  readonly node: Node | null;
}

function stepInto(
  node: Node | null,
  part: string | number,
  aliases: Search["aliases"],
): Step | undefined {
  if (isSeq(node)) {
    const item = typeof part === "number" ? node.items[part] : undefined;
    return item === undefined ? undefined : { key: undefined, node: item as Node };
  }
  if (!isMap(node)) return undefined;
  const pairs = node.items as Pair<Node, Node | null>[];
  const own = pairs.find((pair) => nameOf(resolve(pair.key, aliases)) === String(part));
  if (own !== undefined) return { key: own.key, node: own.value };
  for (const pair of pairs) {
    if (nameOf(pair.key) !== "<<") continue;
    const source = resolve(pair.value, aliases);
    for (const item of isSeq(source) ? (source.items as Node[]) : [source]) {
      const step = stepInto(resolve(item, aliases), part, aliases);
      if (step !== undefined) return step;
    }
  }
  return undefined;
}

function resolve(node: Node | null, aliases: Search["aliases"]): Node | null {
  return isAlias(node) ? (aliases.get(node) ?? null) : node;
}

function nameOf(node: Node | null): string | undefined {
  return isScalar(node) ? String(node.value) : undefined;
}

/** Nothing was written: the place of the name says more than the end of its line. */
function isEmpty(node: Node | null): boolean {
  return node === null || (isScalar(node) && node.source === "" && node.value === null);
}

function placeOf(node: Node | null | undefined, start: number): Place {
  return { offset: node?.range?.[0] ?? start };
}
