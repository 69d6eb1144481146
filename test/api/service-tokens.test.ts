import { createLocalJWKSet, decodeJwt, jwtVerify, SignJWT, type JSONWebKeySet } from "jose";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { generateSigningKey, readSigningKey } from "../../src/api/tokens/signing-keys.ts";
import type { ApiObject } from "../../src/model/meta.ts";
import { rawRequest } from "../support/api-request.ts";
import { ISSUER, startTestApi, type ApiUnderTest } from "../support/api-server.ts";
import { ManualClock } from "../support/manual-clock.ts";
import * as build from "../support/builders.ts";

const START = Date.parse("2026-03-01T12:00:00Z");
const HOUR = 3_600_000;

let api: ApiUnderTest;
let clock: ManualClock;
let pod: ApiObject;
beforeEach(async () => {
  clock = new ManualClock(START);
  api = await startTestApi({ clock });
  await api.put(build.namespace("shop"));
  await api.put(build.node({ name: "a" }));
  await api.put(account("robot"));
  const { spec } = build.pod({ name: "web", node: "a" });
  const made = build.pod({
    name: "web",
    node: "a",
    spec: { ...spec, serviceAccountName: "robot" },
  });
  pod = (await api.put(made)).object;
});
afterEach(() => api[Symbol.asyncDispose]());

const account = (name: string): ApiObject => ({
  apiVersion: "v1",
  kind: "ServiceAccount",
  metadata: { name, namespace: "shop" },
});
const REVIEWS = "/apis/authentication.k8s.io/v1/tokenreviews";
const PATH = "/api/v1/namespaces/shop/serviceaccounts/robot/token";

interface Answer {
  readonly code: number;
  readonly body: { readonly status?: { readonly userInfo?: unknown } };
}

/** A request without a certificate; with a token where one is given. */
async function send(method: string, path: string, token: string, body?: unknown): Promise<Answer> {
  const headers = { Authorization: `Bearer ${token}`, "Content-Type": "application/json" };
  const target = { server: api.url, ca: api.authority.cert };
  const { code, json } = await rawRequest(target, { method, path, headers, body });
  return { code, body: json as Answer["body"] };
}

interface Token {
  readonly token: string;
  readonly expirationTimestamp: string;
}

async function ask(spec: object, as: "admin" | "node" = "admin"): Promise<Token> {
  const client = as === "admin" ? api.admin : await api.node("a");
  const { status } = await client.request<{ readonly status: Token }>("POST", PATH, { spec });
  return status;
}

const bound = (): object => ({
  boundObjectRef: { kind: "Pod", apiVersion: "v1", name: "web", uid: pod.metadata.uid },
});

const whoami = async (token: string): Promise<unknown> => {
  const { code, body } = await send(
    "POST",
    "/apis/authentication.k8s.io/v1/selfsubjectreviews",
    token,
    {},
  );
  return code === 201 ? body.status?.userInfo : code;
};

