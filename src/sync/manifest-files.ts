import type { Problem } from "../model/problem.ts";
import { GitError, type TreeEntry } from "./git.ts";
import { joinPath } from "./git-names.ts";

/** Whether a file of an App's folder is a manifest: YAML or JSON, and no part of its path starts with a dot. Pure. */
export function isManifestPath(path: string): boolean {
  return /\.(?:ya?ml|json)$/i.test(path) && !path.split("/").some((part) => part.startsWith("."));
}

/** The entries of a tree that are manifests to read. Pure. */
export function manifestEntries(entries: readonly TreeEntry[]): readonly TreeEntry[] {
  return entries.filter(
    ({ path, mode }) => (mode === "file" || mode === "executable") && isManifestPath(path),
  );
}

/** The symbolic links whose target must be known. Pure. */
export function suspectLinks(entries: readonly TreeEntry[]): readonly TreeEntry[] {
  return entries.filter(({ path, mode }) => mode === "symlink" && isSuspectLink(path));
}

/** Whether a link could stand for manifests: it is one by name, or may be a folder of them. Pure. */
export function isSuspectLink(path: string): boolean {
  const hidden = path.split("/").some((part) => part.startsWith("."));
  return !hidden && (isManifestPath(path) || !/\.[^/.]+$/.test(path));
}

/** Whether a link at `path` leads out of the folder that `path` is counted from. Pure. */
export function leadsOut(path: string, target: string): boolean {
  if (target.startsWith("/")) return true;
  let depth = path.split("/").length - 1;
  for (const part of target.split("/")) {
    if (part === "..") depth--;
    else if (part !== "" && part !== ".") depth++;
    if (depth < 0) return true;
  }
  return false;
}

/** What a link is to the reader: a problem when it leads out of the folder, else a warning. It is never followed. Pure. */
export function linkFinding(
  folder: string,
  path: string,
  target: string,
): { readonly out: boolean; readonly problem: Problem } {
  const out = leadsOut(path, target);
  const why = out ? "leads out of the folder" : "is not followed";
  return {
    out: out && isManifestPath(path),
    problem: {
      code: "git/symlink",
      message: `Symbolic link to "${target}" ${why}`,
      hint: "put the file itself there",
      at: { file: joinPath(folder, path), line: 1, column: 1 },
      path: "",
    },
  };
}

/** Pure. */
export function submoduleWarning(folder: string, path: string): Problem {
  return {
    code: "git/submodule",
    message: "Submodule is skipped: its files are in another repository",
    hint: "put the manifests themselves there",
    at: { file: joinPath(folder, path), line: 1, column: 1 },
    path: "",
  };
}

/** A folder without manifests is never "nothing is desired". Pure. */
export function noManifests(place: string): GitError {
  return new GitError(
    "no-manifests",
    `Cannot read manifests from ${place}: there is no .yaml, .yml or .json file in it; check the path, or commit the manifests`,
  );
}
