import { isCollection, isMap, isScalar, Scalar } from "yaml";
import type { Node, Pair, YAMLMap } from "yaml";

/** Where the text of a node begins. Pure. */
export function startOf(node: Node): number {
  return node.range?.[0] ?? 0;
}

/** Where the text of a node ends, without comments. Pure. */
export function endOf(node: Node): number {
  return node.range?.[1] ?? 0;
}

/** An offset in the last line of a node's own text, or of a pair's. Pure. */
export function contentEnd(part: Node | Pair | null, text: string): number {
  if (part === null) return 0;
  if ("key" in part) {
    const key = part.key as Node;
    const value = part.value as Node | null;
    const ofValue = value === null ? 0 : contentEnd(value, text);
    return Math.max(endOf(key), ofValue);
  }
  if (isCollection(part) && part.flow !== true) {
    const last = part.items.at(-1) as Node | Pair | undefined;
    if (last !== undefined) return Math.max(startOf(part), contentEnd(last, text));
  }
  const end = endOf(part);
  const isBlock =
    isScalar(part) && (part.type === Scalar.BLOCK_LITERAL || part.type === Scalar.BLOCK_FOLDED);
  // A block of text ends behind its last line end.
  return isBlock && text[end - 1] === "\n" ? end - 1 : end;
}

/** The pair of that name in a map. Pure. */
export function pairOf(map: YAMLMap, key: string): Pair | undefined {
  return map.items.find((pair) => keyText(pair) === key);
}

/** A pair's name. Pure. */
export function keyText({ key }: Pair): string | undefined {
  return isScalar(key) ? String(key.value) : undefined;
}

/** The value of a field that is plain text. Pure. */
export function textAt(node: unknown, ...path: readonly string[]): string | undefined {
  let at: unknown = node;
  for (const key of path) at = isMap(at) ? pairOf(at, key)?.value : undefined;
  return isScalar(at) && typeof at.value === "string" ? at.value : undefined;
}
