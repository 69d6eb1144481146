import { randomUUID } from "node:crypto";
import { createLocalJWKSet, errors, jwtVerify, SignJWT, type JWTPayload } from "jose";
import type { Clock, Millis } from "../../base/clock.ts";
import type { ApiObject, ObjectRef } from "../../model/meta.ts";
import type { ObjectStore } from "../../store/object-store.ts";
import type { User } from "../authenticate.ts";
import { isJsonObject } from "../body.ts";
import { TOKEN_ALGORITHM, type SigningKey } from "./signing-keys.ts";

/** What a token is bound to: it ends with it. */
export interface BoundObject {
  readonly kind: "Pod" | "Secret" | "Node";
  readonly name: string;
  readonly uid: string;
}

export interface TokenWish {
  readonly account: { readonly namespace: string; readonly name: string; readonly uid: string };
  /** Empty: the API itself. */
  readonly audiences: readonly string[];
  readonly seconds: number;
  readonly bound?: BoundObject | undefined;
  /** Of a pod's node. */
  readonly node?: { readonly name: string; readonly uid: string } | undefined;
}

export interface IssuedToken {
  readonly token: string;
  readonly expiresAt: Millis;
}

/** A token that is good, and for whom. */
export interface Verified {
  readonly user: User;
  readonly audiences: readonly string[];
}

/**
 * Tokens of ServiceAccounts as Kubernetes signs them: for an audience, for a time, bound to what uses them. One of an
 * account, pod or node that is gone is refused at once, whatever time it has left.
 */
export interface ServiceTokens {
  readonly issuer: string;
  issue(wish: TokenWish): Promise<IssuedToken>;
  /** `undefined` when it is none of ours or no longer good. Of no audiences: those of the API. */
  verify(token: string, audiences?: readonly string[]): Promise<Verified | undefined>;
  /** Public keys, as `/openid/v1/jwks` shows them. */
  readonly jwks: { readonly keys: readonly unknown[] };
}

export interface ServiceTokensOptions {
  readonly objects: Pick<ObjectStore, "get">;
  /** The first one signs; the others are still good. At least one. */
  readonly keys: readonly SigningKey[];
  /** An HTTPS URL. */
  readonly issuer: string;
  readonly clock: Clock;
}

/** A pod that is ending may use its token for so long after its grace. */
const ENDING_LEEWAY_MS: Millis = 60_000;
const MAX_TOKEN_CHARS = 16_384;
const PRIVATE_CLAIM = "kubernetes.io";

export function createServiceTokens(options: ServiceTokensOptions): ServiceTokens {
  const { objects, keys, issuer, clock } = options;
  const [signer] = keys;
  if (signer === undefined) throw new Error("Cannot sign tokens without a key");
  const jwks = { keys: keys.map(({ jwk }) => jwk) };
  const findKey = createLocalJWKSet(jwks);
  return {
    issuer,
    jwks,
    issue: (wish) => sign(wish, { signer, issuer, now: clock.now() }),
    async verify(token, audiences = [issuer]) {
      if (token.length > MAX_TOKEN_CHARS) return undefined;
      const now = clock.now();
      const payload = await jwtVerify(token, findKey, {
        issuer,
        audience: [...audiences],
        algorithms: [TOKEN_ALGORITHM],
        currentDate: new Date(now),
      }).then(
        (result) => result.payload,
        (error: unknown) => {
          if (error instanceof errors.JOSEError) return undefined;
          throw error;
        },
      );
      const claims = payload === undefined ? undefined : readClaims(payload);
      if (claims === undefined || !stillStands(claims, objects, now)) return undefined;
      const given = [payload?.aud ?? []].flat();
      return { user: claims.user, audiences: given.filter((item) => audiences.includes(item)) };
    },
  };
}

