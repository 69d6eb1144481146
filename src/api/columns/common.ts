import { formatSelector } from "../../model/labels.ts";
import type { ApiObject } from "../../model/meta.ts";
import type { LabelSelector, PodSpec } from "../../model/kinds.gen.ts";
import { humanAge } from "../duration.ts";
import type { Column } from "./column.ts";

export const NONE = "<none>";

export const NAME: Column<ApiObject> = {
  name: "Name",
  type: "string",
  format: "name",
  description: "Name of the object, unique within its namespace.",
  cell: ({ metadata }) => metadata.name,
};

export const AGE: Column<ApiObject> = {
  name: "Age",
  type: "string",
  description: "Time since the object was created.",
  cell: ({ metadata }, now) => humanAge(metadata.creationTimestamp, now),
};

/** The columns CONTAINERS and IMAGES of whatever runs pods. */
export function podSpecColumns<T>(
  specOf: (object: T) => Pick<PodSpec, "containers">,
): readonly Column<T>[] {
  const joined = (object: T, field: "name" | "image"): string =>
    specOf(object)
      .containers.map((container) => container[field])
      .join(",");
  return [
    {
      name: "Containers",
      type: "string",
      description: "Names of the containers of its pods.",
      wide: true,
      cell: (object) => joined(object, "name"),
    },
    {
      name: "Images",
      type: "string",
      description: "Images of the containers of its pods.",
      wide: true,
      cell: (object) => joined(object, "image"),
    },
  ];
}

/** `app=web,tier in (a,b)`; `<none>` when empty. Pure. */
export function selectorCell(selector: LabelSelector | undefined): string {
  return (selector === undefined ? "" : formatSelector(selector)) || NONE;
}
