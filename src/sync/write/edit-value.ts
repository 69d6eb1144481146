import { isAlias, isCollection, isMap, isScalar, isSeq, Scalar } from "yaml";
import type { Node, Pair, YAMLMap, YAMLSeq } from "yaml";
import { isSameJson } from "../../base/same-json.ts";
import { isFields } from "../../schema/fields.ts";
import { alignLists } from "./align-lists.ts";
import { EditError } from "./object-edit.ts";
import { editFlowMap, editFlowSeq, replaceFlow } from "./edit-flow.ts";
import { renderItem, renderPair, renderScalar, type YamlStyle } from "./render-yaml.ts";
import type { TextEdits } from "./text-edits.ts";
import { changedKeys, changeOf, newValue, stated, type Change } from "./wanted-value.ts";
import { contentEnd, endOf, keyText, pairOf, startOf } from "./yaml-nodes.ts";

/** A file on its way to another content. */
export interface EditContext {
  readonly edits: TextEdits;
  readonly style: YamlStyle;
}

/** The parts of a list's change. */
export interface ListChange {
  /** For each element that is wanted: the index of the one that stands there. */
  readonly origins: readonly (number | undefined)[];
  /** Elements of the list that go. */
  readonly removed: ReadonlySet<number>;
}

/**
 * Changes a map in place. False, and nothing done, when it has to be written anew as a whole. Throws `EditError` where
 * an alias stands in the way.
 */
export function editMap(map: YAMLMap, change: Change, context: EditContext): boolean {
  const isBare = map.items.length === 0 && !context.style.isJson;
  if (isBare) return false;
  const removed: Pair[] = [];
  const added: [string, unknown][] = [];
  const replaced: [Pair, Change][] = [];
  const inner: [Node, Change, Pair][] = [];
  for (const key of changedKeys(change)) {
    const field = changeOf(change, key);
    const pair = pairOf(map, key);
    const gone = field.after === undefined || field.written === undefined || field.written === null;
    if (pair === undefined) {
      const value = gone ? undefined : newValue(field);
      if (value !== undefined) added.push([key, value]);
    } else if (gone) removed.push(pair);
    else if (isAlias(pair.value)) throw generated(key);
    else if (isCollection(pair.value)) inner.push([pair.value, field, pair]);
    else replaced.push([pair, field]);
  }
  if (removed.length === map.items.length && added.length === 0) return false;
  for (const [node, field, pair] of inner) {
    if (!editNode(node, field, context)) replaced.push([pair, field]);
  }
  if (map.flow === true) {
    editFlowMap(map, { removed, added, replaced: replaced.map(toValue) }, context);
    return true;
  }
  for (const [pair, field] of replaced)
    replaceValue(pair, stated(field.written, field.after), context);
  for (const pair of removed) removePair(map, pair, context.edits);
  addPairs(map, added, context);
  return true;
}

function toValue([pair, field]: [Pair, Change]): [Pair, unknown] {
  return [pair, stated(field.written, field.after)];
}

function editNode(node: Node, change: Change, context: EditContext): boolean {
  const { before, after, written } = change;
  if (isMap(node) && isFields(before) && isFields(after) && isFields(written))
    return editMap(node, change, context);
  if (isSeq(node) && Array.isArray(before) && Array.isArray(after) && Array.isArray(written))
    return editSeq(node, change, context);
  return false;
}

