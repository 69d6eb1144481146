import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { fileURLToPath } from "node:url";
import { eventually } from "./eventually.ts";
import { runCommand } from "./command.ts";

const TOOLS = fileURLToPath(new URL("../../.tools/bin", import.meta.url));
/** Name and password: berth, s3cret. */
const HTPASSWD = "berth:$2y$05$WuxBSKuKQBzk1AOf63k3iegiLeIguKw9CBzrGmbDDOALTZszUONaa";

export interface TestRegistry {
  /** `127.0.0.1:port`, which Docker takes without TLS. */
  readonly host: string;
  [Symbol.asyncDispose](): Promise<void>;
}

/** Debian's docker-registry on the loopback, which asks for a password. Use with `await using`. */
export async function openDockerRegistry(): Promise<TestRegistry> {
  const folders = [...(process.env["PATH"] ?? "").split(delimiter), TOOLS];
  const binary = folders.map((one) => join(one, "docker-registry")).find((one) => existsSync(one));
  if (binary === undefined)
    throw new Error("Cannot find docker-registry: run the tests by `npm test`, which gets it");
  const folder = await mkdtemp(join(tmpdir(), "berth-registry-"));
  const host = `127.0.0.1:${await freePort()}`;
  const htpasswd = join(folder, "htpasswd");
  await writeFile(htpasswd, `${HTPASSWD}\n`);
  const config = {
    version: 0.1,
    storage: { filesystem: { rootdirectory: join(folder, "data") } },
    http: { addr: host },
    auth: { htpasswd: { realm: "berth", path: htpasswd } },
  };
  const file = join(folder, "config.json");
  await writeFile(file, JSON.stringify(config));
  const child = spawn(binary, ["serve", file], { stdio: "ignore" });
  const ended = once(child, "exit");
  await eventually("the registry answers", async () => {
    const answer = await fetch(`http://${host}/v2/`);
    return answer.status === 401;
  });
  return {
    host,
    async [Symbol.asyncDispose]() {
      child.kill("SIGKILL");
      await ended;
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** An image of the registry. When it is disposed of, the Engine has it no more. */
export interface PushedImage {
  readonly reference: string;
  [Symbol.asyncDispose](): Promise<void>;
}

/** Puts an image of the Engine into the registry as `name`, and takes that name from the Engine again. */
export async function pushImage(
  registry: TestRegistry,
  { image, name }: { readonly image: string; readonly name: string },
): Promise<PushedImage> {
  const reference = `${registry.host}/${name}`;
  const folder = await mkdtemp(join(tmpdir(), "berth-docker-config-"));
  const auth = Buffer.from("berth:s3cret").toString("base64");
  const auths = { [registry.host]: { auth } };
  await writeFile(join(folder, "config.json"), JSON.stringify({ auths }));
  const env = { ...process.env, DOCKER_CONFIG: folder, DOCKER_API_VERSION: "1.41" };
  try {
    for (const args of [
      ["tag", image, reference],
      ["push", reference],
      ["rmi", reference],
    ]) {
      const { code, output } = await runCommand("docker", args, { env });
      if (code !== 0) throw new Error(`docker ${args.join(" ")}: ${output}`);
    }
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
  return {
    reference,
    async [Symbol.asyncDispose]() {
      const own = { ...process.env, DOCKER_API_VERSION: "1.41" };
      await runCommand("docker", ["rmi", reference], { env: own });
    },
  };
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  server.close();
  await once(server, "close");
  if (address === null || typeof address === "string") throw new Error("no port");
  return address.port;
}
