import { describe, expect, test } from "vitest";
import {
  versionEntries,
  visibleLinks,
  volumeContent,
  volumeFiles,
} from "../../src/agent/volume-files.ts";
import type { ConfigMap, Volume } from "../../src/model/kinds.gen.ts";

const settings: ConfigMap = {
  apiVersion: "v1",
  kind: "ConfigMap",
  metadata: { name: "settings" },
  data: { b: "2", a: "1" },
  binaryData: { c: Buffer.from([0, 255]).toString("base64") },
};

function show(
  source: NonNullable<Volume["configMap"]>,
  object: ConfigMap | undefined = settings,
  gid?: number,
) {
  const result = volumeFiles({ name: "v", configMap: source }, object, gid);
  if (result.kind === "missing") return result.message;
  return result.files.map(
    ({ path, content, mode }) =>
      `${path} ${Buffer.from(content).toString("hex")} ${mode.toString(8)}`,
  );
}

describe("volumeFiles()", () => {
  const source = { name: "settings", defaultMode: 0o644 };

  test("all keys in order, binary ones too", () => {
    expect(show(source)).toEqual(["a 31 644", "b 32 644", "c 00ff 644"]);
  });

  test("only the items, at their paths, with their modes", () => {
    expect(show({ ...source, items: [{ key: "b", path: "x/y", mode: 0o400 }] })).toEqual([
      "x/y 32 400",
    ]);
  });

  test("a group of its own may read", () => {
    expect(
      show({ ...source, defaultMode: 0o400, items: [{ key: "a", path: "a" }] }, settings, 7),
    ).toEqual(["a 31 440"]);
  });

  test("a missing key is told, unless it is optional", () => {
    const items = [{ key: "z", path: "z" }];
    expect(show({ ...source, items })).toBe("configmap references non-existent config key: z");
    expect(show({ ...source, items, optional: true })).toEqual([]);
  });

  test("a missing object is told, unless it is optional", () => {
    const gone = volumeFiles(
      { name: "v", secret: { secretName: "keys", defaultMode: 0o400 } },
      undefined,
      undefined,
    );
    expect(gone).toEqual({ kind: "missing", message: 'secret "keys" not found' });
    const optional = volumeFiles(
      { name: "v", secret: { secretName: "keys", optional: true, defaultMode: 0o400 } },
      undefined,
      undefined,
    );
    expect(optional).toEqual({ kind: "files", files: [] });
  });
});

test("a version is named by its content; links lead through it", () => {
  const file = (path: string, text: string) => ({
    path,
    content: new TextEncoder().encode(text),
    mode: 0o644,
  });
  const one = volumeContent("v", [file("x/y/z", "1"), file("a", "2")], undefined);
  expect(volumeContent("v", [file("x/y/z", "1"), file("a", "2")], undefined).version).toBe(
    one.version,
  );
  expect(volumeContent("v", [file("x/y/z", "1"), file("a", "3")], undefined).version).not.toBe(
    one.version,
  );
  expect(one.version).toMatch(/^\.\.\w{16}$/);
  expect(
    versionEntries(one).map(({ kind, path }) => `${kind} ${path.replace(one.version, "..V")}`),
  ).toEqual([
    "directory v/..V",
    "directory v/..V/x",
    "directory v/..V/x/y",
    "file v/..V/x/y/z",
    "file v/..V/a",
  ]);
  expect([...visibleLinks(one)]).toEqual([
    ["x", "..data/x"],
    ["a", "..data/a"],
  ]);
});
