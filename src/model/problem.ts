/** A place in a file of a Git tree. Lines and columns count from 1, as editors do. */
export interface Position {
  readonly file: string;
  readonly line: number;
  readonly column: number;
}

/** Something the author of a manifest can fix. A value: finding one never stops the search for more. */
export interface Problem {
  /** Stable and greppable, `area/word`; each has an entry in docs/problems.md. */
  readonly code: string;
  /** States what is and what must be. */
  readonly message: string;
  readonly at: Position;
  /** Field path as users write it: `spec.template.spec.containers[0].image`. Empty for the whole document. */
  readonly path: string;
  /** A way out, where one is known: `did you mean "containerPort"?`. */
  readonly hint?: string;
}

/** `apps/web.yaml:7:13: message [code]`, the form that terminals and editors make clickable. Pure. */
export function formatProblem({ at, message, code, hint }: Problem): string {
  const cure = hint === undefined ? "" : `; ${hint}`;
  return `${at.file}:${at.line}:${at.column}: ${message}${cure} [${code}]`;
}
