import { createReadStream } from "node:fs";

const BLOCK = 512;

/**
 * The bytes of a tar archive, in order, the same for the same entries. An entry is `{ path, mode?, content }`
 * (text or bytes), `{ path, mode?, file, size }` (read from disk), `{ path, mode?, parts, size }` (chunks of known
 * total size), `{ path, folder: true, mode? }` or `{ path, link }` (symbolic).
 */
export async function* tarBytes(entries) {
  for (const entry of entries) {
    const content = entry.content === undefined ? undefined : Buffer.from(entry.content);
    const size = content?.length ?? entry.size ?? 0;
    yield header(entry, size);
    let written = 0;
    for await (const chunk of dataOf(entry, content)) {
      written += chunk.length;
      yield chunk;
    }
    if (written !== size)
      throw new Error(`Cannot pack "${entry.path}": it changed while it was read`);
    if (size % BLOCK !== 0) yield Buffer.alloc(BLOCK - (size % BLOCK));
  }
  yield Buffer.alloc(2 * BLOCK);
}

/** The length of `tarBytes(entries)`. */
export function tarSize(entries) {
  return entries.reduce((sum, entry) => {
    const size = entry.content === undefined ? (entry.size ?? 0) : Buffer.byteLength(entry.content);
    return sum + BLOCK + Math.ceil(size / BLOCK) * BLOCK;
  }, 2 * BLOCK);
}

function dataOf(entry, content) {
  if (content !== undefined) return [content];
  if (entry.parts !== undefined) return entry.parts();
  return entry.file === undefined ? [] : createReadStream(entry.file, { highWaterMark: 1 << 20 });
}

/** A ustar header. Owner root, time zero: the archive depends on its content alone. */
function header({ path, mode, link, folder }, size) {
  const block = Buffer.alloc(BLOCK);
  const name = folder ? `${path}/` : path;
  if (Buffer.byteLength(name) > 100 || Buffer.byteLength(link ?? "") > 100)
    throw new Error(`Cannot pack "${path}": its name is longer than 100 bytes`);
  const octal = (value, width) => `${value.toString(8).padStart(width - 1, "0")}\0`;
  block.write(name, 0);
  block.write(octal(mode ?? (folder ? 0o755 : 0o644), 8), 100);
  block.write(octal(0, 8), 108);
  block.write(octal(0, 8), 116);
  block.write(octal(size, 12), 124);
  block.write(octal(0, 12), 136);
  block.write("        ", 148);
  block.write(link === undefined ? (folder ? "5" : "0") : "2", 156);
  block.write(link ?? "", 157);
  block.write("ustar\u000000", 257);
  const sum = block.reduce((total, byte) => total + byte, 0);
  block.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148);
  return block;
}
