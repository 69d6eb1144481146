import { createHash } from "node:crypto";
import { callEngine } from "./engine.mjs";
import { Stop } from "./progress.mjs";
import { tarBytes, tarSize } from "./tar.mjs";

/** Digest of what an image was made from: one that is there already is not made again. */
const CONTENT_LABEL = "dev.berth.image.content";
const ARCHITECTURES = { x64: "amd64", arm64: "arm64" };

/**
 * Gives the Engine images that share one layer and differ in their configuration. `variants` is
 * `[{ reference, config }]`, `config` in the Engine's words (`Cmd`, `Env` …). Returns whether anything was made.
 */
export async function importImages(layer, variants) {
  const digest = await digestOf(layer);
  const images = variants.map(({ reference, config }) => imageConfig(reference, config, digest));
  const present = await Promise.all(images.map((image) => hasImage(image)));
  if (present.every(Boolean)) return false;
  const { status, text } = await callEngine("POST", "/images/load?quiet=1", {
    body: tarBytes(archiveOf(layer, digest, images)),
    type: "application/x-tar",
  });
  const problem = text.split("\n").find((line) => line.includes('"error"'));
  if (status !== 200 || problem !== undefined)
    throw new Stop(
      `The Docker Engine refused ${images[0]?.reference}: ${(problem ?? text).trim()}`,
    );
  return true;
}

/** What `docker save` writes: a manifest, a configuration per image, and the layer. */
function archiveOf(layer, digest, images) {
  const manifest = images.map(({ name, reference }) => ({
    Config: name,
    RepoTags: [reference],
    Layers: [`${digest}.tar`],
  }));
  return [
    ...images.map(({ name, json }) => ({ path: name, content: json })),
    { path: `${digest}.tar`, size: tarSize(layer), parts: () => tarBytes(layer) },
    { path: "manifest.json", content: JSON.stringify(manifest) },
  ];
}

function imageConfig(reference, config, layerDigest) {
  const settings = JSON.stringify([layerDigest, config]);
  const content = createHash("sha256").update(settings).digest("hex");
  const json = JSON.stringify({
    architecture: ARCHITECTURES[process.arch] ?? process.arch,
    os: "linux",
    created: "1970-01-01T00:00:00Z",
    config: { ...config, Labels: { [CONTENT_LABEL]: content } },
    rootfs: { type: "layers", diff_ids: [`sha256:${layerDigest}`] },
    history: [{ created: "1970-01-01T00:00:00Z", created_by: "berth" }],
  });
  const name = `${createHash("sha256").update(json).digest("hex")}.json`;
  return { reference, content, json, name };
}

async function hasImage({ reference, content }) {
  const { status, text } = await callEngine("GET", `/images/${reference}/json`);
  return status === 200 && JSON.parse(text).Config?.Labels?.[CONTENT_LABEL] === content;
}

async function digestOf(layer) {
  const hash = createHash("sha256");
  for await (const chunk of tarBytes(layer)) hash.update(chunk);
  return hash.digest("hex");
}
