import { spawn, execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { createServer, type AddressInfo } from "node:net";
import { userInfo } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";

const run = promisify(execFile);
const SSHD = "/usr/sbin/sshd";

export interface GitSshServer extends AsyncDisposable {
  /** `ssh://user@127.0.0.1:port`; repositories by their absolute path. */
  readonly url: string;
  /** The deploy key. */
  readonly identity: string;
  /** Lines of `known_hosts` for the server as it is now. */
  readonly knownHosts: string;
}

/** A real `sshd` on loopback that knows one key and has one host key, all of them made here. */
export async function serveSsh(dir: string): Promise<GitSshServer> {
  if (!existsSync(SSHD))
    throw new Error(
      "sshd was not found: apt-get install openssh-server (scripts/bootstrap.mjs does)",
    );
  await mkdir(dir, { recursive: true });
  await mkdir("/run/sshd", { recursive: true, mode: 0o755 });
  await makeKey(join(dir, "host"));
  await makeKey(join(dir, "deploy"));
  const port = await freePort();
  const config = [
    "ListenAddress 127.0.0.1",
    `Port ${port}`,
    `HostKey ${join(dir, "host")}`,
    `AuthorizedKeysFile ${join(dir, "deploy.pub")}`,
    `PidFile ${join(dir, "pid")}`,
    "PasswordAuthentication no",
    "KbdInteractiveAuthentication no",
    "PermitRootLogin prohibit-password",
    "UsePAM no",
    // The folder is below /tmp, which others may write to.
    "StrictModes no",
  ];
  await writeFile(join(dir, "config"), `${config.join("\n")}\n`);
  const child = spawn(SSHD, ["-D", "-e", "-f", join(dir, "config")], {
    stdio: ["ignore", "ignore", "pipe"],
  });
  await new Promise<void>((resolve, reject) => {
    let said = "";
    child.stderr.on("data", (chunk: Buffer) => {
      said += String(chunk);
      if (said.includes("Server listening")) resolve();
    });
    child.once("error", reject);
    child.once("close", () => reject(new Error(`sshd ended: ${said}`)));
  });
  const host = (await readFile(join(dir, "host.pub"), "utf8")).split(" ").slice(0, 2).join(" ");
  return {
    url: `ssh://${userInfo().username}@127.0.0.1:${port}`,
    identity: await readFile(join(dir, "deploy"), "utf8"),
    knownHosts: `[127.0.0.1]:${port} ${host}\n`,
    async [Symbol.asyncDispose]() {
      const closed = new Promise((resolve) => child.once("close", resolve));
      child.kill("SIGTERM");
      await closed;
    },
  };
}

/** A key pair without a passphrase, as `<path>` and `<path>.pub`. */
export async function makeKey(path: string): Promise<void> {
  await run("ssh-keygen", ["-q", "-t", "ed25519", "-N", "", "-C", "test", "-f", path]);
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}
