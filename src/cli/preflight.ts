import { execFile } from "node:child_process";
import { createServer } from "node:net";
import { promisify } from "node:util";
import { CliError } from "./cli-error.ts";

const run = promisify(execFile);

/** Programs that the node's network needs, and the Debian package of each. */
const TOOLS: readonly (readonly [tool: string, packageName: string])[] = [
  ["ip", "iproute2"],
  ["nft", "nftables"],
  ["nsenter", "util-linux"],
];

/** Refuses, with all that is missing in one message, where a node cannot run. */
export async function checkHost(): Promise<void> {
  if (process.platform !== "linux") {
    throw new CliError(`Cannot run a node on ${process.platform}: Berth's node needs Linux`, {
      cure: "run `berth up` on a Linux host with a Docker Engine",
    });
  }
  if (process.getuid?.() !== 0) {
    throw new CliError("Cannot run a node as an ordinary user: wiring pod networks needs root", {
      cure: "run the same command with sudo",
    });
  }
  const missing = await Promise.all(
    TOOLS.map(async ([tool, packageName]) =>
      (await isThere(tool)) ? [] : [{ tool, packageName }],
    ),
  );
  const all = missing.flat();
  if (all.length === 0) return;
  throw new CliError(`Cannot find ${all.map(({ tool }) => `"${tool}"`).join(", ")} on the PATH`, {
    cure: `install it: apt-get install ${all.map(({ packageName }) => packageName).join(" ")}`,
  });
}

async function isThere(tool: string): Promise<boolean> {
  try {
    await run(tool, ["--version"]);
    return true;
  } catch (error) {
    return !(error instanceof Error && "code" in error && error.code === "ENOENT");
  }
}

/** Refuses a port that somebody listens on. */
export async function checkPort(host: string, port: number): Promise<void> {
  const server = createServer();
  try {
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject);
      server.listen({ host, port, exclusive: true }, resolve);
    });
  } catch (error) {
    const code = error instanceof Error && "code" in error ? error.code : "";
    const why = code === "EADDRINUSE" ? "another program listens on it" : String(code);
    throw new CliError(`Cannot use port ${port} on ${host} for the API: ${why}`, {
      cure: `end that program, or choose another port: berth up --port ${port + 1}`,
      cause: error,
    });
  } finally {
    server.close();
  }
}

/** The destinations of this host's routes, as text; those that Berth itself made for this cluster are left out. */
export async function hostRoutes(ownLinks: readonly string[]): Promise<readonly string[]> {
  const { stdout } = await run("ip", ["-json", "-4", "route", "show", "table", "all"]);
  const routes: unknown = JSON.parse(stdout === "" ? "[]" : stdout);
  if (!Array.isArray(routes)) return [];
  return routes.flatMap(
    (route: { readonly dst?: unknown; readonly dev?: unknown; readonly type?: unknown }) => {
      const own =
        typeof route.dev === "string" &&
        ownLinks.some((link) => String(route.dev).startsWith(link));
      return typeof route.dst === "string" && !own && route.dst !== "default" ? [route.dst] : [];
    },
  );
}
