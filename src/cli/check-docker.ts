import { negotiateVersion } from "../agent/docker-version.ts";
import { RuntimeError } from "../agent/runtime.ts";
import { CliError } from "./cli-error.ts";

/** The Engine's socket: `$DOCKER_HOST` when that is a unix socket, else the usual place. */
export function dockerSocket(): string {
  const host = process.env["DOCKER_HOST"];
  if (host === undefined || host === "") return "/var/run/docker.sock";
  if (host.startsWith("unix://")) return host.slice("unix://".length);
  throw new CliError(
    `Cannot use the Docker Engine at "${host}": a node needs the Engine of its own machine`,
    {
      cure: "unset DOCKER_HOST, or set it to a socket: DOCKER_HOST=unix:///var/run/docker.sock",
    },
  );
}

/** Refuses a Docker Engine that is not there, not permitted, or too old. */
export async function checkDocker(signal: AbortSignal): Promise<void> {
  try {
    await negotiateVersion(dockerSocket(), signal);
  } catch (error) {
    if (error instanceof RuntimeError) throw new CliError(error.message, { cause: error });
    throw error;
  }
}
