import type { Problem } from "../model/problem.ts";
import type { WriteAnswer, WriteRefusal } from "../model/write-request.ts";
import type { GitErrorCode } from "../sync/git.ts";
import { GitError } from "../sync/git.ts";

export type Refused = Extract<WriteAnswer, { kind: "refused" }>;

/** Codes of problems that have an answer of their own; any other makes the object invalid. */
const PROBLEMS: Readonly<Record<string, WriteRefusal>> = {
  "apply/no-namespace": "no-namespace",
  "apply/namespace-terminating": "forbidden",
  "apply/other-app": "blocked",
  "apply/controlled": "blocked",
  "apply/unmanaged-namespace": "blocked",
};

const GIT_ERRORS: Readonly<Partial<Record<GitErrorCode, WriteRefusal>>> = {
  conflict: "conflict",
  dirty: "blocked",
  rejected: "forbidden",
  "too-large": "too-large",
};

/** What Git said, for the caller; what is not Git's is thrown on. */
export function refusalOf(error: unknown): Refused {
  if (!(error instanceof GitError)) throw error;
  const why = GIT_ERRORS[error.code] ?? "unavailable";
  const cure =
    why === "unavailable"
      ? "; nothing was changed, what runs goes on; try again when Git answers"
      : "";
  return { kind: "refused", why, message: `${error.message}${cure}` };
}

/** Why the tree would be Rejected. */
export function refusalOfProblem(problem: Problem, count: number): Refused {
  const { message, hint, path } = problem;
  const why = PROBLEMS[problem.code] ?? "invalid";
  const more = count > 1 ? ` (and ${count - 1} more)` : "";
  const cure = hint === undefined ? "" : `; ${hint}`;
  const field = path === "" ? {} : { field: path };
  return { kind: "refused", why, message: `${message}${cure}${more}`, ...field };
}

export function refused(why: WriteRefusal, message: string): Refused {
  return { kind: "refused", why, message };
}
