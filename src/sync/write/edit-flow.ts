import type { Node, Pair, YAMLMap, YAMLSeq } from "yaml";
import { renderFlow, renderFlowPair, type YamlStyle } from "./render-yaml.ts";
import type { TextEdits } from "./text-edits.ts";
import { endOf, startOf } from "./yaml-nodes.ts";

interface FlowContext {
  readonly edits: TextEdits;
  readonly style: YamlStyle;
}

/** Changes what stands in `{}`. */
export function editFlowMap(
  map: YAMLMap,
  change: {
    readonly removed: readonly Pair[];
    readonly added: readonly (readonly [string, unknown])[];
    readonly replaced: readonly (readonly [Pair, unknown])[];
  },
  context: FlowContext,
): void {
  const { edits, style } = context;
  for (const [pair, value] of change.replaced) {
    if (pair.value === null) edits.insert(endOf(pair.key as Node), `: ${renderFlow(value, style)}`);
    else replaceFlow(pair.value as Node, value, context);
  }
  const parts = map.items.map((pair) => ({
    start: startOf(pair.key as Node),
    end: Math.max(endOf(pair.key as Node), pair.value === null ? 0 : endOf(pair.value as Node)),
  }));
  const gone = new Set(change.removed.map((pair) => map.items.indexOf(pair)));
  const pair =
    (margin: string) =>
    ([key, value]: readonly [string, unknown]) =>
      style.isJson && margin !== ""
        ? `${JSON.stringify(key)}: ${prettyJson(value, margin, style)}`
        : renderFlowPair(key, value, style);
  const multiline = multilineMargin(startOf(map), parts[0], edits);
  removeParts(parts, gone, edits);
  const texts = change.added.map(pair(multiline ?? ""));
  const last = parts.findLast((_, index) => !gone.has(index));
  if (texts.length === 0) return;
  if (last === undefined) fill(map, texts, context);
  else edits.insert(last.end, join(texts, multiline));
}

/** Changes what stands in `[]`. */
export function editFlowSeq(
  seq: YAMLSeq,
  change: {
    readonly origins: readonly (number | undefined)[];
    readonly removed: ReadonlySet<number>;
    readonly values: readonly unknown[];
    readonly replaced: readonly (readonly [Node, unknown])[];
  },
  context: FlowContext,
): void {
  const { edits, style } = context;
  for (const [item, value] of change.replaced) replaceFlow(item, value, context);
  const parts = (seq.items as Node[]).map((item) => ({ start: startOf(item), end: endOf(item) }));
  const margin = multilineMargin(startOf(seq), parts[0], edits);
  removeParts(parts, change.removed, edits);
  let previous: Part | undefined;
  const first = parts.find((_, index) => !change.removed.has(index));
  for (const [index, from] of change.origins.entries()) {
    if (from !== undefined) {
      previous = parts[from];
      continue;
    }
    const value = change.values[index];
    const text =
      style.isJson && margin !== undefined
        ? prettyJson(value, margin, style)
        : renderFlow(value, style);
    if (previous !== undefined) edits.insert(previous.end, join([text], margin));
    else if (first !== undefined)
      edits.insert(first.start, margin === undefined ? `${text}, ` : `${text},\n${margin}`);
  }
}

/** Writes another value in place of one within brackets, or in place of the brackets themselves. */
export function replaceFlow(old: Node, value: unknown, { edits, style }: FlowContext): void {
  const start = startOf(old);
  const margin = /^\s*/.exec(edits.text.slice(edits.lineStart(start), start))?.[0] ?? "";
  const text = style.isJson ? prettyJson(value, margin, style) : renderFlow(value, style);
  edits.replace(start, endOf(old), text);
}

interface Part {
  readonly start: number;
  readonly end: number;
}

/** Takes parts out with the comma that belongs to each. */
function removeParts(parts: readonly Part[], removed: ReadonlySet<number>, edits: TextEdits): void {
  const lastKept = parts.findLastIndex((_, index) => !removed.has(index));
  for (const [index, part] of parts.entries()) {
    if (!removed.has(index) || index > lastKept) continue;
    const next = parts[index + 1];
    if (next !== undefined) edits.replace(part.start, next.start, "");
  }
  const kept = parts[lastKept];
  const last = parts.at(-1);
  if (last === undefined || lastKept === parts.length - 1) return;
  if (kept !== undefined) edits.replace(kept.end, last.end, "");
  else edits.replace(parts[0]?.start ?? last.start, last.end, "");
}

/** The margin of the parts when each stands on a line of its own. */
function multilineMargin(
  open: number,
  first: Part | undefined,
  edits: TextEdits,
): string | undefined {
  if (first === undefined || !edits.text.slice(open, first.start).includes("\n")) return undefined;
  return " ".repeat(edits.column(first.start));
}

function join(texts: readonly string[], margin: string | undefined): string {
  return texts.map((text) => (margin === undefined ? `, ${text}` : `,\n${margin}${text}`)).join("");
}

/** The first things between empty brackets. */
function fill(node: YAMLMap, texts: readonly string[], { edits, style }: FlowContext): void {
  const [first] = node.items;
  if (first !== undefined) {
    edits.insert(startOf(first.key as Node), texts.join(", "));
    return;
  }
  const open = startOf(node);
  if (!style.isJson || !edits.text.includes("\n")) {
    edits.replace(open, endOf(node), `{${texts.join(", ")}}`);
    return;
  }
  const margin = /^\s*/.exec(edits.text.slice(edits.lineStart(open), open))?.[0] ?? "";
  const inner = margin + " ".repeat(style.indent);
  edits.replace(open, endOf(node), `{\n${inner}${texts.join(`,\n${inner}`)}\n${margin}}`);
}

function prettyJson(value: unknown, margin: string, { indent }: YamlStyle): string {
  return JSON.stringify(value, null, indent).replaceAll("\n", `\n${margin}`);
}
