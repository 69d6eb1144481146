import { unreachable } from "../base/assert.ts";
import type { Millis } from "../base/clock.ts";
import type { ApiObject } from "../model/meta.ts";
import type { Resource } from "../model/resources.ts";
import type { Column } from "./columns/column.ts";
import { columnsOf } from "./columns/registry.ts";

/** What each row carries beside its cells. */
export type IncludeObject = "None" | "Metadata" | "Object";

export interface TableOptions {
  readonly version: "v1" | "v1beta1";
  readonly include: IncludeObject;
  readonly now: Millis;
  /** Later events of a watch leave the headers out. */
  readonly headers: boolean;
}

export interface ListMeta {
  readonly resourceVersion?: string;
  readonly continue?: string;
  readonly remainingItemCount?: number;
}

/** The `Table` of objects of one resource. Pure. */
export function toTable(
  resource: Resource,
  objects: readonly ApiObject[],
  metadata: ListMeta,
  options: TableOptions,
): unknown {
  const columns = columnsOf(resource);
  return {
    kind: "Table",
    apiVersion: `meta.k8s.io/${options.version}`,
    metadata,
    columnDefinitions: options.headers ? columns.map(toDefinition) : [],
    rows: objects.map((object) => ({
      cells: columns.map((column) => column.cell(object, options.now)),
      ...objectPart(object, options),
    })),
  };
}

/** An object without spec and status. Pure. */
export function toPartial(object: ApiObject, version: "v1" | "v1beta1"): unknown {
  return {
    kind: "PartialObjectMetadata",
    apiVersion: `meta.k8s.io/${version}`,
    metadata: object.metadata,
  };
}

function objectPart(object: ApiObject, { include, version }: TableOptions): object {
  switch (include) {
    case "None":
      return {};
    case "Metadata":
      return { object: toPartial(object, version) };
    case "Object":
      return { object };
    default:
      return unreachable(include);
  }
}

function toDefinition({ name, type, format, description, wide }: Column<never>): unknown {
  return { name, type, format: format ?? "", description, priority: wide === true ? 1 : 0 };
}
