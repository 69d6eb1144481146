import { ApiError, type ApiClient } from "../client/client.ts";
import type { ConfigMap, Secret } from "../model/kinds.gen.ts";
import type { ConfigReference } from "./env.ts";
import type { ObjectMemory } from "./node-memory.ts";

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
  /** As a waiting container's status says it, in place of `otherwise`, which is for what is not secret. */
  readonly reason: "SecretsUnavailable" | undefined;

  constructor(kind: ConfigReference["kind"], message: string, options?: ErrorOptions) {
    super(message, options);
    this.reason = kind === "Secret" ? "SecretsUnavailable" : undefined;
  }
}

/** Secrets kept for the time that the API is away. In memory only: they never reach the disk. */
const MAX_REMEMBERED = 1000;

/**
 * Asks the API each time, so that a pod never starts with what was true before it; remembers for when it is away.
 * ConfigMaps are remembered on disk, so that their pods come back after a reboot without the API.
 */
export function apiConfigSource(client: ApiClient, onDisk: ObjectMemory): ConfigSource {
  const secrets = new Map<string, Secret>();
  const keep = (key: string, found: ConfigMap | Secret): void => {
    if (found.kind === "ConfigMap") {
      onDisk.set(key, found);
      return;
    }
    secrets.delete(key);
    secrets.set(key, found);
    const [oldest] = secrets.keys();
    if (secrets.size > MAX_REMEMBERED && oldest !== undefined) secrets.delete(oldest);
  };
  return {
    async read(namespace, { kind, name }, signal) {
      const key = `${kind}/${namespace}/${name}`;
      try {
        const found = await client.get<ConfigMap | Secret>(
          { apiVersion: "v1", kind, namespace, name },
          signal,
        );
        keep(key, found);
        return found;
      } catch (error) {
        if (!(error instanceof ApiError)) throw error;
        if (error.code === 404) {
          if (kind === "ConfigMap") onDisk.delete(key);
          else secrets.delete(key);
          return undefined;
        }
        const known =
          kind === "ConfigMap" ? (onDisk.get(key) as ConfigMap | undefined) : secrets.get(key);
        if (known !== undefined) return known;
        throw new ConfigUnavailableError(
          kind,
          `Cannot read ${kind} "${namespace}/${name}": ${error.message}`,
          { cause: error },
        );
      }
    },
  };
}
