import { createCipheriv, createDecipheriv, randomBytes } from "node:crypto";
import { SopsError } from "./sops-error.ts";

/** A value with its type in the format; `text` is what is encrypted, and what goes into the MAC. */
export interface SopsValue {
  readonly type: "str" | "int" | "float" | "bool" | "bytes" | "time" | "comment";
  readonly text: string;
}

const TYPES: ReadonlySet<string> = new Set([
  "str",
  "int",
  "float",
  "bool",
  "bytes",
  "time",
  "comment",
]);
const ENCRYPTED = /^ENC\[AES256_GCM,data:([^,\]]+),iv:([^,\]]+),tag:([^,\]]+),type:([a-z]+)\]$/;
/** The format's own; others are read. */
const IV_BYTES = 32;
const TAG_BYTES = 16;
const TRUE = /^(?:1|t|true)$/i;

/** Whether a text is an encrypted value. Pure. */
export function isEncrypted(text: string): boolean {
  return ENCRYPTED.test(text);
}

/** The type that an encrypted value says it has. Pure. */
export function encryptedType(text: string): SopsValue["type"] | undefined {
  const type = ENCRYPTED.exec(text)?.[4];
  return type !== undefined && TYPES.has(type) ? (type as SopsValue["type"]) : undefined;
}

/** What authenticates a value besides the key: the names on the way to it. Lists have none. Pure. */
export function additionalData(path: readonly string[]): string {
  return `${path.join(":")}:`;
}

/** Opens one value. `undefined` when key or place are not those that it was encrypted with, or it was changed. */
export function decryptValue(text: string, key: Uint8Array, aad: string): SopsValue | undefined {
  if (text === "") return { type: "str", text };
  const [, data = "", iv = "", tag = ""] = ENCRYPTED.exec(text) ?? [];
  const type = encryptedType(text);
  if (type === undefined) return undefined;
  const tagBytes = Buffer.from(tag, "base64");
  const ivBytes = Buffer.from(iv, "base64");
  if (tagBytes.length !== TAG_BYTES || ivBytes.length === 0) return undefined;
  try {
    const decipher = createDecipheriv("aes-256-gcm", key, ivBytes, { authTagLength: TAG_BYTES });
    decipher.setAAD(Buffer.from(aad));
    decipher.setAuthTag(tagBytes);
    const plain = Buffer.concat([decipher.update(Buffer.from(data, "base64")), decipher.final()]);
    const decoded = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(plain);
    if (type === "bool") return { type, text: TRUE.test(decoded) ? "True" : "False" };
    return { type, text: decoded };
  } catch {
    return undefined; // The cause would tell nothing but "unable to authenticate".
  }
}

/** Encrypts one value; an empty text stays empty, as the format has it. */
export function encryptValue({ type, text }: SopsValue, key: Uint8Array, aad: string): string {
  if (text === "") return "";
  const iv = randomBytes(IV_BYTES);
  const cipher = createCipheriv("aes-256-gcm", key, iv, { authTagLength: TAG_BYTES });
  cipher.setAAD(Buffer.from(aad));
  const data = Buffer.concat([cipher.update(text, "utf8"), cipher.final()]);
  const [d, i, t] = [data, iv, cipher.getAuthTag()].map((bytes) => bytes.toString("base64"));
  return `ENC[AES256_GCM,data:${d},iv:${i},tag:${t},type:${type}]`;
}

const INTEGER = /^[-+]?(?:0|[1-9][\d_]*)$/;
const BASED = /^([-+]?)0(?:b([01_]+)|o([0-7_]+)|x([\da-f_]+)|([0-7_]+))$/i;
const FLOAT = /^[-+]?(?:\.\d+|\d[\d_]*(?:\.[\d_]*)?)(?:e[-+]?\d+)?$/i;
const TIME =
  /^(\d{4})-(\d{1,2})-(\d{1,2})(?:(?:[Tt]|[ \t]+)(\d{1,2}):(\d{1,2}):(\d{1,2})(\.\d{1,9})?(Z|[-+]\d{2}:\d{2})?)?$/;

/** What an unquoted text of YAML is to the tools that write the format; `undefined` for null. Pure. */
export function plainScalar(source: string): SopsValue | undefined {
  if (source === "" || source === "~" || /^(?:null|Null|NULL)$/.test(source)) return undefined;
  if (/^(?:true|True|TRUE)$/.test(source)) return { type: "bool", text: "True" };
  if (/^(?:false|False|FALSE)$/.test(source)) return { type: "bool", text: "False" };
  const special = /^([-+]?)\.(inf|Inf|INF)$/.exec(source);
  if (special !== null) return { type: "float", text: special[1] === "-" ? "-Inf" : "+Inf" };
  if (/^\.(?:nan|NaN|NAN)$/.test(source)) return { type: "float", text: "NaN" };
  const bare = source.replaceAll("_", "");
  if (INTEGER.test(source)) return integer(BigInt(bare.replace(/^\+/, "")), source);
  const based = BASED.exec(source);
  if (based !== null) return basedInteger(based, source);
  if (FLOAT.test(source)) return { type: "float", text: formatFloat(Number(bare)) };
  const time = TIME.exec(source);
  if (time !== null) return { type: "time", text: formatTime(time) };
  return { type: "str", text: source };
}

function basedInteger([, sign = "", ...bases]: RegExpExecArray, source: string): SopsValue {
  const prefix = ["0b", "0o", "0x", "0o"];
  const at = bases.findIndex((digits) => digits !== undefined);
  const digits = (bases[at] ?? "0").replaceAll("_", "");
  if (digits === "") return { type: "str", text: source };
  const value = BigInt(`${prefix[at]}${digits}`);
  return integer(sign === "-" ? -value : value, source);
}

/** Beyond 64 bits a number is a float to those tools. */
function integer(value: bigint, source: string): SopsValue {
  if (value >= -(2n ** 63n) && value < 2n ** 63n) return { type: "int", text: String(value) };
  return { type: "float", text: formatFloat(Number(source.replaceAll("_", ""))) };
}

/** The shortest digits that mean the number, without an exponent. Pure. */
export function formatFloat(value: number): string {
  const text = Object.is(value, -0) ? "-0" : String(value);
  const parts = /^(-?)(\d+)(?:\.(\d+))?e([-+]\d+)$/.exec(text);
  if (parts === null) return text;
  const [, sign = "", whole = "", fraction = "", exponent = "0"] = parts;
  const digits = whole + fraction;
  const point = whole.length + Number(exponent);
  if (point <= 0) return `${sign}0.${"0".repeat(-point)}${digits}`;
  return `${sign}${digits.padEnd(point, "0")}`;
}

function formatTime(parts: RegExpExecArray): string {
  const [, year = "", month = "", day = "", hour, minute, second, fraction = "", zone = "Z"] =
    parts;
  const two = (text = "0"): string => text.padStart(2, "0");
  const nanos = fraction.replace(/\.?0+$/, "");
  const clock = `${two(hour)}:${two(minute)}:${two(second)}${nanos}`;
  return `${year}-${two(month)}-${two(day)}T${clock}${zone === "+00:00" ? "Z" : zone}`;
}

/** How a damaged value is told: by its place, never by what it holds. */
export function damagedValue(path: readonly string[]): SopsError {
  return new SopsError(
    "secret/damaged",
    `The value at "${path.join(".")}" was changed or moved after it was encrypted`,
    "take the file from an earlier commit, then change it with `berth secret edit FILE`",
  );
}
