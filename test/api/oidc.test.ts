import { generateKeyPairSync } from "node:crypto";
import { createServer, type Server } from "node:https";
import type { AddressInfo } from "node:net";
import { calculateJwkThumbprint, exportJWK, SignJWT, type JWTPayload } from "jose";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createAuthority } from "../../src/api/pki.ts";
import { createOidcAuthenticator, toUser, type OidcConfig } from "../../src/api/tokens/oidc.ts";
import { silentLogger } from "../../src/base/logger.ts";
import { systemClock } from "../../src/base/system-clock.ts";
import type { User } from "../../src/api/authenticate.ts";

/** An issuer of one's own, with keys that can be changed. */
interface Issuer extends AsyncDisposable {
  readonly url: string;
  readonly ca: string;
  readonly asked: readonly string[];
  sign(
    claims: JWTPayload,
    more?: { readonly alg?: string; readonly withKey?: string },
  ): Promise<string>;
  rotate(): Promise<void>;
  /** What it calls itself. */
  name: string;
}

async function startIssuer(): Promise<Issuer> {
  const authority = await createAuthority({ commonName: "issuer-ca", now: Date.now() });
  const pair = await authority.issueServer({
    commonName: "issuer",
    hosts: ["127.0.0.1"],
    now: Date.now(),
  });
  let keys = await makeKeys();
  const asked: string[] = [];
  const server: Server = createServer(pair, (request, response) => {
    asked.push(request.url ?? "");
    const isKeys = request.url === "/keys";
    const document = isKeys
      ? { keys: [keys.jwk] }
      : { issuer: issuer.name, jwks_uri: `${issuer.url}/keys` };
    response.setHeader("content-type", "application/json").end(JSON.stringify(document));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const url = `https://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const issuer: Issuer = {
    url,
    ca: authority.cert,
    asked,
    name: url,
    async sign(claims, { alg = "RS256" } = {}) {
      return new SignJWT({
        iss: url,
        aud: "berth",
        exp: Math.floor(Date.now() / 1000) + 600,
        ...claims,
      })
        .setProtectedHeader({ alg, kid: keys.id })
        .sign(keys.privateKey);
    },
    async rotate() {
      keys = await makeKeys();
    },
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
  return issuer;
}

async function makeKeys() {
  const { privateKey, publicKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
  const bare = await exportJWK(publicKey);
  const id = await calculateJwkThumbprint(bare);
  return { privateKey, id, jwk: { ...bare, kid: id, alg: "RS256", use: "sig" } };
}

let issuer: Issuer;
beforeAll(async () => {
  issuer = await startIssuer();
});
afterAll(() => issuer[Symbol.asyncDispose]());

const read = (token: string, more: Partial<OidcConfig> = {}): Promise<User | undefined> => {
  const config = { issuerUrl: issuer.url, clientId: "berth", ca: issuer.ca, ...more };
  return createOidcAuthenticator(config, { clock: systemClock, logger: silentLogger }).authenticate(
    token,
  );
};

describe("a token of an issuer", () => {
  test("is a user, with groups where they are asked for", async () => {
    const token = await issuer.sign({ sub: "alice", groups: ["dev", "ops"] });
    expect(await read(token)).toEqual({ name: `${issuer.url}#alice`, groups: [] });
    const config = { usernamePrefix: "oidc:", groupsClaim: "groups", groupsPrefix: "oidc:" };
    expect(await read(token, config)).toEqual({
      name: "oidc:alice",
      groups: ["oidc:dev", "oidc:ops"],
    });
  });

  test.each<readonly [string, JWTPayload, Partial<OidcConfig>]>([
    ["for somebody else", { aud: "other" }, {}],
    ["that is over", { exp: 1000 }, {}],
    ["of another issuer", { iss: "https://other.example" }, {}],
    ["without a name", {}, { usernameClaim: "email" }],
    ["without a claim that is required", {}, { requiredClaims: { tenant: "x" } }],
    ["with another value of it", { tenant: "y" }, { requiredClaims: { tenant: "x" } }],
  ])("%s is refused", async (_, claims, config) => {
    expect(await read(await issuer.sign({ sub: "alice", ...claims }), config)).toBeUndefined();
  });

  test("signed by another key, or with what both sides know, is refused", async () => {
    const good = await issuer.sign({ sub: "alice" });
    const [head = "", body = ""] = good.split(".");
    expect(await read(`${head}.${body}.${"A".repeat(342)}`)).toBeUndefined();
    const secret = await new SignJWT({
      iss: issuer.url,
      aud: "berth",
      sub: "x",
      exp: 9_999_999_999,
    })
      .setProtectedHeader({ alg: "HS256" })
      .sign(Buffer.from(issuer.ca));
    expect(await read(secret)).toBeUndefined();
  });

  test("keeps the keys, and asks anew when the issuer has others", async () => {
    await using own = await startIssuer();
    const config = { issuerUrl: own.url, clientId: "berth", ca: own.ca };
    const authenticator = createOidcAuthenticator(config, {
      clock: systemClock,
      logger: silentLogger,
    });
    const sub = { sub: "alice" };
    expect(await authenticator.authenticate(await own.sign(sub))).toBeDefined();
    expect(await authenticator.authenticate(await own.sign(sub))).toBeDefined();
    expect(own.asked).toEqual(["/.well-known/openid-configuration", "/keys"]);
    await own.rotate();
    // Not more often than every 30 s: a stranger's token must not make us ask and ask.
    expect(await authenticator.authenticate(await own.sign(sub))).toBeUndefined();
    expect(own.asked).toHaveLength(2);
  });

  test("an issuer that calls itself otherwise, or is away, is asked again later", async () => {
    await using own = await startIssuer();
    const config = { issuerUrl: own.url, clientId: "berth", ca: own.ca };
    const authenticator = createOidcAuthenticator(config, {
      clock: systemClock,
      logger: silentLogger,
    });
    own.name = "https://other.example";
    const token = await own.sign({ sub: "alice" });
    expect(await authenticator.authenticate(token)).toBeUndefined();
    own.name = own.url;
    expect(await authenticator.authenticate(token)).toBeDefined();
    const strange = { ...config, ca: issuer.ca };
    expect(
      await createOidcAuthenticator(strange, {
        clock: systemClock,
        logger: silentLogger,
      }).authenticate(token),
    ).toBeUndefined();
  });
});

