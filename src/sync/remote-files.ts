import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import type { Remote, RemoteFiles } from "./git-url.ts";

export interface FiledRemote {
  readonly remote: Remote;
  /** Removes the files. */
  close(): Promise<void>;
}

/**
 * Puts a remote's key, host keys and certificates into files that only this user can read, since `ssh` and `git` take
 * them no other way. They are gone with `close`.
 */
export async function fileRemote(mirrorDir: string, remote: Remote): Promise<FiledRemote> {
  const { ssh, ca } = remote;
  if (ssh === undefined && ca === undefined) return { remote, close: async () => undefined };
  const dir = await mkdtemp(join(mirrorDir, ".access-"));
  const put = async (name: string, content: string): Promise<string> => {
    const path = join(dir, name);
    await writeFile(path, content, { mode: 0o600 });
    return path;
  };
  const files: RemoteFiles = {
    ...(ca === undefined ? {} : { ca: await put("ca.crt", ca) }),
    ...(ssh === undefined
      ? {}
      : {
          identity: await put("identity", ssh.identity),
          knownHosts: await put("known_hosts", ssh.knownHosts),
        }),
  };
  return {
    remote: { ...remote, files },
    close: () => rm(dir, { recursive: true, force: true }),
  };
}

/** How git starts `ssh`: with the key and the host keys given, and nothing of the user's or the machine's. Pure. */
export function sshCommand({ identity = "", knownHosts = "" }: RemoteFiles): string {
  const options = [
    "BatchMode=yes",
    "IdentitiesOnly=yes",
    "IdentityAgent=none",
    "StrictHostKeyChecking=yes",
    "UpdateHostKeys=no",
    "GlobalKnownHostsFile=/dev/null",
    "PasswordAuthentication=no",
    "KbdInteractiveAuthentication=no",
    "ForwardAgent=no",
    "ClearAllForwardings=yes",
    "PermitLocalCommand=no",
    "ConnectTimeout=15",
    "ServerAliveInterval=15",
    "ServerAliveCountMax=2",
    "LogLevel=ERROR",
  ];
  return [
    "ssh -F /dev/null",
    `-i ${quoted(identity)}`,
    // ssh splits this value at blanks, so that it has quotes of its own.
    `-o ${quoted(`UserKnownHostsFile="${knownHosts}"`)}`,
    ...options.map((option) => `-o ${option}`),
  ].join(" ");
}

/** One word for a shell. */
function quoted(text: string): string {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}
