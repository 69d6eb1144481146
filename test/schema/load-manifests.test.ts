import { describe, expect, it } from "vitest";
import { formatProblem } from "../../src/model/problem.ts";
import { MAX_FILE_BYTES } from "../../src/schema/load-file.ts";
import { loadManifests } from "../../src/schema/load-manifests.ts";
import type { SourceFile } from "../../src/schema/manifest.ts";

const OPTIONS = { namespace: "shop" };

function file(path: string, text: string): SourceFile {
  return { path, content: new TextEncoder().encode(text) };
}

function config(name: string, rest = ""): string {
  return `apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: ${name}\n${rest}`;
}

function problemsOf(...files: readonly SourceFile[]): string[] {
  return loadManifests(files, OPTIONS).problems.map(formatProblem);
}

describe("loadManifests takes", () => {
  it("files by their ending, at any depth, and leaves the others alone", () => {
    const { manifests, problems } = loadManifests(
      [
        file("a/b/c.yml", config("one")),
        file("d.yaml", config("two")),
        file(
          "e.JSON",
          '{\n\t"apiVersion": "v1",\n\t"kind": "ConfigMap",\n\t"metadata": {"name": "three"}\n}',
        ),
        file("README.md", "# no manifest"),
        file("script.yaml.sh", "exit 1"),
      ],
      OPTIONS,
    );
    expect(problems).toEqual([]);
    expect(manifests.map(({ object, at }) => `${object.metadata.name} ${at.file}`)).toEqual([
      "one a/b/c.yml",
      "three e.JSON",
      "two d.yaml",
    ]);
  });

  it("nothing, and gives nothing", () => {
    expect(loadManifests([], OPTIONS)).toEqual({ manifests: [], problems: [], warnings: [] });
  });
});

describe("loadManifests gives", () => {
  it("kinds in the order in which they are applied, then namespace and name", () => {
    const { manifests } = loadManifests(
      [
        file(
          "a.yaml",
          `apiVersion: v1\nkind: Service\nmetadata: {name: web}\nspec: {ports: [{port: 80}]}\n---\n${config("b")}`,
        ),
        file("b.yaml", `${config("a")}---\n${config("c", "  namespace: also\n")}`),
        file("c.yaml", "apiVersion: v1\nkind: Namespace\nmetadata: {name: shop}\n"),
      ],
      OPTIONS,
    );
    expect(
      manifests.map(
        ({ object: { kind, metadata } }) => `${kind} ${metadata.namespace}/${metadata.name}`,
      ),
    ).toEqual([
      "Namespace undefined/shop",
      "ConfigMap also/c",
      "ConfigMap shop/a",
      "ConfigMap shop/b",
      "Service shop/web",
    ]);
  });

  it("the place of each object, with the prefix of its folder", () => {
    const list = `apiVersion: v1\nkind: List\nitems:\n  - ${config("b").trim().replaceAll("\n", "\n    ")}\n`;
    const { manifests } = loadManifests(
      [file("a.yaml", `# first\n---\n${config("a")}---\n${list}`)],
      { namespace: "shop", filePrefix: "apps/" },
    );
    expect(manifests.map(({ at }) => at)).toEqual([
      { file: "apps/a.yaml", line: 3, column: 1 },
      { file: "apps/a.yaml", line: 11, column: 5 },
    ]);
  });

  it("equal hashes for equal content, wherever and however it is written", () => {
    const [first] = loadManifests(
      [file("a.yaml", config("a", "data: {x: y}\n"))],
      OPTIONS,
    ).manifests;
    const [second] = loadManifests(
      [
        file(
          "b.json",
          '{"data":{"x":"y"},"metadata":{"namespace":"shop","name":"a"},"kind":"ConfigMap","apiVersion":"v1"}',
        ),
      ],
      OPTIONS,
    ).manifests;
    const [other] = loadManifests(
      [file("a.yaml", config("a", "data: {x: z}\n"))],
      OPTIONS,
    ).manifests;
    expect(first?.hash).toMatch(/^[0-9a-f]{64}$/);
    expect(second?.hash).toBe(first?.hash);
    expect(other?.hash).not.toBe(first?.hash);
  });

  it("the same answer whatever the order of the files", () => {
    const files = [
      file("c.yaml", config("a")),
      file("a.yaml", config("a")),
      file("b.yaml", "kind: 5\napiVersion: v1\n"),
    ];
    const answer = loadManifests(files, OPTIONS);
    expect(loadManifests(files.toReversed(), OPTIONS)).toEqual(answer);
    expect(answer.problems.map(formatProblem)).toEqual([
      "b.yaml:1:7: kind must be a string: it is 5 [field/type]",
      "c.yaml:4:9: ConfigMap shop/a is declared twice: here and at a.yaml:1:1; keep one of the two [object/duplicate]",
    ]);
  });

  it("no manifests as soon as there is one problem", () => {
    const { manifests, problems } = loadManifests(
      [file("a.yaml", config("a")), file("b.yaml", config("b", "data: 5\n"))],
      OPTIONS,
    );
    expect(manifests).toEqual([]);
    expect(problems).toHaveLength(1);
  });

  it("the path of a field inside a List", () => {
    const text = `apiVersion: v1\nkind: List\nitems:\n  - ${config("b", "data: {a.b: 5}").replaceAll("\n", "\n    ")}\n`;
    expect(loadManifests([file("a.yaml", text)], OPTIONS).problems).toEqual([
      {
        code: "field/quote",
        message: 'data["a.b"] must be a string: 5 without quotes is a number',
        at: { file: "a.yaml", line: 8, column: 17 },
        path: 'items[0].data["a.b"]',
        hint: 'write "5"',
      },
    ]);
  });
});

