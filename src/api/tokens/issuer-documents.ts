import type { ServerResponse } from "node:http";
import { sendBytes } from "../respond.ts";
import type { ServiceTokens } from "./service-tokens.ts";
import { TOKEN_ALGORITHM } from "./signing-keys.ts";

const JWKS_PATH = "/openid/v1/jwks";
const CONFIGURATION_PATH = "/.well-known/openid-configuration";

/**
 * Answers what others need to check our tokens by themselves. False when the path is none of that.
 *
 * Source: OpenID Connect Discovery 1.0, as far as Kubernetes serves it.
 */
export function answerIssuer(
  response: ServerResponse,
  path: string,
  tokens: ServiceTokens | undefined,
): boolean {
  if (tokens === undefined) return false;
  if (path === JWKS_PATH) {
    sendBytes(response, 200, bytesOf(tokens.jwks), "application/jwk-set+json");
    return true;
  }
  if (path !== CONFIGURATION_PATH) return false;
  const configuration = {
    issuer: tokens.issuer,
    jwks_uri: `${tokens.issuer.replace(/\/$/, "")}${JWKS_PATH}`,
    response_types_supported: ["id_token"],
    subject_types_supported: ["public"],
    id_token_signing_alg_values_supported: [TOKEN_ALGORITHM],
  };
  sendBytes(response, 200, bytesOf(configuration), "application/json");
  return true;
}

function bytesOf(document: unknown): Buffer {
  return Buffer.from(`${JSON.stringify(document)}\n`);
}
