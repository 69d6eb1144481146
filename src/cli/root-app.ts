import { resolve } from "node:path";
import { isRemote } from "../sync/git-url.ts";

export { ROOT_APP } from "../model/app.ts";

/** A local path from the current folder on; a URL as it is. */
export function absoluteRepo(repo: string): string {
  return isRemote(repo) ? repo : resolve(repo);
}
