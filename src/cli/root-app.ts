import { resolve } from "node:path";
import { isRemote } from "../sync/git-url.ts";

/** Name of the App that `berth up --repo` makes. */
export const ROOT_APP = "root";

/** A local path from the current folder on; a URL as it is. */
export function absoluteRepo(repo: string): string {
  return isRemote(repo) ? repo : resolve(repo);
}