function editSeq(seq: YAMLSeq, change: Change, context: EditContext): boolean {
  const lists = change as { readonly [Side in keyof Change]: readonly unknown[] };
  const plan = planList(seq, lists);
  if (plan === undefined) return false;
  const { edits } = context;
  const items = seq.items as Node[];
  const isPlain =
    seq.flow === true || items.every((item) => edits.isFirstInLine(dashOf(item, seq, edits)));
  if (!isPlain) return false;
  const replaced: [Node, unknown][] = [];
  for (const [index, from] of plan.origins.entries()) {
    const item = from === undefined ? undefined : items[from];
    if (item === undefined || from === undefined) continue;
    const field = {
      before: lists.before[from],
      after: lists.after[index],
      written: lists.written[index],
    };
    if (isSameJson(field.before, field.after)) continue;
    if (isAlias(item)) throw generated(String(index));
    if (!editNode(item, field, context)) replaced.push([item, stated(field.written, field.after)]);
  }
  const values = lists.written.map((item, index) => stated(item, lists.after[index]));
  if (seq.flow === true) {
    editFlowSeq(seq, { ...plan, values, replaced }, context);
    return true;
  }
  for (const [item, value] of replaced) replaceItem(item, dashOf(item, seq, edits), value, context);
  for (const index of plan.removed) {
    const item = items[index];
    if (item !== undefined)
      edits.removeLines(dashOf(item, seq, edits), contentEnd(item, edits.text));
  }
  insertItems(seq, plan, values, context);
  return true;
}

/** `undefined` when the list has to be written anew: nothing of it stays, or its order is another one. */
function planList(
  seq: YAMLSeq,
  { before, after, written }: { readonly [Side in keyof Change]: readonly unknown[] },
): ListChange | undefined {
  if (seq.items.length !== before.length || after.length !== written.length) return undefined;
  const origins = alignLists(before, after);
  const kept = origins.filter((index) => index !== undefined);
  if (kept.length === 0) return undefined;
  if (kept.some((index, at) => at > 0 && index < (kept[at - 1] ?? 0))) return undefined;
  const stays = new Set(kept);
  return { origins, removed: new Set([...before.keys()].filter((index) => !stays.has(index))) };
}

function insertItems(
  seq: YAMLSeq,
  { origins }: ListChange,
  values: readonly unknown[],
  { edits, style }: EditContext,
): void {
  const items = seq.items as Node[];
  const [first] = items;
  if (first === undefined) return;
  const margin = " ".repeat(edits.column(dashOf(first, seq, edits)));
  let previous: Node | undefined;
  for (const [index, from] of origins.entries()) {
    if (from !== undefined) {
      previous = items[from];
      continue;
    }
    const lines = indent(renderItem(values[index], style), margin);
    if (previous === undefined)
      edits.insert(edits.lineStart(dashOf(first, seq, edits)), `${lines.join("\n")}\n`);
    else edits.insertLinesAfter(contentEnd(previous, edits.text), lines);
  }
}

function replaceItem(item: Node, dash: number, value: unknown, context: EditContext): void {
  const { edits, style } = context;
  const scalar = isScalar(item) && isOneLine(item, edits) ? renderScalar(value, item) : undefined;
  if (scalar !== undefined) {
    edits.replace(startOf(item), endOf(item), scalar);
    return;
  }
  const lines = indent(renderItem(value, style), " ".repeat(edits.column(dash)));
  edits.replace(
    edits.lineStart(dash),
    edits.lineEnd(contentEnd(item, edits.text)),
    lines.join("\n"),
  );
}

function removePair(map: YAMLMap, pair: Pair, edits: TextEdits): void {
  const start = startOf(pair.key as Node);
  if (edits.isFirstInLine(start)) {
    edits.removeLines(start, contentEnd(pair, edits.text));
    return;
  }
  // The first name behind a dash: the next one takes its place.
  const next = map.items[map.items.indexOf(pair) + 1];
  if (next === undefined) edits.replace(start, edits.lineEnd(contentEnd(pair, edits.text)), "{}");
  else edits.replace(start, startOf(next.key as Node), "");
}

function addPairs(
  map: YAMLMap,
  added: readonly (readonly [string, unknown])[],
  { edits, style }: EditContext,
): void {
  const [first] = map.items;
  const last = map.items.at(-1);
  if (added.length === 0 || first === undefined || last === undefined) return;
  const margin = " ".repeat(edits.column(startOf(first.key as Node)));
  const lines = added.flatMap(([key, value]) => indent(renderPair(key, value, style), margin));
  edits.insertLinesAfter(contentEnd(last, edits.text), lines);
}

