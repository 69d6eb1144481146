import { readFile } from "node:fs/promises";
import { ApiError, type ApiClient } from "../client/client.ts";
import { SYSTEM_NAMESPACE } from "../model/app.ts";
import type { Secret } from "../model/kinds.gen.ts";
import { accessOf, type Access } from "../sync/access.ts";
import { CliError } from "./cli-error.ts";

/** How `berth up` is told what the repository asks for: files and names, never the secrets themselves. */
export interface AccessFlags {
  /** A Secret of `berth-system` that is there already. */
  readonly gitSecret?: string;
  readonly gitUsername?: string;
  readonly gitPasswordFile?: string;
  readonly sshKey?: string;
  readonly knownHosts?: string;
  readonly gitCa?: string;
}

/** The Secret that `berth up` makes of them. */
export const ROOT_SECRET = "root-git";

/** Longer files are no keys. */
const MAX_BYTES = 100_000;

/** The data of the Secret, in base64; `undefined` when nothing is told. Throws `CliError`. */
export async function readAccess(
  flags: AccessFlags,
): Promise<Readonly<Record<string, string>> | undefined> {
  const { gitSecret, gitUsername, gitPasswordFile, sshKey, knownHosts, gitCa } = flags;
  const files: readonly (readonly [key: string, flag: string, path: string | undefined])[] = [
    ["password", "--git-password-file", gitPasswordFile],
    ["identity", "--ssh-key", sshKey],
    ["known_hosts", "--known-hosts", knownHosts],
    ["ca.crt", "--git-ca", gitCa],
  ];
  const data: Record<string, string> = {};
  if (gitUsername !== undefined) data["username"] = Buffer.from(gitUsername).toString("base64");
  for (const [key, flag, path] of files)
    if (path !== undefined) data[key] = (await readKey(flag, path)).toString("base64");
  if (Object.keys(data).length === 0) return undefined;
  if (gitSecret !== undefined)
    throw new CliError("Cannot take both --git-secret and what a Secret would be made of", {
      cure: "give the Secret alone, or leave it out",
    });
  if ((sshKey === undefined) !== (knownHosts === undefined))
    throw new CliError("Cannot use SSH with only one of --ssh-key and --known-hosts", {
      cure: "give both: the host's keys come from `ssh-keyscan HOST`, compared with what the host publishes",
    });
  return data;
}

/** What `data` lets one do. Pure. */
export function toAccess(data: Readonly<Record<string, string>> | undefined): {
  readonly access?: Access;
} {
  return data === undefined ? {} : { access: accessOf(data) };
}

/** Puts the Secret of the root App into the store, in place of an older one. */
export async function putAccess(
  client: ApiClient,
  data: Readonly<Record<string, string>>,
  signal: AbortSignal,
): Promise<void> {
  const metadata = { name: ROOT_SECRET, namespace: SYSTEM_NAMESPACE };
  const secret: Secret = { apiVersion: "v1", kind: "Secret", metadata, type: "Opaque", data };
  try {
    await client.create(secret, signal);
  } catch (error) {
    if (!(error instanceof ApiError) || error.reason !== "AlreadyExists") throw error;
    const ref = { apiVersion: "v1", kind: "Secret", ...metadata };
    const stored = await client.get<Secret>(ref, signal);
    await client.update({ ...stored, data } as Secret, signal);
  }
}

/** Whether the control plane has made what every cluster has. */
export async function hasSystemNamespace(client: ApiClient, signal: AbortSignal): Promise<boolean> {
  try {
    await client.get({ apiVersion: "v1", kind: "Namespace", name: SYSTEM_NAMESPACE }, signal);
    return true;
  } catch (error) {
    if (error instanceof ApiError && error.code === 404) return false;
    throw error;
  }
}

async function readKey(flag: string, path: string): Promise<Buffer> {
  try {
    const content = await readFile(path);
    if (content.length > 0 && content.length <= MAX_BYTES) return content;
    throw new CliError(`Cannot use "${path}" for ${flag}: it has ${content.length} bytes`, {
      cure: `give a file of 1 to ${MAX_BYTES} bytes`,
    });
  } catch (error) {
    if (error instanceof CliError) throw error;
    const code = error instanceof Error && "code" in error ? String(error.code) : String(error);
    throw new CliError(`Cannot read "${path}" for ${flag}: ${code}`, {
      cure: "check the path and its permissions",
      cause: error,
    });
  }
}
