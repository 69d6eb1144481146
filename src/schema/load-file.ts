import { canonicalJson, sha256 } from "../base/hash.ts";
import { compare } from "../base/order.ts";
import type { ApiObject, ObjectRef } from "../model/meta.ts";
import type { Position, Problem } from "../model/problem.ts";
import { findResource } from "../model/resources.ts";
import { checkObject, isHarmful } from "./check-object.ts";
import { asFields, asList, isFields } from "./fields.ts";
import { formatPath } from "./finding.ts";
import type { FieldPath, Finding, TextProblem } from "./finding.ts";
import { findKind } from "./kinds.ts";
import { fileKey } from "./loaded-file.ts";
import type {
  DeclaredObject,
  FileOptions,
  ForeignObject,
  KnownFiles,
  LoadedFile,
  ObjectPlace,
  SourceFile,
} from "./loaded-file.ts";
import { readYaml } from "./read-yaml.ts";
import type { YamlDocument, YamlFile } from "./yaml-file.ts";

/** Largest manifest file: far above what people write, and read in less than a second. */
export const MAX_FILE_BYTES = 5_000_000;
/** Problems of one file that are listed: after so many, the list helps nobody. */
const MAX_FILE_PROBLEMS = 100;
/** Findings of one object whose places are looked up, which takes time in proportion to the file for each. */
const MAX_OBJECT_FINDINGS = 200;
/** Findings of one file whose places are looked up; of what follows, each object's own place is told. */
const MAX_PLACED = 1000;

/** A parsed file in which fields can be found. */
export interface OpenDocuments {
  readonly name: string;
  readonly yaml: YamlFile;
}

/** Whether a path is that of a manifest: `.yaml`, `.yml` or `.json`. Pure. */
export function isManifestFile(path: string): boolean {
  return /\.(?:yaml|yml|json)$/i.test(path);
}

/** The objects of one file, or its problems. Takes any bytes; never throws. Pure. */
export function loadFile(file: SourceFile, options: FileOptions): LoadedFile {
  const name = options.prefix + file.path;
  const text = decode(file.content);
  if (typeof text === "string") return collect(file, { name, yaml: readYaml(text) }, options);
  const problem = { ...text, at: { file: name, line: 1, column: 1 }, path: "" };
  return {
    source: file,
    declared: [],
    foreign: [],
    broken: [],
    problems: [problem],
    warnings: [],
    isComplete: false,
  };
}

/** As `loadFile`, unless it is known what comes of the file. */
export function loadKnownFile(
  file: SourceFile,
  options: FileOptions,
  known: KnownFiles | undefined,
): LoadedFile {
  const key = known === undefined ? undefined : fileKey(file, options);
  if (known === undefined || key === undefined) return loadFile(file, options);
  const found = known.get(key);
  if (found !== undefined) return found;
  const loaded = loadFile(file, options);
  known.set(key, loaded);
  return loaded;
}

/** A file once more, to find places in it. Only for files that `loadFile` could read. Pure. */
export function openDocuments(file: SourceFile, prefix: string): OpenDocuments {
  const text = decode(file.content);
  return { name: prefix + file.path, yaml: readYaml(typeof text === "string" ? text : "") };
}

/** A finding with its place in the text. Pure. */
export function problemAt(
  finding: Finding,
  { document, base }: ObjectPlace,
  { name, yaml }: OpenDocuments,
): Problem {
  const path = [...base, ...finding.path];
  const place = yaml.documents[document]?.locate(path, finding.on ?? "value") ?? { offset: 0 };
  const { code, message } = finding;
  const written = finding.unquoted === true ? place.source : undefined;
  const hint = written === undefined ? finding.hint : `write "${written}"`;
  return {
    code,
    message,
    at: { file: name, ...yaml.positionAt(place.offset) },
    path: formatPath(path),
    ...(hint === undefined ? {} : { hint }),
  };
}

function collect(file: SourceFile, open: OpenDocuments, options: FileOptions): LoadedFile {
  const declared: DeclaredObject[] = [];
  const foreign: ForeignObject[] = [];
  const broken: ObjectRef[] = [];
  const problems: Problem[] = open.yaml.problems.map((problem) => textProblem(problem, open));
  const warnings: Problem[] = [];
  let isComplete = problems.length === 0;
  for (const [document, content] of open.yaml.documents.entries()) {
    if (content.problems.length > 0) isComplete = false;
    problems.push(...content.problems.map((problem) => textProblem(problem, open)));
    warnings.push(...content.warnings.map((warning) => textProblem(warning, open)));
    for (const { value, base } of objectsOf(content)) {
      const { offset } = content.locate(base, "value");
      const at = { file: open.name, ...open.yaml.positionAt(offset) };
      const place = { document, base, at, file };
      const names = foreignNames(value);
      if (names !== undefined) {
        foreign.push({ value: asFields(value), ...names, ...place });
        continue;
      }
      const { object, findings } = checkObject(value, options.namespace);
      for (const finding of findings.slice(0, MAX_OBJECT_FINDINGS)) {
        const list = isHarmful(finding) ? problems : warnings;
        const isPlaced = problems.length + warnings.length < MAX_PLACED;
        list.push(isPlaced ? problemAt(finding, place, open) : unplaced(finding, place));
      }
      if (object !== undefined) declared.push(declare(object, place));
      else broken.push(...nameOf(value, options.namespace));
    }
  }
  return {
    source: file,
    declared,
    foreign,
    broken,
    problems,
    warnings: withoutRefused(warnings, problems),
    isComplete,
  };
}