/** Writes another value behind a name of a block. */
export function replaceValue(pair: Pair, value: unknown, context: EditContext): void {
  const { edits, style } = context;
  const key = pair.key as Node;
  const old = pair.value as Node | null;
  if (old !== null && isCollection(old) && old.flow === true && isScalarOrSmall(value)) {
    replaceFlow(old, value, context);
    return;
  }
  if (isScalar(old) && isOneLine(old, edits)) {
    const scalar = renderScalar(value, old);
    if (scalar !== undefined) {
      const isEmpty = startOf(old) === endOf(old);
      if (isEmpty) edits.insert(colonOf(pair, edits) + 1, ` ${scalar}`);
      else edits.replace(startOf(old), endOf(old), scalar);
      return;
    }
  }
  const column = edits.column(startOf(key));
  const own = { ...style, indent: scalarIndent(old, column, edits) ?? style.indent };
  const [head = "", ...rest] = renderPair("k", value, own);
  const comment = commentOf(pair, old, edits);
  const lines = [`${head.slice(1)}${comment}`, ...indent(rest, " ".repeat(column))];
  const end =
    old === null ? edits.lineEnd(endOf(key)) : edits.lineEnd(contentEnd(pair, edits.text));
  edits.replace(endOf(key), end, lines.join("\n"));
}

/** The comment behind the name, or behind its value on the same line. */
function commentOf(pair: Pair, old: Node | null, edits: TextEdits): string {
  const colon = colonOf(pair, edits);
  const line = edits.lineEnd(colon);
  const isBeside = old === null || !isOneLine(old, edits);
  const from = isBeside ? colon + 1 : Math.max(endOf(old), colon + 1);
  const match = /(?:^|\s)(#.*)$/.exec(edits.text.slice(from, line));
  return match === null ? "" : ` ${match[1] ?? ""}`;
}

function colonOf(pair: Pair, edits: TextEdits): number {
  const at = edits.text.indexOf(":", endOf(pair.key as Node));
  if (at < 0) throw new EditError("not-editable", `"${keyText(pair)}" has no value`);
  return at;
}

function isOneLine(node: Node, edits: TextEdits): boolean {
  const isBlock =
    isScalar(node) && (node.type === Scalar.BLOCK_LITERAL || node.type === Scalar.BLOCK_FOLDED);
  return !isBlock && !edits.text.slice(startOf(node), endOf(node)).includes("\n");
}

/** How far the lines of a text block stand in: they keep that, and so are not changed themselves. */
function scalarIndent(node: Node | null, column: number, edits: TextEdits): number | undefined {
  if (!isScalar(node) || isOneLine(node, edits)) return undefined;
  const line = /\n( *)[^\s]/.exec(edits.text.slice(startOf(node), endOf(node)));
  const own = (line?.[1]?.length ?? 0) - column;
  return own > 0 ? own : undefined;
}

function isScalarOrSmall(value: unknown): boolean {
  if (typeof value === "string") return !value.includes("\n");
  return typeof value !== "object" || value === null || Object.keys(value).length === 0;
}

function dashOf(item: Node, seq: YAMLSeq, edits: TextEdits): number {
  const token = seq.srcToken;
  if (token?.type === "block-seq") {
    const entry = token.items[seq.items.indexOf(item)];
    const dash = entry?.start.find(({ type }) => type === "seq-item-ind");
    if (dash !== undefined) return dash.offset;
  }
  return edits.text.lastIndexOf("-", startOf(item) - 1);
}

function indent(lines: readonly string[], margin: string): readonly string[] {
  return lines.map((line) => (line === "" ? line : margin + line));
}

function generated(field: string): EditError {
  return new EditError("generated", `"${field}" is an alias of an anchor`);
}
