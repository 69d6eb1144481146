import { isAbsolute, normalize } from "node:path";
import { GitError, type GitRepository } from "./git.ts";
import { openWithGit } from "./git-binary.ts";
import { openWithIsomorphic } from "./git-isomorphic.ts";
import { findGit } from "./git-process.ts";
import { quote } from "./git-names.ts";
import { isRemote, redactCredentials } from "./git-url.ts";
import type { OpenOptions, OpenRepository } from "./source.ts";

/** Opens a local folder (an absolute path) or an HTTP(S) URL with the engine that is asked for. */
export const openRepository: OpenRepository = async (
  repo: string,
  options: OpenOptions,
  signal: AbortSignal,
): Promise<GitRepository> => {
  const place = isRemote(repo) ? repo : localPath(repo);
  return (await usesGit(options.engine, signal))
    ? openWithGit(place, options, signal)
    : openWithIsomorphic(place, options, signal);
};

async function usesGit(engine: OpenOptions["engine"], signal: AbortSignal): Promise<boolean> {
  if (engine === "isomorphic") return false;
  const version = await findGit(signal);
  if (version === undefined && engine === "git") {
    throw new GitError(
      "io",
      'Cannot use the engine "git": there is no git 2.32 or newer on the PATH; install git, or use the engine "auto"',
    );
  }
  return version !== undefined;
}

function localPath(repo: string): string {
  if (isAbsolute(repo)) {
    const path = normalize(repo);
    return path.length > 1 && path.endsWith("/") ? path.slice(0, -1) : path;
  }
  throw new GitError(
    "invalid-url",
    `Cannot open repository ${quote(redactCredentials(repo))}: neither an absolute path nor an http:// or https:// URL; give one of them`,
  );
}
