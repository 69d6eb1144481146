import { createApiClient } from "../client/http-client.ts";
import { ApiError, type ApiClient } from "../client/client.ts";
import { readKubeconfig } from "../client/kubeconfig.ts";
import { CliError } from "./cli-error.ts";
import { readIfThere, type DataDir } from "./data-dir.ts";

/** A client of the cluster of this data directory, as its administrator. */
export async function connect(dir: DataDir): Promise<ApiClient> {
  const text = await readKubeconfigText(dir);
  if (text === undefined) {
    throw new CliError(`Cannot find a cluster in "${dir.root}"`, {
      cure: "start one: berth up --repo PATH, or name its data directory: --data-dir DIR",
    });
  }
  return createApiClient(readKubeconfig(text));
}

async function readKubeconfigText(dir: DataDir): Promise<string | undefined> {
  try {
    return await readIfThere(dir.kubeconfig);
  } catch (error) {
    const code = error instanceof Error && "code" in error ? String(error.code) : "";
    throw new CliError(`Cannot read "${dir.kubeconfig}": ${code}`, {
      cure: "run the command as the user who started the cluster (with sudo, say)",
      cause: error,
    });
  }
}

/** Gives `work` a client and closes it; an API that is away becomes one message with its cure. */
export async function withClient<T>(
  dir: DataDir,
  work: (client: ApiClient) => Promise<T>,
): Promise<T> {
  const client = await connect(dir);
  try {
    return await work(client);
  } catch (error) {
    if (error instanceof ApiError && error.code === 0) {
      throw new CliError(`Cannot reach the control plane of "${dir.root}": ${error.message}`, {
        cure: "start it: berth up; its log is in the folder log/ of the data directory",
        cause: error,
      });
    }
    if (error instanceof ApiError)
      throw new CliError(`The API said no: ${error.message}`, { cause: error });
    throw error;
  } finally {
    client.close();
  }
}
