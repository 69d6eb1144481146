interface Splice {
  readonly start: number;
  readonly end: number;
  readonly text: string;
}

/** Changes of one text, all told in offsets of the text as it was. What is not named stays byte by byte. */
export class TextEdits {
  readonly text: string;
  /** The text's own line end. */
  readonly eol: string;
  readonly #splices: Splice[] = [];

  constructor(text: string) {
    this.text = text;
    this.eol = text.includes("\r\n") ? "\r\n" : "\n";
  }

  /** Line feeds in `text` become the file's own line ends. */
  replace(start: number, end: number, text: string): void {
    const own = this.eol === "\n" ? text : text.replaceAll("\n", this.eol);
    this.#splices.push({ start, end, text: own });
  }

  insert(at: number, text: string): void {
    this.replace(at, at, text);
  }

  /** Puts whole lines behind the line that `offset` is in. */
  insertLinesAfter(offset: number, lines: readonly string[]): void {
    const end = this.lineEnd(offset);
    if (end >= this.text.length) this.insert(end, `\n${lines.join("\n")}`);
    else this.insert(this.nextLine(offset), `${lines.join("\n")}\n`);
  }

  /** Removes whole lines: from the one of `start` to the one of `end`. */
  removeLines(start: number, end: number): void {
    this.replace(this.lineStart(start), this.nextLine(end), "");
  }

  lineStart(offset: number): number {
    return this.text.lastIndexOf("\n", offset - 1) + 1;
  }

  /** Where the line's text ends, before its line end. */
  lineEnd(offset: number): number {
    const feed = this.text.indexOf("\n", offset);
    const end = feed < 0 ? this.text.length : feed;
    return this.text[end - 1] === "\r" ? end - 1 : end;
  }

  nextLine(offset: number): number {
    const feed = this.text.indexOf("\n", offset);
    return feed < 0 ? this.text.length : feed + 1;
  }

  /** How many characters stand before it in its line. */
  column(offset: number): number {
    return offset - this.lineStart(offset);
  }

  /** Whether nothing but blanks stands before it in its line. */
  isFirstInLine(offset: number): boolean {
    return this.text.slice(this.lineStart(offset), offset).trim() === "";
  }

  /** The text with all changes; those of one place in the order in which they were told. */
  apply(): string {
    const ordered = this.#splices
      .map((splice, order) => ({ ...splice, order }))
      .toSorted((a, b) => a.start - b.start || a.order - b.order);
    let result = "";
    let at = 0;
    for (const { start, end, text } of ordered) {
      if (start > at) result += this.text.slice(at, start);
      result += text;
      at = Math.max(at, end);
    }
    return result + this.text.slice(at);
  }
}
