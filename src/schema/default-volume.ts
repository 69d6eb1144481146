import { defaultFieldSource, pullPolicy } from "./default-container.ts";
import { canonicalAmount, defaultResources, mapField } from "./default-fields.ts";
import type { Default } from "./default-fields.ts";
import { asFields, mapList } from "./fields.ts";
import type { Fields } from "./fields.ts";

/** Permission bits of files that a volume writes: 0644. */
const FILE_MODE = 420;
/** Life of a projected token: one hour. */
const TOKEN_SECONDS = 3600;

/** What Kubernetes fills into a volume of a pod; without a source it is an emptyDir. Pure, idempotent. */
export function defaultVolume(volume: Fields): Fields {
  for (const name of Object.keys(volume)) {
    if (name === "name") continue;
    const fill = Object.hasOwn(SOURCES, name) ? SOURCES[name] : undefined;
    return fill === undefined ? volume : { ...volume, [name]: fill(asFields(volume[name])) };
  }
  return { ...volume, emptyDir: {} };
}

/** What Kubernetes fills into the spec of a PersistentVolumeClaim. Pure, idempotent. */
export function defaultClaimSpec(spec: Fields): Fields {
  return {
    volumeMode: "Filesystem",
    ...spec,
    ...mapField(spec, "resources", defaultResources),
  };
}

/** What Kubernetes fills into a hostPath: no check of what is there. Pure, idempotent. */
export function defaultHostPath(source: Fields): Fields {
  return { type: "", ...source };
}

const withMode: Default = (source) => ({ defaultMode: FILE_MODE, ...source });

const SOURCES: Readonly<Record<string, Default>> = {
  configMap: withMode,
  secret: withMode,
  hostPath: defaultHostPath,
  emptyDir: (source) =>
    source["sizeLimit"] === undefined
      ? source
      : { ...source, sizeLimit: canonicalAmount(source["sizeLimit"]) },
  downwardAPI: (source) => ({
    ...withMode(source),
    ...mapList(source, "items", defaultFieldSource),
  }),
  projected: (source) => ({
    ...withMode(source),
    ...mapList(source, "sources", defaultProjection),
  }),
  ephemeral: (source) => ({
    ...source,
    ...mapField(source, "volumeClaimTemplate", (template) => ({
      ...template,
      spec: defaultClaimSpec(asFields(template["spec"])),
    })),
  }),
  image: (source) => ({ pullPolicy: pullPolicy(source["reference"]), ...source }),
};

function defaultProjection(source: Fields): Fields {
  return {
    ...source,
    ...mapField(source, "downwardAPI", (files) => ({
      ...files,
      ...mapList(files, "items", defaultFieldSource),
    })),
    ...mapField(source, "serviceAccountToken", (token) => ({
      expirationSeconds: TOKEN_SECONDS,
      ...token,
    })),
  };
}
