import { request as httpsRequest } from "node:https";
import {
  createRemoteJWKSet,
  customFetch,
  decodeJwt,
  errors,
  jwtVerify,
  type JWTPayload,
} from "jose";
import type { Clock, Millis } from "../../base/clock.ts";
import type { Logger } from "../../base/logger.ts";
import type { User } from "../authenticate.ts";

/** Who says who people are: any issuer of OpenID Connect. The words are kube-apiserver's. */
export interface OidcConfig {
  /** An HTTPS URL, exactly as in the tokens' `iss`. */
  readonly issuerUrl: string;
  /** Must be among the audiences of a token. */
  readonly clientId: string;
  /** `sub` unless told. */
  readonly usernameClaim?: string;
  /** Before the names; unless told the issuer's URL and `#`, or nothing for `email`. `-` is nothing. */
  readonly usernamePrefix?: string;
  /** A list of groups; unless told nobody is in any. */
  readonly groupsClaim?: string;
  readonly groupsPrefix?: string;
  /** Claims that a token must have with this very value. */
  readonly requiredClaims?: Readonly<Record<string, string>>;
  /** PEM of the CA of the issuer; otherwise those that the system trusts. */
  readonly ca?: string;
}

/** Reads the tokens of one issuer. */
export interface OidcAuthenticator {
  /** `undefined` when the token is not of this issuer or not good. */
  authenticate(token: string): Promise<User | undefined>;
}

/** What the issuer signs with; never `none`, never a secret that both sides know. */
const ALGORITHMS = [
  "RS256",
  "RS384",
  "RS512",
  "ES256",
  "ES384",
  "ES512",
  "PS256",
  "PS384",
  "PS512",
  "EdDSA",
];
const FETCH_LIMIT_MS: Millis = 10_000;
const MAX_DOCUMENT_BYTES = 1024 * 1024;
const MAX_TOKEN_CHARS = 65_536;
/** The issuer's keys are read anew after this time, and when a token names one that is not known. */
const KEYS_MAX_AGE_MS: Millis = 600_000;
/** Not more often than this for unknown keys. */
const KEYS_COOLDOWN_MS: Millis = 30_000;
/** Names that only Berth itself gives. */
const OWN_PREFIX = "system:";

/** Fetches nothing before the first token of the issuer comes. */
export function createOidcAuthenticator(
  config: OidcConfig,
  { clock, logger }: { readonly clock: Clock; readonly logger: Logger },
): OidcAuthenticator {
  let keys: Promise<ReturnType<typeof createRemoteJWKSet>> | undefined;
  const openKeys = (): NonNullable<typeof keys> => {
    keys ??= discover(config).catch((error: unknown) => {
      keys = undefined;
      throw error;
    });
    return keys;
  };
  return {
    async authenticate(token) {
      if (token.length > MAX_TOKEN_CHARS || issuerOf(token) !== config.issuerUrl) return undefined;
      try {
        const { payload } = await jwtVerify(token, await openKeys(), {
          issuer: config.issuerUrl,
          audience: config.clientId,
          algorithms: ALGORITHMS,
          requiredClaims: ["exp"],
          currentDate: new Date(clock.now()),
        });
        return toUser(payload, config);
      } catch (error) {
        const isRefused =
          error instanceof errors.JOSEError && !(error instanceof errors.JWKSTimeout);
        if (!isRefused)
          logger.warn(
            { error, issuer: config.issuerUrl },
            "Cannot ask the issuer of tokens for its keys",
          );
        return undefined;
      }
    },
  };
}

/** The user of a checked token; `undefined` when a claim that it needs is missing or other. Pure. */
export function toUser(payload: JWTPayload, config: OidcConfig): User | undefined {
  for (const [claim, value] of Object.entries(config.requiredClaims ?? {})) {
    if (payload[claim] !== value) return undefined;
  }
  const { usernameClaim = "sub", groupsClaim, groupsPrefix = "" } = config;
  const name = payload[usernameClaim];
  if (typeof name !== "string" || name === "") return undefined;
  // An address that nobody has checked is anybody's.
  if (usernameClaim === "email" && payload["email_verified"] === false) return undefined;
  const full = `${usernamePrefixOf(config)}${name}`;
  const given = groupsClaim === undefined ? [] : [payload[groupsClaim] ?? []].flat();
  const groups = given
    .filter((item) => typeof item === "string")
    .map((item) => `${groupsPrefix}${item}`);
  if (full.startsWith(OWN_PREFIX)) return undefined;
  return { name: full, groups: groups.filter((group) => !group.startsWith(OWN_PREFIX)) };
}

function usernamePrefixOf({
  usernameClaim = "sub",
  usernamePrefix,
  issuerUrl,
}: OidcConfig): string {
  if (usernamePrefix === "-") return "";
  return usernamePrefix ?? (usernameClaim === "email" ? "" : `${issuerUrl}#`);
}

function issuerOf(token: string): string | undefined {
  try {
    return decodeJwt(token).iss;
  } catch {
    return undefined;
  }
}

/** Source: OpenID Connect Discovery 1.0, section 4. */
async function discover(config: OidcConfig): Promise<ReturnType<typeof createRemoteJWKSet>> {
  const base = config.issuerUrl.replace(/\/$/, "");
  const text = await fetchText(`${base}/.well-known/openid-configuration`, config.ca);
  const { issuer, jwks_uri: uri } = JSON.parse(text) as Record<string, unknown>;
  if (issuer !== config.issuerUrl) {
    throw new Error(
      `The issuer "${config.issuerUrl}" calls itself ${JSON.stringify(issuer)}: use that URL`,
    );
  }
  if (typeof uri !== "string" || !uri.startsWith("https://")) {
    throw new Error(`The issuer "${issuer}" names no address of its keys by HTTPS`);
  }
  return createRemoteJWKSet(new URL(uri), {
    cacheMaxAge: KEYS_MAX_AGE_MS,
    cooldownDuration: KEYS_COOLDOWN_MS,
    timeoutDuration: FETCH_LIMIT_MS,
    [customFetch]: async (url) =>
      new Response(await fetchText(url, config.ca), {
        headers: { "content-type": "application/json" },
      }),
  });
}

/** By HTTPS alone, to its end within limits of time and size; redirects are not followed. */
function fetchText(url: string, ca: string | undefined): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  const signal = AbortSignal.timeout(FETCH_LIMIT_MS);
  const options = {
    signal,
    headers: { accept: "application/json" },
    ...(ca === undefined ? {} : { ca }),
  };
  const request = httpsRequest(url, options, (response) => {
    const chunks: Buffer[] = [];
    let size = 0;
    response.on("data", (chunk: Buffer) => {
      size += chunk.length;
      if (size > MAX_DOCUMENT_BYTES)
        request.destroy(new Error(`${url} answers with more than ${MAX_DOCUMENT_BYTES} bytes`));
      else chunks.push(chunk);
    });
    response.on("error", reject);
    response.on("end", () => {
      if (response.statusCode === 200) resolve(Buffer.concat(chunks).toString("utf8"));
      else reject(new Error(`${url} answers with status ${response.statusCode ?? 0}`));
    });
  });
  request.on("error", reject);
  request.end();
  return promise;
}
