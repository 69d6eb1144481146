import type { App, Secret } from "../model/kinds.gen.ts";
import { repositoryIdentity } from "../sync/git-url.ts";
import type { StoreWorld } from "./store-world.ts";

/** The key of a webhook's Secret. */
const TOKEN_KEY = "token";
/** Shorter tokens can be guessed. */
const MIN_TOKEN_LENGTH = 12;

/** What webhooks come to, from the Apps and Secrets of the store. */
export interface AppWebhooks {
  tokens(): readonly { readonly token: string; readonly apps: readonly string[] }[];
  look(apps: readonly string[], addresses: readonly string[]): readonly string[];
}

/** Webhooks wake the Apps whose token signed them and whose repository they name. */
export function appWebhooks(
  world: Pick<StoreWorld, "list" | "get">,
  lookNow: (apps: readonly string[]) => void,
): AppWebhooks {
  const apps = (): readonly App[] => world.list("berth.dev/v1", "App") as readonly App[];
  return {
    tokens() {
      const byToken = new Map<string, string[]>();
      for (const app of apps()) {
        const token = tokenOf(app, world);
        if (token === undefined) continue;
        byToken.set(token, [...(byToken.get(token) ?? []), app.metadata.name]);
      }
      return [...byToken].map(([token, names]) => ({ token, apps: names }));
    },
    look(names, addresses) {
      const wanted = new Set(addresses.map(repositoryIdentity));
      const allowed = new Set(names);
      const meant = apps()
        .filter(({ metadata }) => allowed.has(metadata.name))
        .filter(({ spec }) => wanted.size === 0 || wanted.has(repositoryIdentity(spec.repo)))
        .map(({ metadata }) => metadata.name);
      if (meant.length > 0) lookNow(meant);
      return meant;
    },
  };
}

function tokenOf({ spec }: App, world: Pick<StoreWorld, "get">): string | undefined {
  if (spec.webhookSecretRef === undefined) return undefined;
  const { namespace, name } = spec.webhookSecretRef;
  const secret = world.get({ apiVersion: "v1", kind: "Secret", namespace, name });
  const value = (secret as Secret | undefined)?.data?.[TOKEN_KEY];
  const token = value === undefined ? "" : Buffer.from(value, "base64").toString().trim();
  return token.length < MIN_TOKEN_LENGTH ? undefined : token;
}
