import { createHash } from "node:crypto";

/** How Secrets stand in a repository, and what opens them. It is never logged, and never in arguments of a process. */
export interface SecretsPolicy {
  /** Whether Secrets may stand there as plain text. */
  readonly plain: "allow" | "refuse";
  /** Public keys that what Berth writes is encrypted to; those of the keys at hand when absent. */
  readonly recipients?: readonly string[];
  /** Private keys; the cluster's own when absent. */
  readonly identities?: readonly string[];
  /** Whether a file that no key opens is a problem, or is read for its form. */
  readonly closed?: "refuse" | "hide";
}

/** Tells policies apart without telling the keys. */
export function policyKey(policy: SecretsPolicy | undefined): string {
  if (policy === undefined) return "";
  const { plain, recipients, identities, closed } = policy;
  const text = JSON.stringify([plain, recipients ?? null, identities ?? null, closed ?? null]);
  return createHash("sha256").update(text).digest("hex");
}
