import { describe, expect, test } from "vitest";
import { matchCredentials, parsePullSecret } from "../../src/agent/pull-secrets.ts";
import type { Secret } from "../../src/model/kinds.gen.ts";

const encode = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString("base64");

function secret(data: Readonly<Record<string, string>>, type: string): Secret {
  return { apiVersion: "v1", kind: "Secret", type, metadata: { name: "registry" }, data };
}

/** Who is tried for an image, when each place has a user of its name. */
function users(places: readonly string[], image: string): readonly string[] {
  const auths = Object.fromEntries(places.map((at) => [at, { username: at, password: "p" }]));
  const data = { ".dockerconfigjson": encode({ auths }) };
  const credentials = parsePullSecret(secret(data, "kubernetes.io/dockerconfigjson"));
  return matchCredentials(credentials, image).map(({ username }) => username);
}

describe("matchCredentials()", () => {
  test.for([
    { places: ["a.example"], image: "a.example/x:1", gives: ["a.example"] },
    { places: ["https://a.example/v1/"], image: "a.example/x:1", gives: ["https://a.example/v1/"] },
    { places: ["a.example"], image: "b.example/x:1", gives: [] },
    { places: ["a.example"], image: "a.example:5000/x:1", gives: [] },
    { places: ["a.example:5000"], image: "a.example:5000/x:1", gives: ["a.example:5000"] },
    {
      places: ["a.example", "a.example/team", "a.example/other"],
      image: "a.example/team/x:1",
      gives: ["a.example/team", "a.example"],
    },
    { places: ["*.example"], image: "a.example/x", gives: ["*.example"] },
    { places: ["*.example"], image: "a.b.example/x", gives: [] },
    { places: ["r?g-*.example"], image: "reg-eu.example/x", gives: ["r?g-*.example"] },
    { places: ["r*g.example"], image: "rag-g.other/x", gives: [] },
    {
      places: ["https://index.docker.io/v1/", "a.example"],
      image: "nginx:1.27",
      gives: ["https://index.docker.io/v1/"],
    },
    { places: ["index.docker.io"], image: "docker.io/library/nginx", gives: ["index.docker.io"] },
    { places: ["index.docker.io"], image: "team/app:1", gives: ["index.docker.io"] },
    { places: ["index.docker.io"], image: "a.example/app:1", gives: [] },
  ])("$places for $image", ({ places, image, gives }) => {
    expect(users(places, image)).toEqual(gives);
  });
});

describe("parsePullSecret()", () => {
  const modern = (auths: unknown): Secret =>
    secret({ ".dockerconfigjson": encode({ auths }) }, "kubernetes.io/dockerconfigjson");

  test("name and password in one, apart, or a token", () => {
    const auth = Buffer.from("me:a:b").toString("base64");
    expect(parsePullSecret(modern({ a: { auth }, b: { identitytoken: "t" } }))).toEqual([
      { place: "a", auth: { username: "me", password: "a:b", serverAddress: "a" } },
      {
        place: "b",
        auth: { username: "", password: "", identityToken: "t", serverAddress: "b" },
      },
    ]);
  });

  test("the old form", () => {
    const data = { ".dockercfg": encode({ a: { username: "me", password: "p" } }) };
    const found = parsePullSecret(secret(data, "kubernetes.io/dockercfg"));
    expect(found.map(({ auth }) => auth.username)).toEqual(["me"]);
  });

  test.for([modern(null), modern({ a: null, b: 7, c: { auth: "" } }), secret({}, "Opaque")])(
    "what cannot be read gives nothing",
    (broken) => {
      expect(parsePullSecret(broken)).toEqual([]);
    },
  );
});
