import { openDockerRuntime } from "../agent/docker-runtime.ts";
import { RuntimeError, type ContainerRuntime } from "../agent/runtime.ts";
import { dockerSocket } from "./check-docker.ts";
import { CliError } from "./cli-error.ts";

/** The container runtime of this machine; one message with its cure where there is none. */
export async function openRuntime(signal: AbortSignal): Promise<ContainerRuntime> {
  try {
    return await openDockerRuntime({ socketPath: dockerSocket() }, signal);
  } catch (error) {
    if (error instanceof RuntimeError) throw new CliError(error.message, { cause: error });
    throw error;
  }
}
