import type { Forge, ForgeKind, ForgeOptions } from "./forge.ts";
import { giteaForge } from "./gitea-forge.ts";
import { githubForge } from "./github-forge.ts";
import { gitlabForge } from "./gitlab-forge.ts";

const FORGES: Readonly<Record<ForgeKind, (options: ForgeOptions) => Forge>> = {
  github: githubForge,
  gitlab: gitlabForge,
  gitea: giteaForge,
};

/** The client of a repository's server. Talks to nobody yet. */
export function openForge(options: ForgeOptions): Forge {
  return FORGES[options.kind]({ ...options, apiUrl: options.apiUrl.replace(/\/+$/, "") });
}

const API_PATHS: Readonly<Record<ForgeKind, string>> = {
  github: "/api/v3",
  gitlab: "/api/v4",
  gitea: "/api/v1",
};

/**
 * Where the API of a repository's server is, and what the project is called there; `undefined` for what is no URL of a
 * server (a local path). `kind` is guessed from the host's name when it is not given. Pure.
 */
export function forgeOfUrl(
  repo: string,
  kind?: ForgeKind,
): Omit<ForgeOptions, "token"> | undefined {
  const match =
    /^(https?):\/\/(?:[^/@]*@)?([^/]+)\/(.+?)(?:\.git)?\/?$/i.exec(repo) ??
    /^(ssh):\/\/(?:[^/@]*@)?([^/:]+)(?::\d+)?\/(.+?)(?:\.git)?\/?$/i.exec(repo) ??
    /^()(?:[^/@]+@)([^/:]+):(.+?)(?:\.git)?\/?$/.exec(repo);
  if (match === null) return undefined;
  const [, scheme = "", host = "", project = ""] = match;
  const found = kind ?? guessKind(host);
  if (found === undefined) return undefined;
  const web = `${scheme.toLowerCase() === "http" ? "http" : "https"}://${host}`;
  const isGithub = found === "github" && host.toLowerCase() === "github.com";
  const apiUrl = isGithub ? "https://api.github.com" : `${web}${API_PATHS[found]}`;
  return { kind: found, apiUrl, project };
}

function guessKind(host: string): ForgeKind | undefined {
  const name = host.toLowerCase();
  if (name.includes("github")) return "github";
  if (name.includes("gitlab")) return "gitlab";
  return /gitea|forgejo|codeberg/.test(name) ? "gitea" : undefined;
}
