import { describe, expect, test } from "vitest";
import type { ApiObject } from "../../../src/model/meta.ts";
import { refOf } from "../../../src/model/meta.ts";
import { loadManifests } from "../../../src/schema/load-manifests.ts";
import { editFiles, filesToOpen } from "../../../src/sync/write/edit-files.ts";
import type { ObjectEdit } from "../../../src/sync/write/object-edit.ts";
import { findMisedit } from "../../../src/sync/write/verify-edit.ts";

type Files = Readonly<Record<string, string>>;

const configMap = (name: string, a = "b"): string =>
  `apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: ${name}\ndata:\n  a: ${a}\n`;
const map = (name: string, data: Readonly<Record<string, string>> = { a: "b" }): ApiObject =>
  ({
    apiVersion: "v1",
    kind: "ConfigMap",
    metadata: { name, namespace: "shop" },
    data,
  }) as ApiObject;
const remove = (name: string): ObjectEdit => ({ kind: "delete", ref: refOf(map(name)) });
const set = (name: string, data: Readonly<Record<string, string>>): ObjectEdit => {
  const after = map(name, data);
  return { kind: "update", ref: refOf(after), before: map(name), written: after, after };
};
const create = (object: ApiObject): ObjectEdit => ({
  kind: "create",
  ref: refOf(object),
  written: object,
  after: object,
});

/** The files after the edits; of those that change. The edited tree must say exactly what was asked for. */
function edited(files: Files, ...edits: readonly ObjectEdit[]): Record<string, string | null> {
  const encode = (text: string): Uint8Array => new TextEncoder().encode(text);
  const load = (all: Files): ReturnType<typeof loadManifests> =>
    loadManifests(
      Object.entries(all).map(([path, text]) => ({ path, content: encode(text) })),
      { namespace: "shop" },
    );
  const before = load(files);
  expect(before.problems).toEqual([]);
  const placed = before.manifests.map(({ object, at }) => ({ ref: refOf(object), file: at.file }));
  const opened = filesToOpen(edits, placed);
  const contents = new Map(opened.map((path) => [path, encode(files[path] ?? "")]));
  const paths = new Set(Object.keys(files));
  const changes = editFiles(edits, { namespace: "shop", placed, paths, contents });
  const result = Object.fromEntries(
    changes.map(({ path, content }) => [
      path,
      content === null ? null : new TextDecoder().decode(content),
    ]),
  );
  const left = Object.entries({ ...files, ...result }).filter(
    (entry): entry is [string, string] => entry[1] !== null,
  );
  const after = load(Object.fromEntries(left));
  expect(after.problems).toEqual([]);
  expect(findMisedit(edits, before.manifests, after.manifests)).toBeUndefined();
  return result;
}

describe("deleting", () => {
  test("the last object of a file deletes the file", () => {
    expect(edited({ "a.yaml": configMap("a"), "b.yaml": configMap("b") }, remove("a"))).toEqual({
      "a.yaml": null,
    });
  });

  test("the last object of the folder leaves a note, so that the folder is not taken for lost", () => {
    expect(edited({ "a.yaml": configMap("a") }, remove("a"))).toEqual({
      "a.yaml": "# No objects: the last one was deleted.\n",
    });
  });

  test.each<[which: string, left: string]>([
    ["a", `---\n# b\n${configMap("b")}---\n${configMap("c")}`],
    ["b", `${configMap("a")}---\n${configMap("c")}`],
    ["c", `${configMap("a")}---\n# b\n${configMap("b")}`],
  ])("document %s of three takes its own marker along", (which, left) => {
    const text = `${configMap("a")}---\n# b\n${configMap("b")}---\n${configMap("c")}`;
    const result = edited({ "all.yaml": text }, remove(which));
    expect(result["all.yaml"]).toBe(which === "a" ? left.slice(4) : left);
  });

  test("an item of a List, and the List with its last one", () => {
    const item = (name: string): string =>
      `- apiVersion: v1\n  kind: ConfigMap\n  metadata: {name: ${name}}\n  data: {a: b}\n`;
    const list = `apiVersion: v1\nkind: List\nitems:\n${item("a")}# next\n${item("b")}`;
    expect(edited({ "l.yaml": list, "c.yaml": configMap("c") }, remove("a"))).toEqual({
      "l.yaml": `apiVersion: v1\nkind: List\nitems:\n# next\n${item("b")}`,
    });
    expect(edited({ "l.yaml": list, "c.yaml": configMap("c") }, remove("a"), remove("b"))).toEqual({
      "l.yaml": null,
    });
  });

  test("an item of a List in JSON", () => {
    const list = { apiVersion: "v1", kind: "List", items: [map("a"), map("b"), map("c")] };
    const text = JSON.stringify(list, null, 2);
    for (const name of ["a", "b", "c"]) {
      const found = edited({ "l.json": text }, remove(name))["l.json"] ?? "";
      expect(JSON.parse(found)).toEqual({
        ...list,
        items: list.items.filter(({ metadata }) => metadata.name !== name),
      });
    }
  });
});

