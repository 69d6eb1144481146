import { isAlias, isMap, isScalar, isSeq, Scalar } from "yaml";
import type { Alias, Node, Pair, YAMLMap } from "yaml";
import { quote } from "./finding.ts";
import type { TextProblem } from "./finding.ts";
import { otherReading } from "./yaml-words.ts";

/** Values that a document may come to with its aliases written out: an anchor bomb has billions. */
const MAX_EXPANDED_VALUES = 200_000;
/** Mistakes of one document after which the rest is not listed. */
const MAX_PROBLEMS = 20;

export interface PlainValue {
  /** `undefined` when there are problems. */
  readonly value: unknown;
  readonly problems: readonly TextProblem[];
  /** Plain words that other programs take for something else. */
  readonly warnings: readonly TextProblem[];
  /** What each alias stands for. */
  readonly aliases: ReadonlyMap<Alias, Node>;
}

/** The maps, lists and scalars of a parsed document, aliases and merge keys resolved. Pure. */
export function plainValue(contents: Node | null, maxDepth: number): PlainValue {
  const reader = new Reader(maxDepth);
  const value = reader.read(contents, 0);
  const { problems, warnings, aliases } = reader;
  return { value: problems.length === 0 ? value : undefined, problems, warnings, aliases };
}

interface Anchor {
  readonly node: Node;
  /** Absent while the anchor's own node is being read. */
  read?: { readonly value: unknown; readonly count: number; readonly height: number };
}

/** One walk over a document, in the order of the text, since an alias means the last anchor before it. */
class Reader {
  readonly problems: TextProblem[] = [];
  readonly warnings: TextProblem[] = [];
  readonly aliases = new Map<Alias, Node>();
  readonly #maxDepth: number;
  readonly #anchors = new Map<string, Anchor>();
  /** Values so far, each alias counted with all that it stands for. */
  #count = 0;
  /** The deepest level since the value in hand was begun. */
  #deepest = 0;
  /** The name before the value in hand. */
  #field: string | undefined;

  constructor(maxDepth: number) {
    this.#maxDepth = maxDepth;
  }

  read(node: Node | null | undefined, depth: number): unknown {
    if (node === null || node === undefined) return null;
    if (isAlias(node)) return this.#readAlias(node, depth);
    const before = this.#count;
    const deepestBefore = this.#deepest;
    this.#count++;
    this.#deepest = depth;
    const anchor = this.#open(node);
    const value = this.#readContent(node, depth);
    if (anchor !== undefined) {
      anchor.read = { value, count: this.#count - before, height: this.#deepest - depth };
    }
    this.#deepest = Math.max(this.#deepest, deepestBefore);
    return value;
  }

  #open(node: Node): Anchor | undefined {
    const name = "anchor" in node ? node.anchor : undefined;
    if (name === undefined) return undefined;
    const anchor: Anchor = { node };
    this.#anchors.set(name, anchor);
    return anchor;
  }

  #readContent(node: Node, depth: number): unknown {
    if (isScalar(node)) {
      const value = scalarValue(node);
      this.#warn(node, value);
      return value;
    }
    if (depth >= this.#maxDepth) {
      this.#add("yaml/depth", node, `The text nests more than ${this.#maxDepth} maps and lists`);
      return null;
    }
    if (isMap(node)) return this.#readMap(node, depth + 1);
    if (isSeq(node)) {
      const list: unknown[] = [];
      for (const item of node.items) {
        if (this.#isFull()) break;
        this.#field = undefined;
        list.push(this.read(item as Node | null, depth + 1));
      }
      return list;
    }
    return null;
  }

