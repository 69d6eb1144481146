import { formatPath } from "../model/field-path.ts";
import type { FieldPath } from "../model/field-path.ts";
import { asFields } from "./fields.ts";
import { listWords } from "./finding.ts";
import { hasField, kindSchema, schemasAlong, stepInto } from "./schema-lookup.ts";
import type { PlacedSchema, SchemaById } from "./schema-lookup.ts";

/** Where a field that stands in the wrong map belongs. */
export interface Home {
  /** As users write it: `spec.template.spec.containers[]`; several that are as near, with `or`. */
  readonly where: string;
  /** The fields of the wrong map that lead there, when it lies further down. */
  readonly through: readonly string[];
}

/** So many maps further down are looked into. */
const MAX_DEPTH = 4;
/** So many maps are looked into in all: a type may hold itself. */
const MAX_VISITS = 400;
/** So many places are named: where there are more, none is meant. */
const MAX_HOMES = 3;
/** Names that stand everywhere: one of their places says nothing. */
const COMMON: ReadonlySet<string> = new Set([
  "annotations",
  "key",
  "kind",
  "labels",
  "name",
  "namespace",
  "operator",
  "path",
  "type",
  "value",
  "values",
]);

/**
 * The map around or below the one at `parent` that has a field `name`: where it was meant to stand, if anywhere.
 * `root` is the object. Pure.
 */
export function findHome(
  name: string,
  parent: FieldPath,
  { root, find }: { readonly root: unknown; readonly find: SchemaById },
): Home | undefined {
  if (COMMON.has(name)) return undefined;
  const { apiVersion, kind } = asFields(root);
  const schema = kindSchema(apiVersion, kind, find);
  if (schema === undefined) return undefined;
  const along = schemasAlong(schema, parent, find);
  if (along.length !== parent.length + 1) return undefined;
  const above = along.slice(0, -1).findLastIndex((placed) => hasField(placed.schema, name));
  if (above >= 0) {
    const where = above === 0 ? "the object itself" : formatPath(parent.slice(0, above));
    return { where, through: [] };
  }
  const here = along.at(-1);
  return here === undefined
    ? undefined
    : findBelow(name, { at: formatPath(parent), placed: here }, find);
}

interface Visit {
  readonly at: string;
  readonly placed: PlacedSchema;
  readonly through?: string;
  /** Whether the map around must have it. */
  readonly isNeeded?: boolean;
}

/** Level by level, so that the nearest are found. */
function findBelow(name: string, start: Visit, find: SchemaById): Home | undefined {
  let level: readonly Visit[] = [start];
  let visits = 0;
  for (let depth = 0; depth < MAX_DEPTH; depth++) {
    const next: Visit[] = [];
    for (const visit of level) {
      for (const field of Object.keys(visit.placed.schema.properties ?? {})) {
        if (++visits > MAX_VISITS) return undefined;
        const child = enter(visit, field, find);
        if (child !== undefined) next.push(child);
      }
    }
    const homes = likeliest(
      next.filter(({ placed }) => hasField(placed.schema, name)),
      name,
    );
    if (homes.length > MAX_HOMES) return undefined;
    if (homes.length > 0) {
      const through = homes.flatMap((home) => home.through ?? []);
      return { where: listWords(homes.map(({ at }) => at)), through };
    }
    level = next;
  }
  return undefined;
}

/** Of several places, those that cannot do without the field, and of these, those that must be there themselves. */
function likeliest(homes: readonly Visit[], name: string): readonly Visit[] {
  const wanting = homes.filter(({ placed }) => placed.schema.required?.includes(name) === true);
  const some = wanting.length > 0 ? wanting : homes;
  const needed = some.filter(({ isNeeded }) => isNeeded === true);
  return needed.length > 0 ? needed : some;
}

/** A field that holds a map, or a list of them. */
function enter(visit: Visit, field: string, find: SchemaById): Visit | undefined {
  const value = stepInto(visit.placed, field, find);
  if (value === undefined) return undefined;
  const item = value.schema.items === undefined ? undefined : stepInto(value, 0, find);
  const placed = item ?? value;
  if (placed.schema.properties === undefined) return undefined;
  const name = item === undefined ? field : `${field}[]`;
  const at = visit.at === "" ? name : `${visit.at}.${name}`;
  const isNeeded = visit.placed.schema.required?.includes(field) === true;
  return { at, placed, through: visit.through ?? field, isNeeded };
}
