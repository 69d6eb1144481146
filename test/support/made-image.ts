import { createHash, randomBytes } from "node:crypto";
import { gzipSync } from "node:zlib";
import { packTar } from "../../src/agent/tar.ts";
import type { TestRegistry } from "./docker-registry.ts";

const MANIFEST = "application/vnd.docker.distribution.manifest.v2+json";
const AUTHORIZATION = `Basic ${Buffer.from("berth:s3cret").toString("base64")}`;

/** Puts an image into the registry that no Engine has a layer of: one file of random bytes. Gives its digest. */
export async function makeImage(
  { host }: TestRegistry,
  {
    name,
    tag,
    sizeBytes,
  }: { readonly name: string; readonly tag: string; readonly sizeBytes: number },
): Promise<string> {
  const tar = packTar([{ kind: "file", path: "random", content: randomBytes(sizeBytes) }]);
  const layer = gzipSync(tar, { level: 0 });
  const config = Buffer.from(
    JSON.stringify({
      architecture: process.arch === "x64" ? "amd64" : process.arch,
      os: "linux",
      config: {},
      rootfs: { type: "layers", diff_ids: [digestOf(tar)] },
    }),
  );
  for (const blob of [layer, config]) await putBlob(host, name, blob);
  const manifest = Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: MANIFEST,
      config: describe("application/vnd.docker.container.image.v1+json", config),
      layers: [describe("application/vnd.docker.image.rootfs.diff.tar.gzip", layer)],
    }),
  );
  await send(`http://${host}/v2/${name}/manifests/${tag}`, "PUT", manifest, MANIFEST);
  return digestOf(manifest);
}

async function putBlob(host: string, name: string, blob: Uint8Array): Promise<void> {
  const opened = await send(`http://${host}/v2/${name}/blobs/uploads/`, "POST");
  const place = new URL(opened.headers.get("location") ?? "", `http://${host}`);
  place.searchParams.set("digest", digestOf(blob));
  await send(place.href, "PUT", blob, "application/octet-stream");
}

async function send(
  url: string,
  method: string,
  body?: Uint8Array,
  type?: string,
): Promise<Response> {
  const headers = {
    authorization: AUTHORIZATION,
    ...(type === undefined ? {} : { "content-type": type }),
  };
  const answer = await fetch(url, {
    method,
    headers,
    ...(body === undefined ? {} : { body: new Uint8Array(body) }),
  });
  if (!answer.ok) throw new Error(`${method} ${url}: ${answer.status} ${await answer.text()}`);
  return answer;
}

function describe(mediaType: string, blob: Uint8Array): object {
  return { mediaType, size: blob.length, digest: digestOf(blob) };
}

function digestOf(bytes: Uint8Array): string {
  return `sha256:${createHash("sha256").update(bytes).digest("hex")}`;
}