describe("between objects", () => {
  it("the same name in two namespaces or kinds is no duplicate", () => {
    expect(
      problemsOf(
        file("a.yaml", `${config("a")}---\n${config("a", "  namespace: other\n")}`),
        file("b.yaml", "apiVersion: v1\nkind: Secret\nmetadata: {name: a}\n"),
      ),
    ).toEqual([]);
  });

  it("an explicit namespace is the same as the App's", () => {
    expect(
      problemsOf(file("a.yaml", `${config("a")}---\n${config("a", "  namespace: shop\n")}`)),
    ).toEqual([
      "a.yaml:9:9: ConfigMap shop/a is declared twice: here and at a.yaml:1:1; keep one of the two [object/duplicate]",
    ]);
  });

  const pod = (ref: string): string =>
    `apiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec:\n  containers:\n    - name: a\n      image: b:1\n      envFrom: [${ref}]\n`;
  const warningsOf = (...files: readonly SourceFile[]): string[] =>
    loadManifests(files, OPTIONS).warnings.map(
      (warning) => `${warning.code} ${warning.at.file}:${warning.at.line}`,
    );

  it("a reference is looked for in its own namespace", () => {
    const reference = file("a.yaml", pod("{configMapRef: {name: c}}"));
    expect(warningsOf(reference)).toEqual(["ref/missing a.yaml:8"]);
    expect(warningsOf(reference, file("b.yaml", config("c", "  namespace: other\n")))).toEqual([
      "ref/missing a.yaml:8",
    ]);
    expect(warningsOf(reference, file("b.yaml", config("c")))).toEqual([]);
    expect(warningsOf(file("a.yaml", pod("{configMapRef: {name: c, optional: true}}")))).toEqual(
      [],
    );
  });

  it("what is there and broken is not missing", () => {
    const reference = file("a.yaml", pod("{configMapRef: {name: c}}"));
    expect(warningsOf(reference, file("b.yaml", config("c", "data: 5\n")))).toEqual([]);
    expect(warningsOf(reference, file("b.yaml", "a: [\n"))).toEqual([]);
    expect(warningsOf(reference, file("b.yaml", config("d", "data: 5\n")))).toEqual([
      "ref/missing a.yaml:8",
    ]);
  });
});

