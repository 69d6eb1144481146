/** A revision taken apart: a name or id, and steps through history from it. */
export interface RevisionSteps {
  readonly base: string;
  /** In order: the n-th parent, or n first parents back. */
  readonly steps: readonly { readonly kind: "parent" | "back"; readonly count: number }[];
}

/** More steps than this are a slip, and each one may be a round trip. */
const MAX_BACK = 10_000;

/** Reads `main`, `HEAD~2`, `v1^2~3`, `abc1234^{commit}`. `undefined` for the forms that only the git binary knows. Pure. */
export function parseRevision(revision: string): RevisionSteps | undefined {
  const match = /^([^~^:{}]+|@)((?:~\d*|\^\d*(?:\{commit\}|\{\})?)*)$/.exec(revision);
  if (match === null || match[1]?.includes("@{")) return undefined;
  const steps: { kind: "parent" | "back"; count: number }[] = [];
  for (const [, sign, digits = "", peel] of (match[2] ?? "").matchAll(/([~^])(\d*)(\{\w*\})?/g)) {
    const count = digits === "" ? 1 : Number(digits);
    if (count > MAX_BACK) return undefined;
    if (peel === undefined && count > 0)
      steps.push({ kind: sign === "~" ? "back" : "parent", count });
  }
  return { base: match[1] === "@" ? "HEAD" : (match[1] ?? ""), steps };
}

/** Where Git looks for a ref of this short name, in its order. Pure. */
export function refCandidates(name: string): readonly string[] {
  return [name, `refs/${name}`, `refs/tags/${name}`, `refs/heads/${name}`, `refs/remotes/${name}`];
}
