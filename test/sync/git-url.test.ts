import { expect, test } from "vitest";
import {
  authorizationOf,
  basicAuthorization,
  isRemote,
  normalizeRepo,
  parseRemote,
  redactCredentials,
  repositoryIdentity,
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

test("parseRemote() takes what a Secret gives, and prefers it to the URL's", () => {
  const url = "https://example.org/team/a.git";
  expect(parseRemote("https://x:y@example.org/team/a.git", { password: "t", ca: "pem" })).toEqual({
    url,
    credentials: { username: "git", password: "t" },
    ca: "pem",
  });
  expect(authorizationOf(parseRemote(url, { bearerToken: "abc" }))).toBe("Bearer abc");
});

test("parseRemote() takes SSH with a key and pinned host keys only", () => {
  const access = { identity: "key\n", knownHosts: "h ssh-ed25519 AAAA\n" };
  for (const repo of ["ssh://git@h:2222/team/a.git", "git@h:team/a.git"])
    expect(parseRemote(repo, access)).toEqual({ url: repo, ssh: access });
  expect(() => parseRemote("git@h:a.git", { identity: "key" })).toThrow(
    'there is no "known_hosts"',
  );
  expect(() => parseRemote("ssh://git@h/a", {})).toThrow('there is no "identity"');
  expect(() => parseRemote("ssh://git:pw@h/a", access)).toThrow("SSH takes no password");
  expect(() => parseRemote("ssh://-oProxyCommand=id/a", access)).toThrow("not an SSH address");
});

test.for([
  ["https://Git.example.org/Team/app.git", "git.example.org/team/app"],
  ["https://user:secret@git.example.org:8443/team/app/", "git.example.org/team/app"],
  ["ssh://git@git.example.org:2222/team/app.git", "git.example.org/team/app"],
  ["git@git.example.org:team/app.git", "git.example.org/team/app"],
  ["git.example.org:team/app", "git.example.org/team/app"],
  ["/srv/git/app", "/srv/git/app"],
] as const)("repositoryIdentity(%j) is %j", ([repo, identity]) => {
  expect(repositoryIdentity(repo)).toBe(identity);
});

test("normalizeRepo() makes one of an address' spellings, and not of another address", () => {
  expect(normalizeRepo("HTTPS://Example.org:443/a/")).toBe("https://example.org/a");
  expect(normalizeRepo("https://example.org/a#x")).toBe("https://example.org/a");
  expect(normalizeRepo("/srv/a/")).toBe("/srv/a");
  expect(normalizeRepo("git@h:a.git")).toBe("git@h:a.git");
  expect(normalizeRepo("https://example.org/a.git")).not.toBe("https://example.org/a");
});

test.for(["file:///etc", "ext::sh -c id", "https://", "git://h/x"])(
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
