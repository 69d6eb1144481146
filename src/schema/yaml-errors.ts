import { isScalar, visit } from "yaml";
import type { ErrorCode, Node } from "yaml";
import type { TextProblem } from "./finding.ts";

export interface YamlMistake {
  readonly code: ErrorCode;
  readonly offset: number;
  readonly text: string;
  /** What could be made of the document. */
  readonly contents: Node | null;
}

interface Explanation {
  readonly message: string;
  readonly hint?: string;
}

const INDENT: Explanation = {
  message: "The indentation of this line fits nothing above it",
  hint: "give all fields of a map the same number of spaces",
};

const EXPLANATIONS: Readonly<Partial<Record<ErrorCode, Explanation>>> = {
  ALIAS_PROPS: { message: "An alias cannot have an anchor or a tag" },
  BAD_ALIAS: { message: "This is no alias", hint: "put text that begins with * or & in quotes" },
  BAD_COLLECTION_TYPE: { message: "The tag does not fit what it stands before" },
  BAD_DIRECTIVE: {
    message: "A line that begins with % must be a YAML directive",
    hint: "remove it, or put the text in quotes",
  },
  BAD_DQ_ESCAPE: {
    message: "This escape is not known in double quotes",
    hint: "write \\\\ for a backslash, or use single quotes",
  },
  BAD_INDENT: INDENT,
  BAD_PROP_ORDER: { message: "An anchor or tag must stand before its value" },
  BAD_SCALAR_START: {
    message: "Plain text cannot begin with this character",
    hint: "put the value in quotes",
  },
  BLOCK_AS_IMPLICIT_KEY: {
    message: "A second `name: value` cannot stand here",
    hint: "put text with a colon in quotes, and check the indentation of the next line",
  },
  BLOCK_IN_FLOW: {
    message: "Lists and maps inside [ ] or { } must be written with [ ] or { }",
  },
  KEY_OVER_1024_CHARS: { message: "A name can have at most 1024 characters" },
  MISSING_CHAR: {
    message: "Something is missing here",
    hint: "write `name: value` with a colon and a space, and close what is open",
  },
  MULTILINE_IMPLICIT_KEY: {
    message: "A name must be followed by a colon and a space on the same line",
    hint: "write `name: value`",
  },
  MULTIPLE_ANCHORS: { message: "A value can have at most one anchor" },
  MULTIPLE_TAGS: { message: "A value can have at most one tag" },
  UNEXPECTED_TOKEN: {
    message: "This cannot stand here",
    hint: "put text with special characters in quotes",
  },
};

/** What a parser's complaint means to the author of a manifest: tabs, templates and merge conflicts by name. Pure. */
export function explainYamlError(mistake: YamlMistake): TextProblem {
  const { code, text, contents } = mistake;
  const offset = Math.min(mistake.offset, text.length);
  const special = explainLine(text, offset) ?? explainQuote(mistake);
  if (special !== undefined) return special;
  if (code === "TAG_RESOLVE_FAILED") {
    return {
      code: "yaml/tag",
      message: "Tags such as !name are not supported, nor is a value that does not fit its tag",
      offset,
      hint: "remove the tag",
    };
  }
  if (code === "NON_STRING_KEY") {
    return {
      code: "yaml/key",
      message: "A name must be plain text",
      offset,
      hint: "put it in quotes",
    };
  }
  const explanation = EXPLANATIONS[code] ?? {
    message: contents === null ? "This is no YAML" : "The YAML is broken here",
  };
  return { code: "yaml/syntax", offset, ...explanation };
}

const TEMPLATE_HINT = "render templates first (helm template), or put {{ … }} in quotes";

/** Mistakes that the line itself gives away. */
function explainLine(text: string, offset: number): TextProblem | undefined {
  const start = text.lastIndexOf("\n", offset - 1) + 1;
  const end = text.indexOf("\n", offset);
  const line = text.slice(start, end < 0 ? text.length : end);
  if (/^(?:<{7}|={7}|>{7})(?: |\r?$)/.test(line)) {
    return {
      code: "yaml/conflict-marker",
      message: "A merge conflict was committed unresolved",
      offset: start,
      hint: "keep one side and remove the markers",
    };
  }
  const tab = /^ *\t/.exec(line);
  if (tab !== null) {
    return {
      code: "yaml/tab",
      message: "A tab cannot indent YAML",
      offset: start + tab[0].length - 1,
      hint: "use spaces",
    };
  }
  const brace = line.indexOf("{{");
  if (brace >= 0) {
    return {
      code: "yaml/template",
      message: "A template such as Helm's is no manifest",
      offset: start + brace,
      hint: TEMPLATE_HINT,
    };
  }
  return undefined;
}

/** A quote that is never closed swallows the rest of the document: its start is what helps. */
function explainQuote({ code, text, offset, contents }: YamlMistake): TextProblem | undefined {
  if (code !== "MISSING_CHAR" || contents === null) return undefined;
  let start: number | undefined;
  visit(contents, {
    Scalar: (_key, node) => {
      if (!isScalar(node) || node.range === undefined || node.range === null) return undefined;
      const quoted = node.type === "QUOTE_DOUBLE" || node.type === "QUOTE_SINGLE";
      if (!quoted || node.range[0] > offset || node.range[1] < offset) return undefined;
      start = node.range[0];
      return visit.BREAK;
    },
  });
  if (start === undefined) return undefined;
  return {
    code: "yaml/syntax",
    message: `The quote ${text[start] ?? ""} is never closed`,
    offset: start,
    hint: "close it on the same line",
  };
}
