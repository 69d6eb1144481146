import { describe, expect, test } from "vitest";
import {
  versionEntries,
  visibleLinks,
  volumeContent,
  volumeFiles,
  volumeReferences,
} from "../../src/agent/volume-files.ts";
import type { ConfigMap, Pod, Volume, VolumeProjection } from "../../src/model/kinds.gen.ts";
import { pod } from "./pod-builder.ts";

const settings: ConfigMap = {
  apiVersion: "v1",
  kind: "ConfigMap",
  metadata: { name: "settings" },
  data: { b: "2", a: "1" },
  binaryData: { c: Buffer.from([0, 255]).toString("base64") },
};

interface Shown {
  readonly object: ConfigMap | undefined;
  readonly pod: Pod;
}

const SOURCES = {
  allocatable: { cpuMillis: 2000, memoryBytes: 1024 ** 3, ephemeralBytes: 10 * 1024 ** 3 },
  token: ({ audience = "api" }: { readonly audience?: string }) =>
    audience === "away" ? undefined : `token for ${audience}`,
};

function show(
  source: NonNullable<Volume["configMap"]>,
  object: ConfigMap | undefined = settings,
  gid?: number,
) {
  return shown({ name: "v", configMap: source }, { object }, gid);
}

/** A volume's files, with content as hex. */
function shown(volume: Volume, { object, pod: of = pod() }: Partial<Shown>, gid?: number) {
  const result = volumeFiles(volume, { ...SOURCES, pod: of, object: () => object }, gid);
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
    const secret = { secretName: "keys", defaultMode: 0o400 };
    expect(shown({ name: "v", secret }, {})).toBe('secret "keys" not found');
    expect(shown({ name: "v", secret: { ...secret, optional: true } }, {})).toEqual([]);
  });
});

describe("volumeFiles() of the pod itself", () => {
  const text = (volume: Volume, of?: Pod): readonly string[] | string => {
    const found = shown(volume, of === undefined ? {} : { pod: of });
    if (typeof found === "string") return found;
    return found.map((line) => {
      const [path, hex = "", mode] = line.split(" ");
      return `${path} ${mode} ${Buffer.from(hex, "hex").toString()}`;
    });
  };
  const field = (fieldPath: string, mode?: number) => ({
    name: "v",
    downwardAPI: {
      defaultMode: 0o644,
      items: [{ path: "f", fieldRef: { fieldPath }, ...(mode === undefined ? {} : { mode }) }],
    },
  });
  const labelled = pod({
    labels: { b: "2", a: "1" },
    annotations: { note: 'say "hi"\n\ttwice', path: "C:\\", name: "é €" },
    containers: [{ resources: { limits: { cpu: "500m" } } }],
  });

  test.for([
    { path: "metadata.name", gives: "web" },
    { path: "metadata.namespace", gives: "shop" },
    { path: "metadata.uid", gives: "web-uid" },
    { path: "metadata.labels", gives: 'a="1"\nb="2"' },
    {
      path: "metadata.annotations",
      gives:
        String.raw`name="é €"` +
        "\n" +
        String.raw`note="say \"hi\"\n\ttwice"` +
        "\n" +
        String.raw`path="C:\\"`,
    },
    { path: "metadata.labels['b']", gives: "2" },
    { path: "metadata.annotations['none']", gives: "" },
  ])("$path", ({ path, gives }) => {
    expect(text(field(path), labelled)).toEqual([`f 644 ${gives}`]);
  });

  test("a mode of its own; a path that is none", () => {
    expect(text(field("metadata.name", 0o600))).toEqual(["f 600 web"]);
    expect(text(field("spec.nope"))).toBe("unsupported fieldPath: spec.nope");
  });

  test("a resource of a container", () => {
    const of = (containerName: string) =>
      ({
        name: "v",
        downwardAPI: {
          defaultMode: 0o644,
          items: [
            {
              path: "cpu",
              resourceFieldRef: { containerName, resource: "limits.cpu", divisor: "1m" },
            },
          ],
        },
      }) as const;
    expect(text(of("app"), labelled)).toEqual(["cpu 644 500"]);
    expect(text(of("none"), labelled)).toBe("container none not found");
  });
});

describe("volumeFiles() of several sources", () => {
  const name = { items: [{ path: "me", fieldRef: { fieldPath: "metadata.name" } }] };
  const projected = (...sources: readonly VolumeProjection[]): Volume => ({
    name: "v",
    projected: { defaultMode: 0o640, sources },
  });

  test("all in one folder; the mode of the volume or of the item", () => {
    const keys = { name: "settings", items: [{ key: "a", path: "x/a", mode: 0o400 }] };
    expect(
      shown(projected({ configMap: keys }, { downwardAPI: name }), { object: settings }),
    ).toEqual(["x/a 31 400", "me 776562 640"]);
  });

  test("the last source wins", () => {
    const keys = { name: "settings", items: [{ key: "a", path: "me" }] };
    expect(
      shown(projected({ downwardAPI: name }, { configMap: keys }), { object: settings }),
    ).toEqual(["me 31 640"]);
  });

  test("an object that is not there is told, unless it is optional", () => {
    const volume = projected({ secret: { name: "keys" } }, { downwardAPI: name });
    expect(shown(volume, {})).toBe('secret "keys" not found');
    const lax = projected({ secret: { name: "keys", optional: true } }, { downwardAPI: name });
    expect(shown(lax, {})).toEqual(["me 776562 640"]);
  });

  test("a file cannot be a folder as well", () => {
    const keys = { name: "settings", items: [{ key: "a", path: "me/too" }] };
    expect(
      shown(projected({ downwardAPI: name }, { configMap: keys }), { object: settings }),
    ).toMatch(/^"me\/too" cannot be written: "me" is a file already/);
  });

  test("names all its objects", () => {
    const volume = projected({ configMap: { name: "a" } }, { secret: { name: "b" } });
    expect(volumeReferences(volume)).toEqual([
      { kind: "ConfigMap", name: "a" },
      { kind: "Secret", name: "b" },
    ]);
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

describe("tokens of accounts", () => {
  const tokens = (...audiences: readonly (string | undefined)[]): Volume => ({
    name: "v",
    projected: {
      defaultMode: 0o600,
      sources: audiences.map((audience, index) => ({
        serviceAccountToken: {
          path: `t${index}`,
          expirationSeconds: 3600,
          ...(audience === undefined ? {} : { audience }),
        },
      })),
    },
  });
  const hex = (text: string): string => Buffer.from(text).toString("hex");

  test("are files at their paths, by audience", () => {
    expect(shown(tokens(undefined, "vault"), {})).toEqual([
      `t0 ${hex("token for api")} 600`,
      `t1 ${hex("token for vault")} 600`,
    ]);
  });

  test("one that is not there yet is no file", () => {
    expect(shown(tokens("away", "vault"), {})).toEqual([`t1 ${hex("token for vault")} 600`]);
  });
});
