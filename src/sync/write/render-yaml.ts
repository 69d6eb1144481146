import { Document, isScalar, Scalar, visit } from "yaml";

/** How a file is written: what is put into it looks the same. */
export interface YamlStyle {
  /** Blanks per level. */
  readonly indent: number;
  /** Whether the dashes of a list stand further in than the name above them. */
  readonly indentsLists: boolean;
  /** Whether it is JSON, or written like it. */
  readonly isJson: boolean;
}

/** Words and digits that readers of other versions of YAML take for something else than text. */
const AMBIGUOUS =
  /^(?:y|n|yes|no|on|off|true|false|null|~|[-+]?(?:\.(?:inf|nan)|0[xob][\da-f_]+|\.?\d[\d_.,:e+-]*(?:t.*)?))$/i;

/**
 * Texts that do not stand safely as a block: one that begins with a blank needs a number of its own, which `yaml`
 * counts wrong within lists; empty lines at the end go with whatever is taken out behind them.
 */
const UNSAFE_BLOCK = /^\s[^]*\n|^\n|\n\s*\n$/;

/** The lines of a name and its value, as they stand in a block; not indented. Pure. */
export function renderPair(key: string, value: unknown, style: YamlStyle): readonly string[] {
  return toLines({ [key]: value }, style);
}

/** The lines of an element of a list with its dash; not indented. Pure. */
export function renderItem(value: unknown, style: YamlStyle): readonly string[] {
  return toLines([value], style);
}

/** A whole document. Pure. */
export function renderDocument(value: unknown, style: YamlStyle): string {
  return `${toLines(value, style).join("\n")}\n`;
}

/** A value within brackets, or a scalar, on one line. Pure. */
export function renderFlow(value: unknown, { isJson }: Pick<YamlStyle, "isJson">): string {
  if (isJson) return JSON.stringify(value);
  const document = new Document(value);
  visit(document, {
    Scalar: (_key, node) => {
      if (typeof node.value === "string" && node.value.includes("\n"))
        node.type = Scalar.QUOTE_DOUBLE;
      else quoteAmbiguous(node);
    },
    Collection: (_key, node) => {
      node.flow = true;
    },
  });
  return document.toString({ lineWidth: 0, flowCollectionPadding: false }).trimEnd();
}

/** A pair within brackets, on one line. Pure. */
export function renderFlowPair(key: string, value: unknown, style: YamlStyle): string {
  if (style.isJson) return `${JSON.stringify(key)}: ${JSON.stringify(value)}`;
  return renderFlow({ [key]: value }, style).slice(1, -1);
}

/** A scalar in the manner of the one that it replaces, on one line; `undefined` when that cannot be. Pure. */
export function renderScalar(value: unknown, like: Scalar): string | undefined {
  if (typeof value === "object" && value !== null) return undefined;
  if (typeof value !== "string") return JSON.stringify(value);
  if (value.includes("\n")) return undefined;
  const scalar = new Scalar(value);
  const { type } = like;
  const isQuoted = type === Scalar.QUOTE_DOUBLE || type === Scalar.QUOTE_SINGLE;
  if (isQuoted && typeof like.value === "string") scalar.type = type;
  else quoteAmbiguous(scalar);
  const text = new Document(scalar).toString({ lineWidth: 0 }).trimEnd();
  return text.includes("\n") ? JSON.stringify(value) : text;
}

function toLines(value: unknown, { indent, indentsLists }: YamlStyle): readonly string[] {
  // Without aliases: two equal values are two values.
  const document = new Document(value, { aliasDuplicateObjects: false });
  visit(document, { Scalar: (_key, node) => quoteAmbiguous(node) });
  const options = { indent, indentSeq: indentsLists, lineWidth: 0, blockQuote: "literal" } as const;
  return document.toString(options).replace(/\n$/, "").split("\n");
}

function quoteAmbiguous(node: Scalar): void {
  if (!isScalar(node) || typeof node.value !== "string") return;
  if (AMBIGUOUS.test(node.value) || UNSAFE_BLOCK.test(node.value)) node.type = Scalar.QUOTE_DOUBLE;
}
