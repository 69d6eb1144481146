import { GitError } from "./git.ts";

/** Longer names are refused before they reach an engine. */
const MAX_NAME_LENGTH = 1000;
// oxlint-disable-next-line no-control-regex -- control characters are what must be kept out
const FORBIDDEN_IN_REF = /[\u0000- ~^:?*[\\\u007f]|\.\.|@\{|\/\/|\/\.|\.lock(?:\/|$)/;
// oxlint-disable-next-line no-control-regex -- the same
const CONTROL = /[\u0000-\u001f\u007f]/;
const OBJECT_ID = /^[0-9a-f]{40}$/;

/** Whether the text is a full object id. Pure. */
export function isObjectId(text: string): boolean {
  return OBJECT_ID.test(text);
}

/** Refuses what Git does not take as a branch name, and what could be read as an option. Pure. */
export function checkBranch(branch: string): string {
  if (isRefName(branch) && !branch.startsWith("refs/")) return branch;
  const hint = branch.startsWith("refs/heads/")
    ? `; give the short name "${branch.slice("refs/heads/".length)}"`
    : '; give the name of a branch, for instance "main"';
  throw new GitError(
    "no-such-branch",
    `Cannot read branch ${quote(branch)}: not a valid branch name${hint}`,
  );
}

/** Refuses names that Git does not take below `refs/`. Pure. */
export function checkPinName(name: string): string {
  if (isRefName(name)) return name;
  throw new GitError("io", `Cannot pin a commit as ${quote(name)}: not a valid name of a ref`);
}

/** Refuses what is neither the full name of a ref nor a prefix of such names with a closing `*`. Pure. */
export function checkRefPattern(pattern: string): string {
  const name = pattern.endsWith("/*") ? `${pattern.slice(0, -1)}x` : pattern;
  if (name.startsWith("refs/") && isRefName(name)) return pattern;
  throw new GitError(
    "no-such-branch",
    `Cannot read ref ${quote(pattern)}: not the full name of a ref; give one such as "refs/heads/main"`,
  );
}

/** Refuses revisions that are empty, look like an option, or could end a line of a protocol. Pure. */
export function checkRevision(revision: string): string {
  const valid =
    revision !== "" &&
    revision.length <= MAX_NAME_LENGTH &&
    !revision.startsWith("-") &&
    !CONTROL.test(revision);
  if (valid) return revision;
  throw new GitError(
    "no-such-commit",
    `Cannot read revision ${quote(revision)}: not a valid revision; give a branch, a tag or a commit id`,
  );
}

/** Refuses what is not a full object id: ids come from Git itself, so another text is a slip or an attack. Pure. */
export function checkObjectId(id: string): string {
  if (isObjectId(id)) return id;
  throw new GitError(
    "no-such-commit",
    `Cannot read object ${quote(id)}: not an object id of 40 hex digits`,
  );
}

/** A folder or file inside the repository, without `./` and closing `/`; the root is `.`. Climbing out is refused. Pure. */
export function checkPath(path: string): string {
  const parts = path.split("/").filter((part) => part !== "" && part !== ".");
  const climbs = path.startsWith("/") || parts.includes("..");
  if (climbs || path.length > MAX_NAME_LENGTH || CONTROL.test(path)) {
    throw new GitError(
      "no-such-path",
      `Cannot read path ${quote(path)}: the path must stay inside the repository; give it from the repository's root, for instance "apps"`,
    );
  }
  return parts.length === 0 ? "." : parts.join("/");
}

/** The path of a file to write: inside the repository and outside of Git's own folder. Pure. */
export function checkFilePath(path: string): string {
  const clean = checkPath(path);
  const own = clean.split("/").some((part) => /^(?:\.git|git~1)$/i.test(part));
  if (clean === path && path !== "." && !own) return path;
  throw new GitError(
    "no-such-path",
    `Cannot write file ${quote(path)}: the path must name a file inside the repository, outside of ".git"`,
  );
}

/** Folder and rest joined; `.` adds nothing. Pure. */
export function joinPath(folder: string, rest: string): string {
  return folder === "." ? rest : `${folder}/${rest}`;
}

/** The text in quotes, with anything unprintable made visible and shortened. Pure. */
export function quote(text: string): string {
  return JSON.stringify(text.length > 200 ? `${text.slice(0, 200)}…` : text);
}

/** Whether Git takes the text as a name below `refs/`. `HEAD` and `@{…}` forms are not names. Pure. */
export function isRefName(name: string): boolean {
  return (
    name !== "" &&
    name !== "@" &&
    name.length <= MAX_NAME_LENGTH &&
    !FORBIDDEN_IN_REF.test(name) &&
    !/^[-./]|[./]$/.test(name)
  );
}