function unplaced(
  { code, message, hint, path }: Finding,
  { at, base }: ObjectPlace & { readonly at: Position },
): Problem {
  const whole = formatPath([...base, ...path]);
  return { code, message, at, path: whole, ...(hint === undefined ? {} : { hint }) };
}

/** A valid object with its digest. Pure. */
export function declare(
  object: ApiObject,
  { document, base, at, file }: Omit<DeclaredObject, "object" | "hash">,
): DeclaredObject {
  return { object, hash: sha256(canonicalJson(object)), at, file, document, base };
}

/** What an object calls its kind, when it is none of the built-in ones. */
function foreignNames(value: unknown): Pick<ForeignObject, "apiVersion" | "kind"> | undefined {
  const { apiVersion, kind } = asFields(value);
  if (typeof apiVersion !== "string" || typeof kind !== "string") return undefined;
  if (apiVersion === "" || kind === "" || findKind(apiVersion, kind) !== undefined)
    return undefined;
  return { apiVersion, kind };
}

/** `runAsNonRoot: yes` is refused already: that it is ambiguous says nothing more. */
function withoutRefused(
  warnings: readonly Problem[],
  problems: readonly Problem[],
): readonly Problem[] {
  if (warnings.length === 0 || problems.length === 0) return warnings;
  const refused = new Set(problems.map(({ at }) => `${at.line}:${at.column}`));
  return warnings.filter(
    ({ code, at }) => code !== "yaml/ambiguous" || !refused.has(`${at.line}:${at.column}`),
  );
}

interface PlacedValue {
  readonly value: unknown;
  readonly base: FieldPath;
}

/** The document itself; of a List its empty shell and its items, which may be Lists again. An empty document has none. */
function objectsOf({ value, problems }: YamlDocument): readonly PlacedValue[] {
  return problems.length > 0 || value === null || value === undefined ? [] : unwrap(value, []);
}

function unwrap(value: unknown, base: FieldPath): readonly PlacedValue[] {
  const isList = isFields(value) && value["apiVersion"] === "v1" && value["kind"] === "List";
  if (!isList || !Array.isArray(value["items"])) return [{ value, base }];
  const shell = { value: { ...value, items: [] }, base };
  const items = asList(value["items"]).flatMap((item, index) =>
    unwrap(item, [...base, "items", index]),
  );
  return [shell, ...items];
}

function textProblem(problem: TextProblem, { name, yaml }: OpenDocuments): Problem {
  const { offset, ...rest } = problem;
  return { ...rest, at: { file: name, ...yaml.positionAt(offset) }, path: "" };
}

/** What an object that is not valid calls itself, as far as that can be read. Pure. */
export function nameOf(value: unknown, namespace: string): readonly ObjectRef[] {
  const { apiVersion, kind, metadata } = asFields(value);
  const { name, namespace: own } = asFields(metadata);
  if (typeof apiVersion !== "string" || typeof kind !== "string" || typeof name !== "string")
    return [];
  const isNamespaced = findResource(apiVersion, kind)?.namespaced ?? true;
  if (!isNamespaced) return [{ apiVersion, kind, name }];
  return [{ apiVersion, kind, namespace: typeof own === "string" ? own : namespace, name }];
}

/** In the order of files, lines and columns. */
export function byPosition(a: Problem, b: Problem): number {
  return compare(a.at.file, b.at.file) || a.at.line - b.at.line || a.at.column - b.at.column;
}

/** The problems of one file in their order, the first ones when there are many. Pure. */
export function limitProblems(problems: readonly Problem[]): readonly Problem[] {
  if (problems.length < 2) return problems;
  const sorted = problems.toSorted(byPosition);
  const more = problems.length - MAX_FILE_PROBLEMS;
  if (more <= 0) return sorted;
  const shown = sorted.slice(0, MAX_FILE_PROBLEMS);
  const last = shown.at(-1)?.at;
  if (last === undefined) return shown;
  return [
    ...shown,
    {
      code: "file/too-many-problems",
      message: `The file has ${more} more problems`,
      at: last,
      path: "",
      hint: "mend these first",
    },
  ];
}

/** The text of a file, or why it is none. */
function decode(content: Uint8Array): string | Pick<Problem, "code" | "message" | "hint"> {
  if (content.length > MAX_FILE_BYTES) {
    return {
      code: "file/too-large",
      message: `The file has ${content.length} bytes: at most ${MAX_FILE_BYTES} are read`,
      hint: "split it, or move what is no manifest out of the App's path",
    };
  }
  if (content.includes(0)) {
    const isWide =
      (content[0] === 0xff && content[1] === 0xfe) || (content[0] === 0xfe && content[1] === 0xff);
    return {
      code: "file/binary",
      message: isWide ? "The file is in UTF-16" : "The file holds binary data, not text",
      hint: isWide ? "save it as UTF-8" : "move it out of the App's path, or rename it",
    };
  }
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(content);
  } catch {
    return {
      code: "file/binary",
      message: "The file is not valid UTF-8",
      hint: "save it as UTF-8, or rename it if it is no manifest",
    };
  }
}
