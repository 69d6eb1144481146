import { toTable } from "../../src/api/table.ts";
import type { ApiObject } from "../../src/model/meta.ts";
import { resourceOf } from "../../src/model/resources.ts";
import { NOW } from "./builders.ts";

interface Table {
  readonly columnDefinitions: readonly { readonly name: string; readonly priority: number }[];
  readonly rows: readonly { readonly cells: readonly unknown[] }[];
}

/** What `kubectl get` prints of the objects, with three blanks between columns as kubectl has them. */
export function renderTable(objects: readonly ApiObject[], wide = false): string {
  const [first] = objects;
  if (first === undefined) return "";
  const options = { version: "v1", include: "None", now: NOW, headers: true } as const;
  const table = toTable(resourceOf(first), objects, {}, options) as Table;
  const shown = table.columnDefinitions.flatMap(({ priority }, index) =>
    wide || priority === 0 ? [index] : [],
  );
  const lines = [
    shown.map((index) => (table.columnDefinitions[index]?.name ?? "").toUpperCase()),
    ...table.rows.map(({ cells }) => shown.map((index) => String(cells[index]))),
  ];
  const widths = shown.map((_, column) =>
    Math.max(...lines.map((line) => line[column]?.length ?? 0)),
  );
  return lines
    .map((line) =>
      line
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join("   ")
        .trimEnd(),
    )
    .join("\n");
}
