import { writeFile } from "node:fs/promises";
import { formatKubeconfig } from "../api/kubeconfig.ts";
import { loadAuthority, PkiError, readKeyPair, type KeyPair } from "../api/pki.ts";
import type { Clock, Millis } from "../base/clock.ts";
import { CliError } from "./cli-error.ts";
import { readConfig, serverUrl, type DataDir } from "./data-dir.ts";

export interface KubeconfigFlags {
  /** A person's name; otherwise the administrator of this machine. */
  readonly user: string | undefined;
  readonly groups: readonly string[];
  readonly validMs: Millis;
  /** As others reach the API; otherwise as this machine does. */
  readonly server: string | undefined;
  /** Otherwise the standard output. */
  readonly file: string | undefined;
}

/** Names that only Berth itself gives. */
const OWN_PREFIX = "system:";
const PRIVATE_MODE = 0o600;

/**
 * Prints a kubeconfig: the administrator's, or one of a new certificate for a person, whose rights come from RBAC. Only
 * who can read the CA's key can make one.
 */
export async function kubeconfig(
  dir: DataDir,
  flags: KubeconfigFlags,
  out: (line: string) => void,
  clock: Clock,
): Promise<void> {
  const config = await readConfig(dir);
  if (config === undefined) {
    throw new CliError(`Cannot find a cluster in "${dir.root}"`, { cure: "run `berth up` first" });
  }
  const ca = await readKeyPair(dir.pki, "ca");
  if (ca === undefined) throw new CliError(`Cannot read the CA of the cluster in "${dir.pki}"`);
  const { user = "berth-admin" } = flags;
  const credentials =
    flags.user === undefined
      ? await readKeyPair(dir.pki, "admin")
      : await issue(ca, { ...flags, user: flags.user }, clock);
  if (credentials === undefined) {
    throw new CliError(`Cannot read the administrator's certificate in "${dir.pki}"`);
  }
  const server = flags.server ?? serverUrl(config);
  const text = formatKubeconfig({ server, ca: ca.cert, user, credentials });
  if (flags.file === undefined) return out(text.trimEnd());
  await writeFile(flags.file, text, { mode: PRIVATE_MODE, flag: "wx" }).catch(
    (error: NodeJS.ErrnoException) => {
      if (error.code !== "EEXIST") throw error;
      throw new CliError(`Cannot write "${flags.file}": it is there already`, {
        cure: "name another file, or remove it",
        cause: error,
      });
    },
  );
  out(`Wrote "${flags.file}" for ${user}`);
}

async function issue(
  ca: KeyPair,
  { user, groups, validMs }: KubeconfigFlags & { readonly user: string },
  clock: Clock,
): Promise<KeyPair> {
  const own = [user, ...groups].find((name) => name.startsWith(OWN_PREFIX));
  if (own !== undefined) {
    throw new CliError(
      `Cannot make a certificate for "${own}": names that begin with "${OWN_PREFIX}" are Berth's own`,
      {
        cure: "choose another name, and give it rights by a RoleBinding or ClusterRoleBinding",
      },
    );
  }
  try {
    const authority = await loadAuthority(ca, clock.now());
    const request = { commonName: user, organizations: groups, now: clock.now(), validMs };
    return await authority.issueClient(request);
  } catch (error) {
    if (error instanceof PkiError) throw new CliError(error.message, { cause: error });
    throw error;
  }
}