async function sign(
  { account, audiences, seconds, bound, node }: TokenWish,
  {
    signer,
    issuer,
    now,
  }: { readonly signer: SigningKey; readonly issuer: string; readonly now: Millis },
): Promise<IssuedToken> {
  const issuedAt = Math.floor(now / 1000);
  const expires = issuedAt + seconds;
  const { namespace, name, uid } = account;
  const about =
    bound === undefined ? {} : { [bound.kind.toLowerCase()]: { name: bound.name, uid: bound.uid } };
  const on = node === undefined ? {} : { node };
  const token = await new SignJWT({
    [PRIVATE_CLAIM]: { namespace, ...on, ...about, serviceaccount: { name, uid } },
  })
    .setProtectedHeader({ alg: TOKEN_ALGORITHM, kid: signer.id })
    .setIssuer(issuer)
    .setSubject(`system:serviceaccount:${namespace}:${name}`)
    .setAudience(audiences.length === 0 ? [issuer] : [...audiences])
    .setIssuedAt(issuedAt)
    .setNotBefore(issuedAt)
    .setExpirationTime(expires)
    .setJti(randomUUID())
    .sign(signer.privateKey);
  return { token, expiresAt: expires * 1000 };
}

interface Named {
  readonly name: string;
  readonly uid: string;
}

interface Claims {
  readonly user: User;
  readonly namespace: string;
  readonly account: Named;
  readonly pod: Named | undefined;
  readonly secret: Named | undefined;
  readonly node: Named | undefined;
}

function readClaims({ [PRIVATE_CLAIM]: own, sub, jti }: JWTPayload): Claims | undefined {
  if (!isJsonObject(own) || typeof own["namespace"] !== "string") return undefined;
  const { namespace } = own;
  const account = named(own["serviceaccount"]);
  const name = `system:serviceaccount:${namespace}:${account?.name ?? ""}`;
  if (account === undefined || sub !== name) return undefined;
  const [pod, secret, node] = [named(own["pod"]), named(own["secret"]), named(own["node"])];
  const extra = {
    ...(jti === undefined ? {} : { "authentication.kubernetes.io/credential-id": [`JTI=${jti}`] }),
    ...(node === undefined
      ? {}
      : {
          "authentication.kubernetes.io/node-name": [node.name],
          "authentication.kubernetes.io/node-uid": [node.uid],
        }),
    ...(pod === undefined
      ? {}
      : {
          "authentication.kubernetes.io/pod-name": [pod.name],
          "authentication.kubernetes.io/pod-uid": [pod.uid],
        }),
  };
  const groups = ["system:serviceaccounts", `system:serviceaccounts:${namespace}`];
  return { user: { name, groups, uid: account.uid, extra }, namespace, account, pod, secret, node };
}

function named(value: unknown): Named | undefined {
  if (!isJsonObject(value)) return undefined;
  const { name, uid } = value;
  return typeof name === "string" && typeof uid === "string" ? { name, uid } : undefined;
}

/** Whether the account is there, and everything that the token is bound to. */
function stillStands(claims: Claims, objects: Pick<ObjectStore, "get">, now: Millis): boolean {
  const { namespace, account, pod, secret, node } = claims;
  const is = (kind: string, wanted: Named | undefined, scope: string | undefined): boolean => {
    if (wanted === undefined) return true;
    const ref: ObjectRef = {
      apiVersion: "v1",
      kind,
      name: wanted.name,
      ...(scope === undefined ? {} : { namespace: scope }),
    };
    const found = objects.get(ref)?.object;
    return found?.metadata.uid === wanted.uid && !isLongEnding(found, now);
  };
  return (
    is("ServiceAccount", account, namespace) &&
    is("Pod", pod, namespace) &&
    is("Secret", secret, namespace) &&
    // A pod that was deleted with its node has its own say.
    (pod !== undefined || is("Node", node, undefined))
  );
}

function isLongEnding({ metadata }: ApiObject, now: Millis): boolean {
  const { deletionTimestamp } = metadata;
  return deletionTimestamp !== undefined && Date.parse(deletionTimestamp) + ENDING_LEEWAY_MS < now;
}
