import { shortHash } from "../base/hash.ts";
import type { ConfigMap, KeyToPath, Secret, Volume } from "../model/kinds.gen.ts";
import { notFound, type ConfigReference } from "./env.ts";
import type { TarEntry } from "./tar.ts";

/** One file of a volume that is made from an object. */
export interface VolumeFile {
  /** Below the volume's root, without `..`. */
  readonly path: string;
  readonly content: Uint8Array;
  readonly mode: number;
}

export type VolumeFilesResult =
  | { readonly kind: "files"; readonly files: readonly VolumeFile[] }
  | { readonly kind: "missing"; readonly message: string };

/** The files of a volume, and the folder that holds this version of them. */
export interface VolumeContent {
  readonly volume: string;
  readonly files: readonly VolumeFile[];
  /** `..` and a digest of the files. */
  readonly version: string;
  readonly gid?: number;
}

/** The link to the folder of the current version: changing it changes all files at once. */
export const DATA_LINK = "..data";

/** The object that a volume is made from, if it is made from one. Pure. */
export function volumeReference(volume: Volume): ConfigReference | undefined {
  if (volume.configMap !== undefined) return { kind: "ConfigMap", name: volume.configMap.name };
  if (volume.secret !== undefined) return { kind: "Secret", name: volume.secret.secretName };
  return undefined;
}

/** The files that a ConfigMap or Secret volume shows. Pure. */
export function volumeFiles(
  volume: Volume,
  object: ConfigMap | Secret | undefined,
  gid: number | undefined,
): VolumeFilesResult {
  const source = volume.configMap ?? volume.secret;
  const ref = volumeReference(volume);
  if (source === undefined || ref === undefined) return { kind: "files", files: [] };
  if (object === undefined) {
    if (source.optional === true) return { kind: "files", files: [] };
    return { kind: "missing", message: notFound(ref.kind, ref.name) };
  }
  const data = contentsOf(object);
  const items: readonly KeyToPath[] =
    source.items ?? [...data.keys()].toSorted().map((key) => ({ key, path: key }));
  const absent = items.find((item) => !data.has(item.key));
  if (absent !== undefined && source.optional !== true) {
    return {
      kind: "missing",
      message: `${ref.kind.toLowerCase()} references non-existent ${ref.kind === "Secret" ? "secret" : "config"} key: ${absent.key}`,
    };
  }
  // With a group of its own, the group may read.
  const extra = gid === undefined ? 0 : 0o440;
  return {
    kind: "files",
    files: items.flatMap(({ key, path, mode }) => {
      const content = data.get(key);
      return content === undefined
        ? []
        : [{ path, content, mode: (mode ?? source.defaultMode) | extra }];
    }),
  };
}

/** Pure. */
export function volumeContent(
  volume: string,
  files: readonly VolumeFile[],
  gid: number | undefined,
): VolumeContent {
  const digest = shortHash(
    [gid ?? 0, ...files.map(({ path, content, mode }) => [path, mode, toBase64(content)])],
    16,
  );
  return { volume, files, version: `..${digest}`, ...(gid === undefined ? {} : { gid }) };
}

/** Entries for the folder of one version, below a folder named after the volume. Pure. */
export function versionEntries(content: VolumeContent): readonly TarEntry[] {
  const { volume, files, version, gid } = content;
  const owner = gid === undefined ? {} : { gid };
  const folders = new Set<string>([""]);
  for (const { path } of files) {
    const parts = path.split("/").slice(0, -1);
    for (const [index] of parts.entries()) folders.add(parts.slice(0, index + 1).join("/"));
  }
  const root = `${volume}/${version}`;
  return [
    ...[...folders].toSorted().map((folder): TarEntry => {
      const path = folder === "" ? root : `${root}/${folder}`;
      return { kind: "directory", path, mode: 0o755, ...owner };
    }),
    ...files.map(({ path, content: bytes, mode }): TarEntry => ({
      kind: "file",
      path: `${root}/${path}`,
      content: bytes,
      mode,
      ...owner,
    })),
  ];
}

/** What users see at the root of the volume: links through `DATA_LINK`. Name → target. Pure. */
export function visibleLinks({ files }: VolumeContent): ReadonlyMap<string, string> {
  const names = files.map(({ path }) => path.split("/")[0] ?? path);
  return new Map(names.map((name) => [name, `${DATA_LINK}/${name}`]));
}

function contentsOf(object: ConfigMap | Secret): ReadonlyMap<string, Uint8Array> {
  const decode = (value: string): Uint8Array => new Uint8Array(Buffer.from(value, "base64"));
  if (object.kind === "Secret") {
    return new Map(Object.entries(object.data ?? {}).map(([key, value]) => [key, decode(value)]));
  }
  const encoder = new TextEncoder();
  return new Map([
    ...Object.entries(object.data ?? {}).map(
      ([key, value]) => [key, encoder.encode(value)] as const,
    ),
    ...Object.entries(object.binaryData ?? {}).map(([key, value]) => [key, decode(value)] as const),
  ]);
}

function toBase64(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("base64");
}
