import type { Clock, Millis } from "../base/clock.ts";
import { ApiError, type ApiClient } from "../client/client.ts";
import type { Pod, ServiceAccountTokenProjection } from "../model/kinds.gen.ts";

/** Tokens of the accounts of this node's pods, renewed well before they end. */
export interface AccountTokens {
  /**
   * A token that is good for a while. While the API cannot be asked: the last one, as long as it is good. Throws
   * `TokenUnavailableError`.
   */
  get(pod: Pod, projection: TokenProjection, signal: AbortSignal): Promise<string>;
}

export type TokenProjection = Pick<ServiceAccountTokenProjection, "audience" | "expirationSeconds">;

/** Nobody gives a token: the API is away, or says no. */
export class TokenUnavailableError extends Error {
  override readonly name = "TokenUnavailableError";
  /** Whether the API is away, and may give one later. */
  readonly isAway: boolean;

  constructor(message: string, isAway: boolean, options?: ErrorOptions) {
    super(message, options);
    this.isAway = isAway;
  }
}

interface Known {
  readonly token: string;
  readonly renewAt: Millis;
  readonly expiresAt: Millis;
}

/** Renewed after this part of their life, and after a day at the latest, as kubelet does. */
const RENEW_AFTER = 0.8;
const MAX_AGE_MS: Millis = 86_400_000;
/** Tokens kept, in memory only; pods that are gone fall out. */
const MAX_KNOWN = 2000;

export function createAccountTokens(
  client: Pick<ApiClient, "request">,
  clock: Clock,
): AccountTokens {
  const known = new Map<string, Known>();
  const keep = (key: string, token: Known): void => {
    known.delete(key);
    known.set(key, token);
    const [oldest] = known.keys();
    if (known.size > MAX_KNOWN && oldest !== undefined) known.delete(oldest);
  };
  return {
    async get(pod, projection, signal) {
      const { audience = "", expirationSeconds } = projection;
      const key = `${pod.metadata.uid ?? ""}/${expirationSeconds}/${audience}`;
      const found = known.get(key);
      const now = clock.now();
      if (found !== undefined && now < found.renewAt) return found.token;
      try {
        const fresh = await ask(client, pod, projection, signal);
        const life = Math.min((fresh.expiresAt - now) * RENEW_AFTER, MAX_AGE_MS);
        keep(key, { ...fresh, renewAt: now + life });
        return fresh.token;
      } catch (error) {
        if (!(error instanceof ApiError)) throw error;
        if (found !== undefined && now < found.expiresAt) return found.token;
        const name = pod.spec.serviceAccountName ?? "";
        const message = `Cannot get a token of the ServiceAccount "${name}": ${error.message}`;
        const isAway = error.code === 0 || error.code >= 500;
        throw new TokenUnavailableError(message, isAway, { cause: error });
      }
    },
  };
}

async function ask(
  client: Pick<ApiClient, "request">,
  { metadata, spec }: Pod,
  { audience, expirationSeconds }: TokenProjection,
  signal: AbortSignal,
): Promise<{ readonly token: string; readonly expiresAt: Millis }> {
  const { namespace = "", name, uid } = metadata;
  const account = spec.serviceAccountName ?? "default";
  const path = `/api/v1/namespaces/${namespace}/serviceaccounts/${account}/token`;
  const { status } = await client.request<{
    readonly status: { readonly token: string; readonly expirationTimestamp: string };
  }>(
    "POST",
    path,
    {
      kind: "TokenRequest",
      apiVersion: "authentication.k8s.io/v1",
      spec: {
        audiences: audience === undefined ? [] : [audience],
        expirationSeconds,
        boundObjectRef: { kind: "Pod", apiVersion: "v1", name, uid },
      },
    },
    signal,
  );
  return { token: status.token, expiresAt: Date.parse(status.expirationTimestamp) };
}
