import { unreachable } from "../base/assert.ts";

/** One entry of an archive. Paths are relative, without `..`. */
export type TarEntry =
  | {
      readonly kind: "file";
      readonly path: string;
      readonly content: Uint8Array;
      readonly mode?: number;
      readonly gid?: number;
    }
  | {
      readonly kind: "directory";
      readonly path: string;
      readonly mode?: number;
      readonly gid?: number;
    }
  | { readonly kind: "symlink"; readonly path: string; readonly target: string };

const BLOCK = 512;
const encoder = new TextEncoder();

/** A tar in the POSIX ustar form, with pax headers for names that do not fit. Times are 0: equal entries, equal bytes. Pure. */
export function packTar(entries: readonly TarEntry[]): Uint8Array {
  const blocks: Uint8Array[] = [];
  for (const entry of entries) {
    const long = paxRecords(entry);
    if (long.length > 0)
      appendEntry(blocks, header("PaxHeaders/entry", "x", long.length, 0o644), long);
    const content = entry.kind === "file" ? entry.content : new Uint8Array();
    appendEntry(blocks, entryHeader(entry, content.length), content);
  }
  blocks.push(new Uint8Array(BLOCK * 2));
  return concat(blocks);
}

function appendEntry(blocks: Uint8Array[], head: Uint8Array, content: Uint8Array): void {
  blocks.push(head, content);
  const padding = (BLOCK - (content.length % BLOCK)) % BLOCK;
  if (padding > 0) blocks.push(new Uint8Array(padding));
}

function entryHeader(entry: TarEntry, size: number): Uint8Array {
  switch (entry.kind) {
    case "file":
      return header(entry.path, "0", size, entry.mode ?? 0o644, { gid: entry.gid ?? 0 });
    case "directory":
      return header(`${entry.path}/`, "5", 0, entry.mode ?? 0o755, { gid: entry.gid ?? 0 });
    case "symlink":
      return header(entry.path, "2", 0, 0o777, { target: entry.target });
    default:
      return unreachable(entry);
  }
}

function header(
  path: string,
  type: string,
  size: number,
  mode: number,
  more: { readonly gid?: number; readonly target?: string } = {},
): Uint8Array {
  const block = new Uint8Array(BLOCK);
  const text = (at: number, length: number, value: string): void => {
    block.set(encoder.encode(value).subarray(0, length), at);
  };
  const octal = (at: number, length: number, value: number): void => {
    text(at, length, value.toString(8).padStart(length - 1, "0"));
  };
  text(0, 100, path);
  octal(100, 8, mode);
  octal(108, 8, 0);
  octal(116, 8, more.gid ?? 0);
  octal(124, 12, size);
  octal(136, 12, 0);
  text(148, 8, "        ");
  text(156, 1, type);
  text(157, 100, more.target ?? "");
  text(257, 8, "ustar\u000000");
  const sum = block.reduce((total, byte) => total + byte, 0);
  text(148, 8, `${sum.toString(8).padStart(6, "0")}\0 `);
  return block;
}

/** The records of a pax header for what the ustar header cuts off; empty when all fits. */
function paxRecords(entry: TarEntry): Uint8Array {
  const path = entry.kind === "directory" ? `${entry.path}/` : entry.path;
  const target = entry.kind === "symlink" ? entry.target : "";
  const records = [
    ...(encoder.encode(path).length > 100 ? [paxRecord("path", path)] : []),
    ...(encoder.encode(target).length > 100 ? [paxRecord("linkpath", target)] : []),
  ];
  return encoder.encode(records.join(""));
}

/** `<length> <key>=<value>\n`, where the length counts itself. */
function paxRecord(key: string, value: string): string {
  const bytes = encoder.encode(` ${key}=${value}\n`).length;
  let length = bytes + String(bytes).length;
  if (String(length).length > String(bytes).length) length += 1;
  return `${length} ${key}=${value}\n`;
}

function concat(parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((total, part) => total + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