describe("changing", () => {
  test("two objects of one file, and nothing between them", () => {
    const text = `# top\r\n${configMap("a")}---\n${configMap("b")}`.replaceAll(/\r?\n/g, "\r\n");
    expect(edited({ "x.yaml": text }, set("a", { a: "c" }), set("b", { a: "b", z: "1" }))).toEqual({
      "x.yaml": text.replace("a: b", "a: c") + 'z: "1"'.replace(/^/, "  ") + "\r\n",
    });
  });

  test("JSON stays JSON", () => {
    const text = `${JSON.stringify(map("a"), null, 4)}\n`;
    expect(edited({ "a.json": text }, set("a", { a: "b", "x.y": "1" }))["a.json"]).toBe(
      `${JSON.stringify(map("a", { a: "b", "x.y": "1" }), null, 4)}\n`,
    );
  });

  test("a value that is an alias is refused, with where it stands", () => {
    const text = configMap("a")
      .replace("data:\n  a: b\n", "data: *d\n")
      .replace("  name: a\n", "  name: a\n  labels: &d {a: b}\n");
    expect(() => edited({ "x.yaml": text }, set("a", { a: "c" }))).toThrow(
      /Cannot change ConfigMap shop\/a in file "x.yaml": "data" is an alias/,
    );
  });
});

describe("creating", () => {
  const file = (object: ApiObject, files: Files): string | undefined =>
    Object.keys(edited(files, create(object)))[0];
  test.each<[what: string, files: Files, expected: string]>([
    [
      "without siblings",
      {
        "sub/x.txt": "",
        "w.yaml": configMap("w").replace("name: w", "name: w\n  namespace: other"),
      },
      "shop/configmap-new.yaml",
    ],
    [
      "beside siblings of its kind, named as they are",
      { "cfg/configmap-a.yaml": configMap("a"), "cfg/configmap-b.yaml": configMap("b") },
      "cfg/configmap-new.yaml",
    ],
    [
      "by name alone where they are",
      { "cfg/a.yml": configMap("a"), "cfg/b.yml": configMap("b") },
      "cfg/new.yml",
    ],
    [
      "where a file of that name is",
      { "a.yaml": configMap("a"), "new.yaml": `${configMap("b")}---\n${configMap("c")}` },
      "configmap-new.yaml",
    ],
    [
      "not into files of several",
      { "all.yaml": `${configMap("a")}---\n${configMap("b")}` },
      "shop/configmap-new.yaml",
    ],
  ])("%s", (_what, files, expected) => {
    const manifests = Object.fromEntries(
      Object.entries(files).filter(([path]) => !path.endsWith(".txt")),
    );
    expect(file(map("new"), { ...manifests, ...withNamespace(manifests) })).toBe(expected);
  });

  test("names that are none for files", () => {
    const role = {
      apiVersion: "rbac.authorization.k8s.io/v1",
      kind: "ClusterRole",
      metadata: { name: "system:odd..name" },
      rules: [],
    } as unknown as ApiObject;
    expect(file(role, { "a.yaml": configMap("a") })).toBe(
      "cluster/clusterrole-system-odd..name.yaml",
    );
  });
});

function withNamespace(files: Files): Files {
  const uses = Object.values(files).some((text) => text.includes("namespace: other"));
  return uses ? { "ns.yaml": "apiVersion: v1\nkind: Namespace\nmetadata:\n  name: other\n" } : {};
}