describe("claims", () => {
  const config: OidcConfig = { issuerUrl: "https://i", clientId: "c" };
  test.each<readonly [string, JWTPayload, Partial<OidcConfig>, User | undefined]>([
    [
      "an address has no prefix",
      { email: "a@b" },
      { usernameClaim: "email" },
      { name: "a@b", groups: [] },
    ],
    [
      "unless told",
      { email: "a@b" },
      { usernameClaim: "email", usernamePrefix: "o:" },
      { name: "o:a@b", groups: [] },
    ],
    [
      "that nobody has checked",
      { email: "a@b", email_verified: false },
      { usernameClaim: "email" },
      undefined,
    ],
    ["no prefix", { sub: "a" }, { usernamePrefix: "-" }, { name: "a", groups: [] }],
    [
      "one group",
      { sub: "a", g: "dev" },
      { groupsClaim: "g", usernamePrefix: "-" },
      { name: "a", groups: ["dev"] },
    ],
    ["no names of ours", { sub: "system:admin" }, { usernamePrefix: "-" }, undefined],
    [
      "no groups of ours",
      { sub: "a", g: ["system:masters", "dev", 7] },
      { groupsClaim: "g", usernamePrefix: "-" },
      { name: "a", groups: ["dev"] },
    ],
    ["an empty name", { sub: "" }, {}, undefined],
  ])("%s", (_, claims, more, expected) => {
    expect(toUser(claims, { ...config, ...more })).toEqual(expected);
  });
});
