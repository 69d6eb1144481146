import { MESSAGES } from "./messages.ts";

/** One field of a message. */
export interface MessageField {
  /** Its name in JSON; absent where its own fields stand in its place. */
  readonly name: string | undefined;
  /** A zero is as good as nothing. */
  readonly omitsZero: boolean;
  readonly shape: "one" | "list" | "map" | "map of lists";
  /** A scalar, a word that the decoder knows, or the name of a message. */
  readonly type: string;
}

export type MessageFields = ReadonlyMap<number, MessageField>;

let table: ReadonlyMap<string, string> | undefined;
const parsed = new Map<string, MessageFields>();

/** The fields of a message such as `core/v1.PodSpec`, by their numbers; `undefined` when there is no such message. */
export function fieldsOf(message: string): MessageFields | undefined {
  const known = parsed.get(message);
  if (known !== undefined) return known;
  table ??= new Map(
    MESSAGES.trim()
      .split("\n")
      .map((line) => [line.slice(0, `${line} `.indexOf(" ")), line]),
  );
  const line = table.get(message);
  if (line === undefined) return undefined;
  const fields = new Map(line.split(" ").slice(1).map(parseField));
  parsed.set(message, fields);
  return fields;
}

const FIELD = /^([^=]+)=(\d+)(\??)(\{\})?(\[\])?(.+)$/;

function parseField(text: string): readonly [number, MessageField] {
  const match = FIELD.exec(text);
  if (match === null) throw new Error(`The table of messages has no field "${text}"`);
  const [, name = "", number, optional, map, list, type = ""] = match;
  const inMap = list === undefined ? "map" : "map of lists";
  const shape = map === undefined ? (list === undefined ? "one" : "list") : inMap;
  const field: MessageField = {
    name: name.startsWith("~") ? undefined : name,
    omitsZero: optional === "?",
    shape,
    type,
  };
  return [Number(number), field];
}