describe("a Service", () => {
  const pod = (name: string, labels: string, port: string): string =>
    `apiVersion: v1\nkind: Pod\nmetadata: {name: ${name}, labels: {${labels}}}\nspec: {containers: [{name: a, image: b:1, ports: [{name: ${port}, containerPort: 80}]}]}\n`;
  const service = (selector: string): string =>
    `apiVersion: v1\nkind: Service\nmetadata: {name: s}\nspec: {selector: {${selector}}, ports: [{port: 80, targetPort: http}]}\n`;
  const codesOf = (...texts: readonly string[]): string[] =>
    loadManifests(
      texts.map((text, index) => file(`${index}.yaml`, text)),
      OPTIONS,
    ).warnings.map((warning) => warning.code);

  it("chooses pods that have all of its labels, in its own namespace", () => {
    const front = pod("front", "app: web, tier: front", "http");
    expect(codesOf(front, service("app: web, tier: front"))).toEqual([]);
    expect(codesOf(front, service("app: web, tier: back"))).toEqual(["selector/no-match"]);
    expect(codesOf(front, pod("x", "tier: back", "http"), service("app: web, tier: back"))).toEqual(
      ["selector/no-match"],
    );
    const elsewhere = front.replace("name: front", "name: front, namespace: other");
    expect(codesOf(elsewhere, service("app: web"))).toEqual(["selector/no-match"]);
  });

  it("finds the name of its port among the pods that it chooses", () => {
    const front = pod("front", "app: web", "web");
    const other = pod("other", "app: db", "http");
    expect(codesOf(front, other, service("app: web"))).toEqual(["port/unknown-target"]);
    expect(codesOf(front, other, service("app: db"))).toEqual([]);
  });
});

describe("a ConfigMap or Secret", () => {
  it.each([
    ["ConfigMap", "data", "x".repeat(1_048_577)],
    ["ConfigMap", "binaryData", "AAAA".repeat(349_526)],
    ["Secret", "stringData", "x".repeat(1_048_577)],
  ])("%s with too much %s is one problem", (kind, field, content) => {
    const text = `apiVersion: v1\nkind: ${kind}\nmetadata: {name: a}\n${field}: {a: ${content}}\n`;
    expect(loadManifests([file("a.yaml", text)], OPTIONS).problems.map(({ code }) => code)).toEqual(
      ["object/too-large"],
    );
  });

  it("may hold 1 MiB", () => {
    expect(
      problemsOf(file("a.yaml", config("a", `data: {a: ${"x".repeat(1_048_576)}}\n`))),
    ).toEqual([]);
  });
});

describe("files that are no text", () => {
  it.each([
    ["a NUL byte", new Uint8Array([0x61, 0, 0x62]), "The file holds binary data, not text"],
    ["no UTF-8", new Uint8Array([0x61, 0xff, 0xfe]), "The file is not valid UTF-8"],
    ["UTF-16", new Uint8Array([0xff, 0xfe, 0x61, 0]), "The file is in UTF-16"],
  ])("%s is one problem", (_what, content, message) => {
    const { problems } = loadManifests([{ path: "a.yaml", content }], OPTIONS);
    expect(problems.map((problem) => `${problem.code} ${problem.message}`)).toEqual([
      `file/binary ${message}`,
    ]);
  });

  it("a file of 50 MB is one problem, and is not read", () => {
    const { problems } = loadManifests(
      [{ path: "a.yaml", content: new Uint8Array(50_000_000) }],
      OPTIONS,
    );
    expect(problems.map((problem) => problem.code)).toEqual(["file/too-large"]);
    const largest = new Uint8Array(MAX_FILE_BYTES).fill(0x20);
    expect(loadManifests([{ path: "a.yaml", content: largest }], OPTIONS).problems).toEqual([]);
  });

  it("a byte order mark is no part of the text", () => {
    expect(problemsOf(file("a.yaml", `\uFEFF${config("a")}`))).toEqual([]);
  });
});

it("lists at most 100 problems of a file", () => {
  const problems = problemsOf(
    file("a.yaml", Array.from({ length: 150 }, () => "a: 1\n").join("---\n")),
  );
  expect(problems).toHaveLength(101);
  expect(problems.at(-1)).toContain("The file has 50 more problems");
});

it("never repeats the value of a Secret", () => {
  const secret = "apiVersion: v1\nkind: Secret\nmetadata: {name: s}\n";
  const problems = problemsOf(
    file("a.yaml", `${secret}data: {a: "hunter2!"}\nstringData: {b: 271828}\n`),
    file(
      "b.yaml",
      `${secret.replace("name: s", "name: t")}data: {a: {hunter2: x}, b: [hunter2]}\n`,
    ),
  );
  expect(problems).toHaveLength(4);
  expect(problems.join("\n")).not.toMatch(/hunter2|271828/);
});