  #readMap(map: YAMLMap, depth: number): Record<string, unknown> {
    const fields: Record<string, unknown> = {};
    const stated = new Set<string>();
    for (const pair of map.items as Pair<Node, Node | null>[]) {
      if (this.#isFull()) break;
      const name = this.#readName(pair.key);
      if (name === undefined) continue;
      if (name === "<<" && isPlain(pair.key)) {
        this.#merge(fields, pair.value ?? pair.key, this.read(pair.value, depth));
        continue;
      }
      if (stated.has(name)) {
        const hint = "keep one of the two";
        this.#add(
          "yaml/duplicate-key",
          pair.key,
          `The name ${quote(name)} stands twice in one map`,
          hint,
        );
      }
      stated.add(name);
      this.#field = undefined;
      if (isScalar(pair.key)) this.#warn(pair.key, name);
      this.#field = name;
      fields[name] = this.read(pair.value, depth);
    }
    return fields;
  }

  #readName(key: Node): string | undefined {
    const target = isAlias(key) ? this.#anchors.get(key.source)?.node : key;
    if (isScalar(key)) {
      const anchor = this.#open(key);
      if (anchor !== undefined) anchor.read = { value: key.value, count: 1, height: 0 };
    }
    const name = isScalar(target) ? String(target.value) : undefined;
    if (
      name === undefined ||
      name === "__proto__" ||
      (name === "" && isScalar(key) && key.source === "")
    ) {
      const what =
        name === "__proto__" ? "__proto__ cannot be a name" : "A name must be plain text";
      this.#add("yaml/key", key, what);
      return undefined;
    }
    return name;
  }

  /** `<<`: names that the map does not state itself, the first source first. */
  #merge(fields: Record<string, unknown>, node: Node, value: unknown): void {
    if (this.#isFull()) return;
    for (const source of Array.isArray(value) ? (value as unknown[]) : [value]) {
      if (typeof source !== "object" || source === null || Array.isArray(source)) {
        this.#add("yaml/key", node, "<< must be given a map, or a list of maps");
        return;
      }
      for (const [name, item] of Object.entries(source)) {
        if (!Object.hasOwn(fields, name)) fields[name] = item;
      }
    }
  }

  #readAlias(alias: Alias, depth: number): unknown {
    const anchor = this.#anchors.get(alias.source);
    if (anchor === undefined) {
      const hint = `write &${alias.source} before it, or put the text in quotes`;
      this.#add("yaml/alias", alias, `The alias *${alias.source} has no anchor`, hint);
      return null;
    }
    if (anchor.read === undefined) {
      this.#add("yaml/alias", alias, `The alias *${alias.source} stands inside its own anchor`);
      return null;
    }
    this.aliases.set(alias, anchor.node);
    this.#deepest = Math.max(this.#deepest, depth + anchor.read.height);
    if (this.#deepest > this.#maxDepth) {
      this.#add("yaml/depth", alias, `Aliases nest more than ${this.#maxDepth} maps and lists`);
      return null;
    }
    const before = this.#count;
    this.#count += anchor.read.count;
    if (this.#count > MAX_EXPANDED_VALUES && before <= MAX_EXPANDED_VALUES) {
      this.#add(
        "yaml/expansion",
        alias,
        `Aliases make more than ${MAX_EXPANDED_VALUES} values of this document`,
        "write out what is needed",
      );
    }
    return this.#isFull() ? null : anchor.read.value;
  }

  #isFull(): boolean {
    return this.problems.length >= MAX_PROBLEMS || this.#count > MAX_EXPANDED_VALUES * 5;
  }

  #warn(node: Scalar, value: unknown): void {
    if (!isPlain(node) || node.source === undefined || this.warnings.length >= MAX_PROBLEMS) return;
    const other = otherReading(node.source, this.#field);
    if (other === undefined) return;
    const { source } = node;
    const shown = typeof value === "string" ? "text" : String(value);
    this.warnings.push({
      code: "yaml/ambiguous",
      message: `${source} is read as ${shown}, but ${other}`,
      offset: node.range?.[0] ?? 0,
      hint: `write "${source}" for text, or the value that is meant`,
    });
  }

  #add(code: TextProblem["code"], node: Node, message: string, hint?: string): void {
    if (this.problems.length >= MAX_PROBLEMS) return;
    const once = code === "yaml/depth" || code === "yaml/expansion";
    if (once && this.problems.some((problem) => problem.code === code)) return;
    const offset = node.range?.[0] ?? 0;
    this.problems.push({ code, message, offset, ...(hint === undefined ? {} : { hint }) });
  }
}

function isPlain(node: Node): boolean {
  return isScalar(node) && (node.type === undefined || node.type === Scalar.PLAIN);
}

function scalarValue(node: Scalar): unknown {
  const { value } = node;
  if (typeof value === "string" || typeof value === "boolean" || value === null) return value;
  if (typeof value === "number") return value;
  return node.source ?? null;
}
