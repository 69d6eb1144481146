/** A map whose schema was checked: the names are known, the values are what the schema says. */
export type Fields = Readonly<Record<string, unknown>>;

const NONE: Fields = {};

/** The value when it is a map, else an empty one. Pure. */
export function asFields(value: unknown): Fields {
  return isFields(value) ? value : NONE;
}

/** Whether a value is a map. Pure. */
export function isFields(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** The value when it is a list, else an empty one. Pure. */
export function asList(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? (value as unknown[]) : [];
}

/** `{ name: changed list }` when the field is a list, else nothing to spread. Pure. */
export function mapList(fields: Fields, name: string, change: (item: Fields) => Fields): Fields {
  const value = fields[name];
  return Array.isArray(value)
    ? { [name]: (value as unknown[]).map((item) => change(asFields(item))) }
    : NONE;
}
