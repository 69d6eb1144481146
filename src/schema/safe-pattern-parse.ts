/** A pattern as a tree. */
export type Pattern =
  | { readonly kind: "one"; readonly accepts: Accepts }
  | { readonly kind: "start" | "end" }
  | { readonly kind: "sequence" | "choice"; readonly parts: readonly Pattern[] }
  | {
      readonly kind: "repeat";
      readonly part: Pattern;
      readonly least: number;
      readonly most: number;
    };

type Accepts = (code: number) => boolean;

/** Longest pattern, and deepest groups in groups. */
const MAX_LENGTH = 2000;
const MAX_DEPTH = 50;
/** As in RE2. */
const MAX_REPEAT = 1000;

/** The tree of a pattern; `undefined` when it is broken, too large, or has something unknown. Pure. */
export function parsePattern(source: string): Pattern | undefined {
  if (source.length > MAX_LENGTH) return undefined;
  const parser = new Parser(source);
  const pattern = parser.choice(0);
  return parser.isBroken || !parser.isAtEnd ? undefined : pattern;
}

const DIGIT: Accepts = (code) => code >= 0x30 && code <= 0x39;
const WORD: Accepts = (code) => /[0-9A-Za-z_]/.test(String.fromCodePoint(code));
const SPACE: Accepts = (code) => " \t\n\r\f".includes(String.fromCodePoint(code));
const CLASSES: Readonly<Record<string, Accepts>> = {
  d: DIGIT,
  D: (code) => !DIGIT(code),
  w: WORD,
  W: (code) => !WORD(code),
  s: SPACE,
  S: (code) => !SPACE(code),
};
const CONTROLS: Readonly<Record<string, string>> = {
  n: "\n",
  t: "\t",
  r: "\r",
  f: "\f",
  v: "\v",
  a: "\u0007",
};
const NOTHING: Pattern = { kind: "sequence", parts: [] };

class Parser {
  isBroken = false;
  readonly #characters: readonly string[];
  #at = 0;

  constructor(source: string) {
    this.#characters = Array.from(source);
  }

  get isAtEnd(): boolean {
    return this.#at >= this.#characters.length;
  }

