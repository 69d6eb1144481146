import { sha256 } from "../base/hash.ts";
import { packTar, type TarEntry } from "./tar.ts";

export interface ImageArchiveSpec {
  readonly reference: string;
  /** As Docker names it: `amd64`, `arm64`. */
  readonly architecture: string;
  readonly files: readonly TarEntry[];
  readonly entrypoint?: readonly string[];
  readonly command?: readonly string[];
  readonly env?: readonly string[];
  readonly user?: string;
  readonly stopSignal?: string;
}

/** An image of one layer, as `docker save` writes it and `docker load` reads it. Pure: the same spec, the same image. */
export function imageArchive(spec: ImageArchiveSpec): Uint8Array {
  const layer = packTar(spec.files);
  const config = encode({
    architecture: spec.architecture,
    os: "linux",
    config: {
      ...(spec.entrypoint === undefined ? {} : { Entrypoint: spec.entrypoint }),
      ...(spec.command === undefined ? {} : { Cmd: spec.command }),
      ...(spec.env === undefined ? {} : { Env: spec.env }),
      ...(spec.user === undefined ? {} : { User: spec.user }),
      ...(spec.stopSignal === undefined ? {} : { StopSignal: spec.stopSignal }),
    },
    created: "1970-01-01T00:00:00Z",
    history: [{ created: "1970-01-01T00:00:00Z", created_by: "berth" }],
    rootfs: { type: "layers", diff_ids: [`sha256:${sha256(layer)}`] },
  });
  const configName = `${sha256(config)}.json`;
  const manifest = [{ Config: configName, RepoTags: [spec.reference], Layers: ["layer.tar"] }];
  return packTar([
    { kind: "file", path: "layer.tar", content: layer },
    { kind: "file", path: configName, content: config },
    { kind: "file", path: "manifest.json", content: encode(manifest) },
  ]);
}

function encode(value: unknown): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(value));
}
