import fc from "fast-check";
import { expect, test } from "vitest";
import { FileCache } from "../../src/schema/file-cache.ts";
import { loadManifests } from "../../src/schema/load-manifests.ts";
import type { SourceFile } from "../../src/schema/loaded-file.ts";
import type { LoadOptions, TreeSlot } from "../../src/schema/manifest.ts";

const PATHS = [
  "a.yaml",
  "a/b.yaml",
  "b.yaml",
  "b/a.yaml",
  "c.yaml",
  "zz.yaml",
  "notes.md",
] as const;

const configMap = (name: string, value = "1"): string =>
  `apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: ${name}\ndata:\n  key: "${value}"\n`;
const secret = (name: string): string =>
  `apiVersion: v1\nkind: Secret\nmetadata:\n  name: ${name}\nstringData:\n  key: x\n`;
const service = (name: string, nodePort: number): string =>
  `apiVersion: v1\nkind: Service\nmetadata:\n  name: ${name}\nspec:\n  type: NodePort\n  selector:\n    app: web\n  ports:\n    - port: 80\n      nodePort: ${nodePort}\n`;
const pod = (name: string, configMapName: string): string =>
  `apiVersion: v1\nkind: Pod\nmetadata:\n  name: ${name}\n  labels:\n    app: web\nspec:\n  containers:\n    - name: web\n      image: web:1\n      envFrom:\n        - configMapRef:\n            name: ${configMapName}\n`;

/** Few names, so that they meet; some texts are wrong, some are warned of, some are of kinds that nobody knows. */
const TEXTS: readonly string[] = [
  configMap("a"),
  configMap("a", "2"),
  configMap("b"),
  configMap("other"),
  service("web", 30_001),
  service("web", 30_002),
  service("api", 30_001),
  pod("web", "a"),
  pod("web", "b"),
  secret("s"),
  `${configMap("c")}---\n${configMap("d")}---\n${pod("c", "c")}`,
  `${configMap("c")}---\n${configMap("c")}`,
  "kind: [\n",
  "apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: a\n  labels:\n    on: yes\n",
  "apiVersion: example.org/v1\nkind: Gadget\nmetadata:\n  name: g\n",
  "",
];

const change = fc.record({
  path: fc.constantFrom(...PATHS),
  text: fc.option(fc.nat(TEXTS.length - 1), { nil: undefined }),
});
const commits = fc.array(fc.array(change, { minLength: 1, maxLength: 2 }), {
  minLength: 2,
  maxLength: 12,
});
const how = fc.record({
  plainSecrets: fc.constantFrom("allow", "warn", "refuse"),
  treeWarnings: fc.boolean(),
});

/** Ten files that stay as they are, so that what changes is a small share. */
const BULK = Array.from({ length: 10 }, (_, index): [string, number] => [`z${index}.yaml`, index]);

test("a tree that follows another one comes to what it comes to by itself", () => {
  let incremental = 0;
  const alone = new FileCache();
  fc.assert(
    fc.property(commits, how, (history, options) => {
      const slot: TreeSlot = {};
      const known = new FileCache();
      // Contents are the same objects as long as they are the same, as the cache of files gives them.
      const files = new Map<string, SourceFile>();
      for (const [path, index] of BULK) files.set(path, file(path, configMap(`bulk-${index}`)));
      for (const changes of history) {
        for (const { path, text } of changes) {
          if (text === undefined) files.delete(path);
          else files.set(path, file(path, TEXTS[text] ?? ""));
        }
        const base: LoadOptions = { namespace: "shop", filePrefix: "apps/", ...options };
        const tree = [...files.values()];
        const before = slot.tree?.names;
        const followed = loadManifests(tree, { ...base, slot, known });
        if (slot.tree?.names !== undefined && (before ?? slot.tree.names) === slot.tree.names)
          incremental += 1;
        expect(followed).toEqual(loadManifests(tree, { ...base, known: alone }));
      }
    }),
    { numRuns: 150 },
  );
  // Not by having been loaded in full each time.
  expect(incremental).toBeGreaterThan(150);
});

let ids = 0;
function file(path: string, text: string): SourceFile {
  ids += 1;
  return { path, content: new TextEncoder().encode(text), id: String(ids) };
}

test("what did not change keeps its manifests", () => {
  const slot: TreeSlot = {};
  const options = { namespace: "shop", slot, known: new FileCache() };
  const same = Array.from({ length: 8 }, (_, index) =>
    file(`f${index}.yaml`, configMap(`n${index}`)),
  );
  const one = loadManifests([...same, file("x.yaml", configMap("x"))], options);
  const two = loadManifests([...same, file("x.yaml", configMap("x", "2"))], options);
  expect(two.manifests).toHaveLength(9);
  const kept = two.manifests.filter((manifest) => one.manifests.includes(manifest));
  expect(kept.map(({ object }) => object.metadata.name)).toEqual(
    same.map((_, index) => `n${index}`),
  );
});

test("a place whose manifests are read in another way starts anew", () => {
  const slot: TreeSlot = {};
  const known = new FileCache();
  const files = [file("a.yaml", configMap("a")), file("b.yaml", configMap("b"))];
  loadManifests(files, { namespace: "shop", slot, known });
  const { manifests } = loadManifests(files, { namespace: "blue", slot, known });
  expect(manifests.map(({ object }) => object.metadata.namespace)).toEqual(["blue", "blue"]);
});
