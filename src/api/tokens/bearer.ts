import type { IncomingMessage } from "node:http";
import type { Millis } from "../../base/clock.ts";
import type { ObjectStore } from "../../store/object-store.ts";
import { authenticate, type User } from "../authenticate.ts";
import type { NodeConnections } from "../join/node-connections.ts";
import { isRevoked } from "../join/node-identity.ts";
import type { OidcAuthenticator } from "./oidc.ts";
import type { ServiceTokens } from "./service-tokens.ts";

/** Who can say who sends a request, beside the connection's certificate. */
export interface Authenticators extends TokenAuthenticators {
  readonly objects: Pick<ObjectStore, "get">;
  readonly nodeConnections: NodeConnections;
}

/** Who can say it by a token. */
export interface TokenAuthenticators {
  readonly tokens?: ServiceTokens | undefined;
  readonly oidc?: OidcAuthenticator | undefined;
}

/** Who sends a request: by certificate, else by bearer token; `undefined` when nobody can say. */
export async function authenticateRequest(
  request: IncomingMessage,
  now: Millis,
  { tokens, oidc, objects, nodeConnections }: Authenticators,
): Promise<User | undefined> {
  const byCertificate = authenticate(request.socket, now);
  if (byCertificate !== undefined) {
    if (isRevoked(byCertificate, objects)) return undefined;
    nodeConnections.note(byCertificate, request.socket);
    return byCertificate;
  }
  const token = bearerOf(request);
  if (token === undefined) return undefined;
  return (await tokens?.verify(token))?.user ?? (await oidc?.authenticate(token));
}

/** The token of the header, or of the WebSocket's subprotocol, where browsers can set no header. Pure. */
export function bearerOf({ headers }: Pick<IncomingMessage, "headers">): string | undefined {
  const match = /^Bearer +(\S+) *$/i.exec(headers.authorization ?? "");
  if (match?.[1] !== undefined) return match[1];
  for (const part of (headers["sec-websocket-protocol"] ?? "").split(",")) {
    const name = part.trim();
    if (!name.startsWith(WEBSOCKET_PREFIX)) continue;
    const text = Buffer.from(name.slice(WEBSOCKET_PREFIX.length), "base64url").toString("utf8");
    if (text !== "") return text;
  }
  return undefined;
}

/** Source: Kubernetes' apiserver, "websocket" authentication. */
const WEBSOCKET_PREFIX = "base64url.bearer.authorization.k8s.io.";
