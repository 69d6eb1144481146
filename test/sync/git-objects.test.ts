import { describe, expect, test } from "vitest";
import { BatchParser } from "../../src/sync/cat-file.ts";
import { formatCommit, parseCommit, subjectOf } from "../../src/sync/commit-object.ts";
import { leadsOut } from "../../src/sync/manifest-files.ts";
import { parseRevision } from "../../src/sync/revision-syntax.ts";
import { formatTree, parseTree } from "../../src/sync/tree-object.ts";

const ID = "0123456789abcdef0123456789abcdef01234567";

describe("commits", () => {
  const tree = "a".repeat(40);

  test("formatCommit() and parseCommit() are a pair", () => {
    const author = { name: "Grace <G>\nHopper", email: "g@example.org" };
    const bytes = formatCommit({
      tree,
      parent: ID,
      author,
      seconds: 5,
      message: "Subject\n\nbody\n\n",
    });
    const commit = parseCommit(ID, bytes);
    expect(commit).toEqual({
      id: ID,
      tree,
      parents: [ID],
      author: { name: "Grace  G  Hopper", email: "g@example.org" },
      committedAt: 5000,
      message: "Subject\n\nbody\n",
    });
  });

  test("parseCommit() passes by signatures and other headers", () => {
    const signed = `tree ${tree}\nauthor A <a@b> 1 +0200\ncommitter C <c@d> 7 -0100\ngpgsig -----BEGIN\n tree no\n -----END\n\nmessage\n`;
    const commit = parseCommit(ID, Buffer.from(signed));
    expect(commit).toMatchObject({ tree, parents: [], committedAt: 7000, message: "message\n" });
  });

  test("parseCommit() of other bytes is undefined", () => {
    expect(parseCommit(ID, Buffer.from("hello"))).toBeUndefined();
  });

  test("subjectOf() is the first line", () => {
    const author = { name: "a", email: "b" };
    const bytes = formatCommit({ tree, parent: ID, author, seconds: 1, message: "\none\ntwo" });
    expect(subjectOf(parseCommit(ID, bytes) ?? ({} as never))).toBe("one");
  });
});

describe("trees", () => {
  test("formatTree() orders folders as if they ended in a slash, and parseTree() reads it back", () => {
    const entries = ["a", "a.yaml", "a-b"].map((name) => ({ name, id: ID, mode: "100644" }));
    const folder = { name: "a", id: ID, mode: "40000" };
    const bytes = formatTree([...entries.slice(1), folder]);
    expect(parseTree(bytes).map(({ name }) => name)).toEqual(["a-b", "a.yaml", "a"]);
  });

  test("parseTree() refuses a cut-off object: missing files would count as deleted", () => {
    const bytes = formatTree([
      { name: "a", id: ID, mode: "100644" },
      { name: "b", id: ID, mode: "100644" },
    ]);
    for (const cut of [1, 19, 22, 27])
      expect(() => parseTree(bytes.subarray(0, bytes.length - cut))).toThrow("damaged");
  });
});

describe("BatchParser", () => {
  const stream = Buffer.from(
    `${ID} blob 5\nhello\nmain:nothing missing\n${ID} blob 0\n\n${ID} commit 3\na\nb\n`,
  );

  test("gives the same answers however the stream is cut", () => {
    const whole = new BatchParser(true).push(stream);
    expect(whole).toHaveLength(4);
    for (let size = 1; size < stream.length; size++) {
      const parser = new BatchParser(true);
      const answers: unknown[] = [];
      for (let at = 0; at < stream.length; at += size)
        answers.push(...(parser.push(stream.subarray(at, at + size)) as unknown[]));
      expect(answers).toEqual(whole);
    }
  });

  test("stops at an object that is too large, before its content came", () => {
    expect(new BatchParser(true).push(Buffer.from(`${ID} blob 2000000000\n`))).toBe("too-large");
  });

  test("gives heads alone when contents are not asked for", () => {
    const parser = new BatchParser(false);
    expect(parser.push(Buffer.from(`${ID} blob 2000000000\n`))).toMatchObject([
      { id: ID, size: 2_000_000_000 },
    ]);
  });
});

test.for([
  ["main", "main", ""],
  ["HEAD", "HEAD", ""],
  ["@", "HEAD", ""],
  ["main~", "main", "back 1"],
  ["main~2^2", "main", "back 2, parent 2"],
  ["v1^0", "v1", ""],
  ["v1^{commit}", "v1", ""],
  ["v1^^", "v1", "parent 1, parent 1"],
] as const)("parseRevision(%j)", ([revision, base, steps]) => {
  const parsed = parseRevision(revision);
  expect(parsed?.base).toBe(base);
  expect(parsed?.steps.map(({ kind, count }) => `${kind} ${count}`).join(", ")).toBe(steps);
});

test.for(["main:file", ":/text", "main@{1}", "main^{/text}", "main~99999"])(
  "parseRevision() leaves %j to the git binary",
  (revision) => {
    expect(parseRevision(revision)).toBeUndefined();
  },
);

test.for([
  ["a.yaml", "/etc/passwd", true],
  ["a.yaml", "../x.yaml", true],
  ["sub/a.yaml", "../x.yaml", false],
  ["sub/a.yaml", "../../x.yaml", true],
  ["sub/a.yaml", "deep/../../../x", true],
  ["a.yaml", "sub/../b.yaml", false],
] as const)("leadsOut(%j, %j) is %j", ([path, target, out]) => {
  expect(leadsOut(path, target)).toBe(out);
});
