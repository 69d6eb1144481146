import { shortHash } from "../base/hash.ts";
import type {
  ConfigMap,
  ConfigMapProjection,
  DownwardAPIVolumeFile,
  KeyToPath,
  Pod,
  Secret,
  ServiceAccountTokenProjection,
  Volume,
} from "../model/kinds.gen.ts";
import { notFound, type ConfigReference } from "./env.ts";
import { containerOf, podField, resourceField, type Allocatable } from "./pod-fields.ts";
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
/** Of files whose volume names no mode, as Kubernetes has it. */
const DEFAULT_MODE = 0o644;

/** What the files of volumes may come from. */
export interface VolumeSources {
  readonly pod: Pod;
  readonly allocatable: Allocatable;
  /** Of the pod's namespace; `undefined` when there is none. */
  readonly object: (ref: ConfigReference) => ConfigMap | Secret | undefined;
  /** Of the pod's account; `undefined` while there is none and none is needed. */
  readonly token: (projection: ServiceAccountTokenProjection) => string | undefined;
}

/** The objects that a volume is made from. Pure. */
export function volumeReferences(volume: Volume): readonly ConfigReference[] {
  const refs = partsOf(volume).map(({ ref }) => ref);
  return refs.filter((ref) => ref !== undefined);
}

/** The files that a configMap, secret, downwardAPI or projected volume shows. Pure. */
export function volumeFiles(
  volume: Volume,
  sources: VolumeSources,
  gid: number | undefined,
): VolumeFilesResult {
  const { defaultMode = DEFAULT_MODE } =
    volume.configMap ?? volume.secret ?? volume.downwardAPI ?? volume.projected ?? {};
  // With a group of its own, the group may read.
  const extra = gid === undefined ? 0 : 0o440;
  // Of sources that write the same file, the last one wins.
  const files = new Map<string, VolumeFile>();
  for (const part of partsOf(volume)) {
    const found = filesOf(part, sources);
    if (found.kind === "missing") return found;
    for (const { path, content, mode } of found.files)
      files.set(path, { path, content, mode: (mode ?? defaultMode) | extra });
  }
  for (const path of files.keys()) {
    const clash = foldersOf(path).find((folder) => files.has(folder));
    if (clash !== undefined) {
      const message = `"${path}" cannot be written: "${clash}" is a file already; give one of them another path`;
      return { kind: "missing", message };
    }
  }
  return { kind: "files", files: [...files.values()] };
}

/** The tokens that a volume shows. Pure. */
export function volumeTokens(volume: Volume): readonly ServiceAccountTokenProjection[] {
  return partsOf(volume)
    .map(({ token }) => token)
    .filter((token) => token !== undefined);
}

/** One source of a volume: keys of an object, fields of the pod, or a token of its account. */
interface VolumePart {
  readonly token?: ServiceAccountTokenProjection;
  readonly ref?: ConfigReference;
  readonly keys?: readonly KeyToPath[] | undefined;
  readonly fields?: readonly DownwardAPIVolumeFile[] | undefined;
  readonly optional: boolean;
}

type PartFiles =
  | {
      readonly kind: "files";
      readonly files: readonly (Omit<VolumeFile, "mode"> & { readonly mode: number | undefined })[];
    }
  | { readonly kind: "missing"; readonly message: string };

function partsOf({ configMap, secret, downwardAPI, projected }: Volume): readonly VolumePart[] {
  const named = secret === undefined ? undefined : { ...secret, name: secret.secretName };
  const all = [{ configMap, secret: named, downwardAPI }, ...(projected?.sources ?? [])];
  return all.flatMap((source): readonly VolumePart[] => {
    const ofKind = (
      kind: ConfigReference["kind"],
      from: ConfigMapProjection | undefined,
    ): readonly VolumePart[] => {
      if (from === undefined) return [];
      const { name, items: keys, optional } = from;
      return [{ ref: { kind, name }, keys, optional: optional === true }];
    };
    return [
      ...ofKind("ConfigMap", source.configMap),
      ...ofKind("Secret", source.secret),
      ...("serviceAccountToken" in source && source.serviceAccountToken !== undefined
        ? [{ token: source.serviceAccountToken, optional: false }]
        : []),
      ...(source.downwardAPI === undefined
        ? []
        : [{ fields: source.downwardAPI.items ?? [], optional: false }]),
    ];
  });
}

function filesOf(part: VolumePart, sources: VolumeSources): PartFiles {
  if (part.token !== undefined) return tokenFiles(part.token, sources);
  return part.ref === undefined
    ? fieldFiles(part.fields ?? [], sources)
    : keyFiles(part.ref, part, sources);
}

function tokenFiles(projection: ServiceAccountTokenProjection, sources: VolumeSources): PartFiles {
  const token = sources.token(projection);
  if (token === undefined) return { kind: "files", files: [] };
  const content = new TextEncoder().encode(token);
  return { kind: "files", files: [{ path: projection.path, content, mode: undefined }] };
}

function keyFiles(ref: ConfigReference, part: VolumePart, sources: VolumeSources): PartFiles {
  const object = sources.object(ref);
  if (object === undefined) {
    if (part.optional) return { kind: "files", files: [] };
    return { kind: "missing", message: notFound(ref.kind, ref.name) };
  }
  const data = contentsOf(object);
  const items: readonly KeyToPath[] =
    part.keys ?? [...data.keys()].toSorted().map((key) => ({ key, path: key }));
  const absent = items.find((item) => !data.has(item.key));
  if (absent !== undefined && !part.optional) {
    return {
      kind: "missing",
      message: `${ref.kind.toLowerCase()} references non-existent ${ref.kind === "Secret" ? "secret" : "config"} key: ${absent.key}`,
    };
  }
  return {
    kind: "files",
    files: items.flatMap(({ key, path, mode }) => {
      const content = data.get(key);
      return content === undefined ? [] : [{ path, content, mode }];
    }),
  };
}

function fieldFiles(
  items: readonly DownwardAPIVolumeFile[],
  { pod, allocatable }: VolumeSources,
): PartFiles {
  const encoder = new TextEncoder();
  const files = [];
  for (const { path, mode, fieldRef, resourceFieldRef } of items) {
    let text: string | undefined;
    if (resourceFieldRef !== undefined) {
      const container = containerOf(pod, resourceFieldRef.containerName);
      if (container === undefined) {
        const name = resourceFieldRef.containerName ?? "";
        return { kind: "missing", message: `container ${name} not found` };
      }
      text = resourceField(container, resourceFieldRef, allocatable);
    } else text = podField(pod, fieldRef?.fieldPath ?? "");
    if (text === undefined)
      return { kind: "missing", message: `unsupported fieldPath: ${fieldRef?.fieldPath ?? ""}` };
    files.push({ path, content: encoder.encode(text), mode });
  }
  return { kind: "files", files };
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
  for (const { path } of files) for (const folder of foldersOf(path)) folders.add(folder);
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

/** The folders above a file, from the top. */
function foldersOf(path: string): readonly string[] {
  const parts = path.split("/").slice(0, -1);
  return parts.map((_, index) => parts.slice(0, index + 1).join("/"));
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
