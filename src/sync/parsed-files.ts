import { readdirSync, readFileSync, statSync } from "node:fs";
import { mkdir, rename, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";
import { sha256 } from "../base/hash.ts";
import type { Logger } from "../base/logger.ts";
import { FileCache } from "../schema/file-cache.ts";
import type {
  DeclaredObject,
  ForeignObject,
  KnownFiles,
  LoadedFile,
  SourceFile,
} from "../schema/loaded-file.ts";

/** What was made of files, kept on disk from one start to the next. */
export interface ParsedFiles extends KnownFiles {
  /** Writes what is new, if that is worth it; never throws. */
  save(isLast?: boolean): Promise<void>;
}

/** Fewer new files than this are parsed faster than all are written. */
const MIN_NEW = 200;
/** Larger is not written, and not read. */
const MAX_BYTES = 128 * 1024 * 1024;
const FORMAT = 1;

/** A file as it is kept; what it declares names it no more. */
interface Kept {
  readonly key: string;
  readonly path: string;
  readonly id: string;
  readonly text: string;
  readonly declared: readonly Omit<DeclaredObject, "file">[];
  readonly foreign: readonly Omit<ForeignObject, "file">[];
}

/**
 * Opens what was kept by the very same code and schemas; anything else, and anything damaged, is as if it were not there.
 * Files with problems are not kept, and nothing that was decrypted: it has no object id.
 */
export function openParsedFiles(
  path: string,
  logger: Logger,
  maker: string = codeDigest(),
): ParsedFiles {
  const files = new FileCache();
  for (const kept of readKept(path, maker, logger)) files.set(kept.key, restore(kept));
  let fresh = 0;
  let saving: Promise<void> = Promise.resolve();
  return {
    get: (key) => files.get(key),
    set(key, file) {
      files.set(key, file);
      fresh += 1;
    },
    save(isLast = false) {
      if (fresh === 0 || (fresh < MIN_NEW && !isLast)) return saving;
      fresh = 0;
      const content = encode(files.entries(), maker);
      saving = saving.then(() => write(path, content, logger));
      return saving;
    },
  };
}

function encode(entries: Iterable<readonly [string, LoadedFile]>, maker: string): string {
  const kept: Kept[] = [];
  for (const [key, file] of entries) {
    const one = keep(key, file);
    if (one !== undefined) kept.push(one);
  }
  const body = JSON.stringify(kept);
  return `${JSON.stringify({ format: FORMAT, maker, digest: sha256(body) })}\n${body}`;
}

function keep(
  key: string,
  { source, declared, foreign, broken, problems, warnings, isComplete }: LoadedFile,
): Kept | undefined {
  const isPlain = problems.length + warnings.length + broken.length === 0 && isComplete;
  if (!isPlain || source.id === undefined || source.isEncrypted === true) return undefined;
  const { path, id } = source;
  const text = Buffer.from(source.content).toString("utf8");
  return {
    key,
    path,
    id,
    text,
    declared: declared.map(withoutFile),
    foreign: foreign.map(withoutFile),
  };
}

function withoutFile<T extends { readonly file: SourceFile }>(item: T): Omit<T, "file"> {
  const { file: _, ...rest } = item;
  return rest;
}

function restore({ path, id, text, declared, foreign }: Kept): LoadedFile {
  const source: SourceFile = { path, id, content: Buffer.from(text) };
  return {
    source,
    declared: declared.map((item) => ({ ...item, file: source })),
    foreign: foreign.map((item) => ({ ...item, file: source })),
    broken: [],
    problems: [],
    warnings: [],
    isComplete: true,
  };
}

function readKept(path: string, maker: string, logger: Logger): readonly Kept[] {
  try {
    if ((statSync(path, { throwIfNoEntry: false })?.size ?? MAX_BYTES) >= MAX_BYTES) return [];
    const content = readFileSync(path, "utf8");
    const end = content.indexOf("\n");
    const head = JSON.parse(content.slice(0, end)) as Readonly<Record<string, unknown>>;
    const body = content.slice(end + 1);
    if (head["format"] !== FORMAT || head["maker"] !== maker) return [];
    if (head["digest"] !== sha256(body)) throw new Error("its digest is another");
    return JSON.parse(body) as readonly Kept[];
  } catch (error) {
    logger.warn({ error, path }, "Cannot use the manifests that were kept: parsing them anew");
    return [];
  }
}

async function write(path: string, content: string, logger: Logger): Promise<void> {
  if (Buffer.byteLength(content) >= MAX_BYTES) return;
  try {
    await mkdir(dirname(path), { recursive: true, mode: 0o700 });
    await writeFile(`${path}.tmp`, content, { mode: 0o600 });
    await rename(`${path}.tmp`, path);
  } catch (error) {
    logger.warn({ error, path }, "Cannot keep parsed manifests");
  }
}

/** Of all code that says what a file comes to: another version must not meet what this one has made. */
function codeDigest(): string {
  const folders = ["../schema/", "../model/"].map((folder) =>
    fileURLToPath(new URL(folder, import.meta.url)),
  );
  const texts = folders.flatMap((folder) =>
    readdirSync(folder, { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => `${entry.parentPath}/${entry.name}`)
      .toSorted((a, b) => (a < b ? -1 : 1))
      .map((file) => readFileSync(file, "utf8")),
  );
  return sha256(texts.join("\0"));
}
