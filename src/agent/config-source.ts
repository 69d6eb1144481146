import { ApiError, type ApiClient } from "../client/client.ts";
import type { ConfigMap, Secret } from "../model/kinds.gen.ts";
import type { ConfigReference } from "./env.ts";

/** Reads the ConfigMaps and Secrets that pods name. */
export interface ConfigSource {
  /** The object as of now; `undefined` when there is none. Throws `ConfigUnavailableError` when nobody can say. */
  read(
    namespace: string,
    ref: ConfigReference,
    signal: AbortSignal,
  ): Promise<ConfigMap | Secret | undefined>;
}

/** The API cannot be asked, and the object was not read before. */
export class ConfigUnavailableError extends Error {
  override readonly name = "ConfigUnavailableError";
}

/** Objects kept for the time that the API is away. In memory only: Secrets never reach the disk. */
const MAX_REMEMBERED = 1000;

/** Asks the API each time, so that a pod never starts with what was true before it; remembers for when it is away. */
export function apiConfigSource(client: ApiClient): ConfigSource {
  const remembered = new Map<string, ConfigMap | Secret>();
  return {
    async read(namespace, { kind, name }, signal) {
      const key = `${kind}/${namespace}/${name}`;
      try {
        const found = await client.get<ConfigMap | Secret>(
          { apiVersion: "v1", kind, namespace, name },
          signal,
        );
        remembered.delete(key);
        remembered.set(key, found);
        const [oldest] = remembered.keys();
        if (remembered.size > MAX_REMEMBERED && oldest !== undefined) remembered.delete(oldest);
        return found;
      } catch (error) {
        if (!(error instanceof ApiError)) throw error;
        if (error.code === 404) {
          remembered.delete(key);
          return undefined;
        }
        const known = remembered.get(key);
        if (known !== undefined) return known;
        throw new ConfigUnavailableError(
          `Cannot read ${kind} "${namespace}/${name}": ${error.message}`,
          { cause: error },
        );
      }
    },
  };
}
