import { expect, test } from "vitest";
import {
  basicAuthorization,
  isRemote,
  parseRemote,
  redactCredentials,
} from "../../src/sync/git-url.ts";

test.for([
  ["https://example.org/a.git", true],
  ["http://127.0.0.1:1/a", true],
  ["ssh://git@example.org/a", true],
  ["git@example.org:team/a.git", true],
  ["/srv/repo", false],
  ["/srv/odd:name@x", false],
  ["./repo", false],
] as const)("isRemote(%j) is %j", ([repo, remote]) => {
  expect(isRemote(repo)).toBe(remote);
});

test("parseRemote() takes the credentials out of the URL", () => {
  const remote = parseRemote("https://ada:p%40ss%2F@example.org:8443/team/a.git#x");
  expect(remote).toEqual({
    url: "https://example.org:8443/team/a.git",
    credentials: { username: "ada", password: "p@ss/" },
  });
  expect(parseRemote("https://token@example.org/a").credentials).toEqual({
    username: "token",
    password: "",
  });
  expect(parseRemote("https://example.org/a")).toEqual({ url: "https://example.org/a" });
});

test.for(["ssh://git@h/x", "git@h:x", "file:///etc", "ext::sh -c id", "https://", "git://h/x"])(
  "parseRemote(%j) is refused with the cure",
  (repo) => {
    expect(() => parseRemote(repo)).toThrow("give the HTTPS address");
  },
);

test.for([
  [
    "fatal: unable to access 'https://ada:secret@h/x/': no",
    "fatal: unable to access 'https://h/x/': no",
  ],
  ["http://a:b@h1/x and https://c@h2/y", "http://h1/x and https://h2/y"],
  ["https://a:p@ss@h/x", "https://h/x"],
  ["mail ada@example.org about https://h/x@y", "mail ada@example.org about https://h/x@y"],
] as const)("redactCredentials(%j)", ([text, expected]) => {
  expect(redactCredentials(text)).toBe(expected);
});

test("basicAuthorization() encodes as UTF-8", () => {
  expect(basicAuthorization({ username: "ü", password: ":" })).toBe("Basic w7w6Og==");
});
