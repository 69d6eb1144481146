import { resolve } from "node:path";

/** Name of the App that `berth up --repo` makes. */
export const ROOT_APP = "root";

/** A local path from the current folder on; a URL as it is. */
export function absoluteRepo(repo: string): string {
  return /^[a-z][a-z0-9+.-]*:\/\//i.test(repo) ? repo : resolve(repo);
}
