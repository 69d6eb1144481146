import { Composer, Lexer, LineCounter, Parser, Schema } from "yaml";
import type { CST, Document, ScalarTag } from "yaml";
import type { TextProblem } from "./finding.ts";
import { plainValue } from "./plain-value.ts";
import type { PlainValue } from "./plain-value.ts";
import { explainYamlError } from "./yaml-errors.ts";
import { locateField } from "./yaml-place.ts";
import type { Place } from "./yaml-place.ts";
import type { YamlDocument, YamlFile } from "./yaml-file.ts";
import { OCTAL_DIGITS } from "./yaml-words.ts";

/** Levels of maps and lists inside each other. Kubernetes' deepest types need about 40. */
const MAX_DEPTH = 100;
/** Documents in one file, far above what people read. */
const MAX_DOCUMENTS = 10_000;
/** Pieces (names, values, signs, spaces) of one text: about 0.7 MB of dense manifests, 100 MB of memory, half a second. */
const MAX_TOKENS = 300_000;
/** Pieces that cannot stand where they are, after which the rest of a file is not worth reading. */
const MAX_ERROR_TOKENS = 20;

/** `0644` is octal, as kubectl reads it; YAML 1.2 alone would take it for 644. */
const OCTAL: ScalarTag = {
  tag: "tag:yaml.org,2002:int",
  default: true,
  test: OCTAL_DIGITS,
  resolve: (text) => Number.parseInt(text, 8),
};

const YAML_CORE = new Schema({
  schema: "core",
  customTags: (tags) => [OCTAL, ...tags],
  resolveKnownTags: false,
});

/**
 * All documents of a text as `yaml` reads it, with the places of all that is in it.
 * Never throws, and takes time in proportion to the text. Pure.
 */
export function composeYaml(text: string): YamlFile {
  const lines = new LineCounter();
  const { documents, problem } = composeAll(text, lines);
  return {
    documents: documents.map((document) => toDocument(document, text)),
    problems: problem === undefined ? [] : [problem],
    positionAt: (offset) => {
      const { line, col } = lines.linePos(Math.min(Math.max(offset, 0), text.length));
      return { line: Math.max(line, 1), column: Math.max(col, 1) };
    },
  };
}

interface Composed {
  readonly documents: readonly Document.Parsed[];
  readonly problem?: TextProblem;
}

/** The parser keeps its own stack and the composer recurses: so depth is measured between the two. */
function composeAll(text: string, lines: LineCounter): Composed {
  const parser = new Parser(lines.addNewLine);
  const composer = new Composer({
    schema: YAML_CORE,
    version: "1.2",
    stringKeys: true,
    uniqueKeys: false,
    prettyErrors: false,
    logLevel: "silent",
  });
  lines.addNewLine(0);
  const documents: Document.Parsed[] = [];
  let tokens = 0;
  let errorTokens = 0;
  const take = (token: CST.Token): void => {
    if (token.type === "error") errorTokens++;
    for (const document of composer.next(token)) documents.push(document);
  };
  for (const lexeme of new Lexer().lex(text)) {
    for (const token of parser.next(lexeme)) take(token);
    tokens++;
    const problem = overLimit(parser, documents.length, tokens);
    if (problem !== undefined) return { documents: [], problem };
    if (errorTokens > MAX_ERROR_TOKENS) break;
  }
  for (const token of parser.end()) take(token);
  for (const document of composer.end()) documents.push(document);
  const problem = overLimit(parser, documents.length, tokens);
  return problem === undefined ? { documents } : { documents: [], problem };
}

function overLimit(parser: Parser, documents: number, tokens: number): TextProblem | undefined {
  const { offset } = parser;
  // The document itself and the scalar in hand stand in the stack too.
  if (parser.stack.length > MAX_DEPTH + 2) {
    return {
      code: "yaml/depth",
      message: `The text nests more than ${MAX_DEPTH} maps and lists`,
      offset,
      hint: "flatten it; no manifest needs that depth",
    };
  }
  if (documents > MAX_DOCUMENTS) {
    return {
      code: "yaml/documents",
      message: `The file has more than ${MAX_DOCUMENTS} documents`,
      offset,
      hint: "split the file",
    };
  }
  if (tokens > MAX_TOKENS) {
    return {
      code: "file/too-complex",
      message: `The file has more than ${MAX_TOKENS} names, values and signs`,
      offset,
      hint: "split the file",
    };
  }
  return undefined;
}

function toDocument(document: Document.Parsed, text: string): YamlDocument {
  const [error] = document.errors;
  const [warning] = document.warnings;
  const { contents } = document;
  const start = contents?.range[0] ?? document.range[0];
  const locateRoot = (): Place => ({ offset: start });
  const first = error ?? warning;
  if (first !== undefined) {
    const problem = explainYamlError({ code: first.code, offset: first.pos[0], text, contents });
    return { value: undefined, problems: [problem], warnings: [], locate: locateRoot };
  }
  const plain: PlainValue = plainValue(contents, MAX_DEPTH);
  return {
    value: plain.value,
    problems: plain.problems,
    warnings: plain.warnings,
    locate: (path, on) => locateField({ contents, aliases: plain.aliases, path, on, start }),
  };
}