describe("a token of an account", () => {
  test("says who, for whom and until when, as Kubernetes' do", async () => {
    const { token, expirationTimestamp } = await ask({ ...bound(), expirationSeconds: 7200 });
    expect(expirationTimestamp).toBe("2026-03-01T14:00:00Z");
    const claims = decodeJwt(token);
    const node = api.objects.get({ apiVersion: "v1", kind: "Node", name: "a" })?.object;
    const robot = api.objects.get({
      apiVersion: "v1",
      kind: "ServiceAccount",
      namespace: "shop",
      name: "robot",
    });
    expect(claims).toMatchObject({
      iss: ISSUER,
      sub: "system:serviceaccount:shop:robot",
      aud: [ISSUER],
      iat: START / 1000,
      nbf: START / 1000,
      exp: START / 1000 + 7200,
      "kubernetes.io": {
        namespace: "shop",
        serviceaccount: { name: "robot", uid: robot?.object.metadata.uid },
        pod: { name: "web", uid: pod.metadata.uid },
        node: { name: "a", uid: node?.metadata.uid },
      },
    });
    expect(await whoami(token)).toEqual({
      username: "system:serviceaccount:shop:robot",
      groups: ["system:serviceaccounts", "system:serviceaccounts:shop", "system:authenticated"],
    });
  });

  test("can be checked by others with the keys that are served", async () => {
    const { token } = await ask({ audiences: ["vault"] });
    const admin = api.admin;
    expect(await admin.request("GET", "/.well-known/openid-configuration")).toMatchObject({
      issuer: ISSUER,
      jwks_uri: `${ISSUER}/openid/v1/jwks`,
    });
    const keys = await admin.request<JSONWebKeySet>("GET", "/openid/v1/jwks");
    expect(JSON.stringify(keys)).not.toContain('"d"');
    const options = { issuer: ISSUER, audience: "vault", currentDate: new Date(START) };
    await expect(jwtVerify(token, createLocalJWKSet(keys), options)).resolves.toBeDefined();
    expect(await whoami(token)).toBe(401);
  });

  test("ends with its time, its account and its pod", async () => {
    const { token } = await ask(bound());
    expect(await whoami(token)).toMatchObject({ username: "system:serviceaccount:shop:robot" });
    await clock.advance(HOUR + 1000);
    expect(await whoami(token)).toBe(401);
    const second = (await ask(bound())).token;
    await api.objects.remove({ apiVersion: "v1", kind: "Pod", namespace: "shop", name: "web" });
    expect(await whoami(second)).toBe(401);
    const third = (await ask({})).token;
    const ref = { apiVersion: "v1", kind: "ServiceAccount", namespace: "shop", name: "robot" };
    await api.objects.remove(ref);
    expect(await whoami(third)).toBe(401);
    await api.put(account("robot"));
    expect(await whoami(third), "another account of that name").toBe(401);
  });

  test.each([
    [
      "of another key",
      async () => {
        const { privateKey, id } = await readSigningKey(generateSigningKey());
        const claims = decodeJwt((await ask({})).token);
        return new SignJWT(claims).setProtectedHeader({ alg: "ES256", kid: id }).sign(privateKey);
      },
    ],
    [
      "without a signature",
      async () => {
        const [, payload = ""] = (await ask({})).token.split(".");
        const head = Buffer.from('{"alg":"none"}').toString("base64url");
        return `${head}.${payload}.`;
      },
    ],
    [
      "with other claims",
      async () => {
        const [head = "", , signature = ""] = (await ask({})).token.split(".");
        const claims = {
          ...decodeJwt((await ask({})).token),
          sub: "system:serviceaccount:kube-system:x",
        };
        return `${head}.${Buffer.from(JSON.stringify(claims)).toString("base64url")}.${signature}`;
      },
    ],
    ["cut", async () => (await ask({})).token.slice(0, -4)],
    ["that is none", () => Promise.resolve("x")],
    ["that is endless", () => Promise.resolve(`a.${"b".repeat(20_000)}.c`)],
  ] as readonly (readonly [string, () => Promise<string>])[])(
    "one %s is refused",
    async (_, forge) => {
      expect(await whoami(await forge())).toBe(401);
    },
  );

  test("bears the rights that are bound to its account, and no others", async () => {
    const { token } = await ask({});
    const path = "/api/v1/namespaces/shop/configmaps";
    expect((await send("GET", path, token)).code).toBe(403);
    const rbacVersion = "rbac.authorization.k8s.io/v1";
    const reads = { verbs: ["list"], apiGroups: [""], resources: ["configmaps"] };
    await api.put({
      apiVersion: rbacVersion,
      kind: "Role",
      metadata: { name: "r", namespace: "shop" },
      rules: [reads],
    } as ApiObject);
    await api.put({
      apiVersion: rbacVersion,
      kind: "RoleBinding",
      metadata: { name: "r", namespace: "shop" },
      roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "Role", name: "r" },
      subjects: [{ kind: "ServiceAccount", name: "robot" }],
    } as ApiObject);
    expect((await send("GET", path, token)).code).toBe(200);
    expect((await send("GET", "/api/v1/namespaces/shop/secrets", token)).code).toBe(403);
  });
});

describe("a request for a token", () => {
  test.each([
    [{ expirationSeconds: 599 }, "may not specify a duration less than 10 minutes"],
    [{ expirationSeconds: 1e9 }, "may not specify a duration longer than a year"],
    [{ expirationSeconds: "x" }, "must be a whole number"],
    [{ audiences: [""] }, "spec.audiences must be a list"],
    [{ boundObjectRef: { kind: "Service", name: "x" } }, 'cannot bind a token to "Service"'],
    [{ boundObjectRef: { kind: "Pod", name: "none" } }, 'pods "none" not found'],
    [
      { boundObjectRef: { kind: "Pod", name: "web", uid: "other" } },
      "does not match the UID in record",
    ],
  ])("%j is refused", async (spec, message) => {
    await expect(ask(spec)).rejects.toThrow(message);
  });

  test("a node gets one for a pod of its own, with the pod's account, and no other", async () => {
    await api.put(account("other"));
    await api.put(build.node({ name: "b" }));
    await api.put(build.pod({ name: "far", node: "b" }));
    const { token } = await ask(bound(), "node");
    expect(decodeJwt(token).sub).toBe("system:serviceaccount:shop:robot");
    await expect(ask({}, "node")).rejects.toThrow(
      "can only ask for tokens that are bound to a pod",
    );
    const far = { boundObjectRef: { kind: "Pod", name: "far" } };
    await expect(ask(far, "node")).rejects.toThrow(
      "can only ask for tokens of the accounts of its own pods",
    );
    const node = await api.node("a");
    const others = PATH.replace("robot", "other");
    await expect(node.request("POST", others, { spec: bound() })).rejects.toThrow(
      "accounts of its own pods",
    );
  });
});

test("TokenReview tells whose a token is, for whom it is meant", async () => {
  const { token } = await ask({ audiences: ["vault", "api"] });
  const review = async (spec: object): Promise<unknown> =>
    (await api.admin.request<{ readonly status: unknown }>("POST", REVIEWS, { spec })).status;
  expect(await review({ token, audiences: ["vault", "x"] })).toMatchObject({
    authenticated: true,
    audiences: ["vault"],
    user: { username: "system:serviceaccount:shop:robot" },
  });
  expect(await review({ token })).toMatchObject({ authenticated: false });
  expect(await review({ token: "x" })).toMatchObject({ authenticated: false });
  const robot = (await ask({})).token;
  const asRobot = await send("POST", REVIEWS, robot, { spec: { token } });
  expect(asRobot.code).toBe(403);
});
