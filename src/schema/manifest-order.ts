import { compare } from "../base/order.ts";
import type { ApiObject } from "../model/meta.ts";
import { RESOURCES } from "../model/resources.ts";
import type { DeclaredObject } from "./loaded-file.ts";
import type { Manifest } from "./manifest.ts";

const KIND_ORDER: ReadonlyMap<string, number> = new Map(
  RESOURCES.map((resource, index) => [resource.kind, index]),
);

/** What of a declared object leaves this room. Pure. */
export function toManifest({ object, at, hash }: DeclaredObject): Manifest {
  return { object, at, hash };
}

/** In the order in which manifests are applied. Pure. */
export function byKindAndName(a: Manifest, b: Manifest): number {
  return (
    rankOf(a.object) - rankOf(b.object) ||
    compare(a.object.metadata.namespace ?? "", b.object.metadata.namespace ?? "") ||
    compare(a.object.metadata.name, b.object.metadata.name)
  );
}

function rankOf(object: ApiObject): number {
  return KIND_ORDER.get(object.kind) ?? RESOURCES.length;
}