  choice(depth: number): Pattern {
    if (depth > MAX_DEPTH) return this.#fail();
    const parts = [this.#sequence(depth)];
    while (this.#take("|")) parts.push(this.#sequence(depth));
    return parts.length === 1 ? (parts[0] ?? NOTHING) : { kind: "choice", parts };
  }

  #sequence(depth: number): Pattern {
    const parts: Pattern[] = [];
    while (!this.isAtEnd && !this.isBroken && this.#next !== "|" && this.#next !== ")") {
      parts.push(this.#repeated(this.#atom(depth)));
    }
    return { kind: "sequence", parts };
  }

  #repeated(part: Pattern): Pattern {
    const counts = this.#counts();
    if (counts === undefined) return part;
    // Lazy or not: whether there is a match does not depend on it.
    this.#take("?");
    const [least, most] = counts;
    if (least > most || least > MAX_REPEAT || (most > MAX_REPEAT && most !== Infinity)) {
      return this.#fail();
    }
    if (this.#counts() !== undefined) return this.#fail();
    return { kind: "repeat", part, least, most };
  }

  #counts(): readonly [number, number] | undefined {
    if (this.#take("*")) return [0, Infinity];
    if (this.#take("+")) return [1, Infinity];
    if (this.#take("?")) return [0, 1];
    const rest = this.#characters.slice(this.#at, this.#at + 12).join("");
    const match = /^\{(\d{1,4})(?:(,)(\d{0,4}))?\}/.exec(rest);
    if (match === null) return undefined;
    this.#at += match[0].length;
    const least = Number(match[1]);
    if (match[2] === undefined) return [least, least];
    return [least, match[3] === "" ? Infinity : Number(match[3])];
  }

  #atom(depth: number): Pattern {
    const character = this.#advance();
    switch (character) {
      case "(":
        return this.#group(depth);
      case "[":
        return { kind: "one", accepts: this.#set() };
      case ".":
        return { kind: "one", accepts: (code) => code !== 0x0a };
      case "^":
        return { kind: "start" };
      case "$":
        return { kind: "end" };
      case "\\":
        return this.#escape();
      case "*":
      case "+":
      case "?":
        return this.#fail();
      default:
        return one(character);
    }
  }

  #group(depth: number): Pattern {
    if (this.#take("?")) {
      if (this.#take("P") || this.#next === "<") {
        if (!this.#take("<")) return this.#fail();
        while (/\w/.test(this.#next)) this.#at++;
        if (!this.#take(">")) return this.#fail();
      } else if (!this.#take(":")) return this.#fail();
    }
    const inner = this.choice(depth + 1);
    return this.#take(")") ? inner : this.#fail();
  }

  #escape(): Pattern {
    const next = this.#next;
    if (next === "A" || next === "z") {
      this.#at++;
      return { kind: next === "A" ? "start" : "end" };
    }
    return { kind: "one", accepts: this.#escaped() };
  }

  /** Behind a backslash: a class, or one character. */
  #escaped(): Accepts {
    const character = this.#advance();
    const known = CLASSES[character];
    if (known !== undefined) return known;
    if (character === "x") return this.#hexadecimal();
    const literal = CONTROLS[character] ?? character;
    // Letters and digits that are not known mean something else.
    if (literal === character && /^(?:[0-9A-Za-z]|)$/.test(character)) this.#fail();
    return isCode(literal.codePointAt(0) ?? -1);
  }

  #hexadecimal(): Accepts {
    const rest = this.#characters.slice(this.#at, this.#at + 8).join("");
    const match = /^(?:([0-9a-fA-F]{2})|\{([0-9a-fA-F]{1,6})\})/.exec(rest);
    if (match === null) this.#fail();
    this.#at += match?.[0].length ?? 0;
    return isCode(Number.parseInt(match?.[1] ?? match?.[2] ?? "0", 16));
  }

  #set(): Accepts {
    const isNegated = this.#take("^");
    const accepted: Accepts[] = [];
    let isFirst = true;
    while (!this.isBroken && (isFirst || this.#next !== "]")) {
      isFirst = false;
      if (this.isAtEnd) this.#fail();
      else accepted.push(this.#range());
    }
    this.#at++;
    return (code) => accepted.some((accepts) => accepts(code)) !== isNegated;
  }

  #range(): Accepts {
    const character = this.#advance();
    if (character === "[" && this.#next === ":") this.#fail();
    if (character === "\\") {
      const single = this.#escaped();
      const beyond = this.#characters[this.#at + 1];
      // A range from an escaped character is rare: it is left out.
      if (this.#next === "-" && beyond !== "]") this.#fail();
      return single;
    }
    const low = character.codePointAt(0) ?? 0;
    if (this.#next !== "-" || this.#characters[this.#at + 1] === "]") return isCode(low);
    this.#at++;
    const last = this.#advance();
    const high = last.codePointAt(0) ?? -1;
    if (last === "\\" || last === "" || high < low) this.#fail();
    return (code) => code >= low && code <= high;
  }

  get #next(): string {
    return this.#characters[this.#at] ?? "";
  }

  #advance(): string {
    const character = this.#next;
    this.#at++;
    return character;
  }

  #take(character: string): boolean {
    if (this.#next !== character) return false;
    this.#at++;
    return true;
  }

  #fail(): Pattern {
    this.isBroken = true;
    return NOTHING;
  }
}

function one(character: string): Pattern {
  return { kind: "one", accepts: isCode(character.codePointAt(0) ?? -1) };
}

function isCode(wanted: number): Accepts {
  return (code) => code === wanted;
}
