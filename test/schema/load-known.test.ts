import { describe, expect, it } from "vitest";
import { FileCache } from "../../src/schema/file-cache.ts";
import { loadManifests } from "../../src/schema/load-manifests.ts";
import type { KnownFiles, LoadedFile } from "../../src/schema/loaded-file.ts";
import type { SourceFile } from "../../src/schema/manifest.ts";

function file(path: string, text: string, id: string): SourceFile {
  return { path, content: new TextEncoder().encode(text), id };
}

function config(name: string): string {
  return `apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: ${name}\n`;
}

/** Tells what was read. */
class Recorder implements KnownFiles {
  readonly read: string[] = [];
  readonly #files = new Map<string, LoadedFile>();

  get(key: string): LoadedFile | undefined {
    return this.#files.get(key);
  }

  set(key: string, loaded: LoadedFile): void {
    this.read.push(loaded.source.path);
    this.#files.set(key, loaded);
  }
}

describe("loadManifests with known files", () => {
  it("reads a blob once, and gives the same objects again", () => {
    const known = new Recorder();
    const files = [file("a.yaml", config("a"), "1"), file("b.yaml", config("b"), "2")];
    const first = loadManifests(files, { namespace: "shop", known });
    const changed = [...files.slice(1), file("a.yaml", config("c"), "3")];
    const second = loadManifests(changed, { namespace: "shop", known });
    expect(known.read).toEqual(["a.yaml", "b.yaml", "a.yaml"]);
    expect(second).toEqual(loadManifests(changed, { namespace: "shop" }));
    expect(second.manifests[0]?.object).toBe(first.manifests[1]?.object);
  });

  it("tells one blob at two places, in two namespaces and of two folders apart", () => {
    const known = new Recorder();
    const load = (path: string, namespace: string, filePrefix: string): unknown =>
      loadManifests([file(path, config("a"), "1")], { namespace, filePrefix, known }).manifests.map(
        ({ object, at }) => `${object.metadata.namespace} ${at.file}`,
      );
    expect(load("a.yaml", "shop", "")).toEqual(["shop a.yaml"]);
    expect(load("b.yaml", "shop", "")).toEqual(["shop b.yaml"]);
    expect(load("a.yaml", "other", "")).toEqual(["other a.yaml"]);
    expect(load("a.yaml", "shop", "apps/")).toEqual(["shop apps/a.yaml"]);
    expect(known.read).toHaveLength(4);
  });

  it("remembers problems as well, and still checks files against each other", () => {
    const known = new Recorder();
    const files = [
      file("a.yaml", config("a"), "1"),
      file("b.yaml", config("a"), "1"),
      file("c.yaml", "a: [\n", "2"),
      file("d.yaml", "apiVersion: example.com/v1\nkind: Thing\n", "3"),
    ];
    const fresh = loadManifests(files, { namespace: "shop" });
    expect(fresh.problems.map(({ code }) => code)).toEqual([
      "object/duplicate",
      "yaml/syntax",
      "kind/unknown",
    ]);
    for (let round = 0; round < 2; round++) {
      expect(loadManifests(files, { namespace: "shop", known })).toEqual(fresh);
    }
    expect(known.read).toHaveLength(4);
  });

  it("reads files without an id each time", () => {
    const known = new Recorder();
    const { id: _, ...anonymous } = file("a.yaml", config("a"), "1");
    loadManifests([anonymous], { namespace: "shop", known });
    expect(known.read).toEqual([]);
  });
});

describe("FileCache", () => {
  const loaded = (bytes: number): LoadedFile => ({
    source: { path: "a.yaml", content: new Uint8Array(bytes) },
    declared: [],
    foreign: [],
    broken: [],
    problems: [],
    warnings: [],
    isComplete: true,
  });

  it("forgets what was not used for the longest time, once it is full", () => {
    const cache = new FileCache(5000);
    for (const key of ["a", "b", "c"]) cache.set(key, loaded(1000));
    expect(cache.get("a")).toBeDefined();
    cache.set("d", loaded(1000));
    const kept = ["a", "b", "c", "d"].filter((key) => cache.get(key) !== undefined);
    expect(kept).toEqual(["a", "c", "d"]);
  });

  it("counts each file once, and empty ones too", () => {
    const cache = new FileCache(5000);
    for (let round = 0; round < 20; round++) cache.set("a", loaded(3000));
    cache.set("b", loaded(500));
    expect(cache.get("a")).toBeDefined();
    for (let index = 0; index < 20; index++) cache.set(`empty ${index}`, loaded(0));
    expect(cache.get("a")).toBeUndefined();
    expect(cache.get("empty 19")).toBeDefined();
    expect(cache.get("empty 5")).toBeUndefined();
  });

  it("does not take what is larger than itself", () => {
    const cache = new FileCache(5000);
    cache.set("small", loaded(10));
    cache.set("large", loaded(6000));
    expect(cache.get("large")).toBeUndefined();
    expect(cache.get("small")).toBeDefined();
  });
});
