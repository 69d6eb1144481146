import { compare } from "../base/order.ts";
import type { CustomResourceDefinition } from "../model/kinds.gen.ts";
import type { Position, Problem } from "../model/problem.ts";
import { isHarmful } from "./check-object.ts";
import { checkCustomObject, customKinds } from "./crd-kinds.ts";
import type { KindSource } from "./crd-kinds.ts";
import type { Finding } from "./finding.ts";
import { explainKind } from "./kinds.ts";
import {
  byPosition,
  declare,
  isManifestFile,
  limitProblems,
  loadKnownFile,
  nameOf,
  openDocuments,
  problemAt,
} from "./load-file.ts";
import type { OpenDocuments } from "./load-file.ts";
import type { DeclaredObject, FileOptions, LoadedFile, SourceFile } from "./loaded-file.ts";
import { changedFiles, changeManifests, takeNames } from "./loaded-tree.ts";
import { byKindAndName, toManifest } from "./manifest-order.ts";
import type { LoadedManifests, LoadedTree, LoadManifests, LoadOptions } from "./manifest.ts";
import { checkTree, warnOfTree } from "./rules/tree-rules.ts";
import type { TreeFinding } from "./rules/tree-finding.ts";

/**
 * Reads the manifests of a tree: parsed, validated, defaulted, checked against each other; or every problem of it.
 *
 * Takes any bytes and never throws. Files that are not `.yaml`, `.yml` or `.json` are left alone. The same files in
 * another order give the same answer. Pure.
 */
export const loadManifests: LoadManifests = (files, options) => {
  const sorted = files
    .filter((file) => isManifestFile(file.path))
    .toSorted((a, b) => compare(a.path, b.path));
  return changeTree(sorted, options) ?? loadTree(sorted, options);
};

function loadTree(files: readonly SourceFile[], options: LoadOptions): LoadedManifests {
  const prefix = options.filePrefix ?? "";
  const read = files.map((file) => loadKnownFile(file, fileOptions(options), options.known));
  const loaded = resolveForeign(read, options);
  const declared = loaded.flatMap((file) => file.declared);
  const broken = checkTree(declared, options.plainSecrets);
  const problems = [
    ...loaded.flatMap((file) => limitProblems(file.problems)),
    ...placeFindings(broken, prefix),
  ].toSorted(byPosition);
  const warnings = warningsOf(loaded, options);
  const manifests = problems.length > 0 ? [] : declared.map(toManifest).toSorted(byKindAndName);
  // What another tree is told apart from must be plain: without problems, and without kinds of its own.
  const isPlain = problems.length === 0 && read.every(({ foreign }) => foreign.length === 0);
  remember(isPlain ? { key: slotKey(options), files: read, manifests } : undefined, options);
  return { manifests, problems, warnings };
}

/** What loading the tree in full gives, at the cost of what differs from the last one; `undefined` when it must be. */
function changeTree(
  files: readonly SourceFile[],
  options: LoadOptions,
): LoadedManifests | undefined {
  const before = options.slot?.tree;
  remember(undefined, options);
  if (before === undefined || before.key !== slotKey(options)) return undefined;
  const changes = changedFiles(before.files, files);
  if (changes === undefined) return undefined;
  const { removed, kept } = changes;
  const added = changes.added.map((file) =>
    loadKnownFile(file, fileOptions(options), options.known),
  );
  const isPlain = added.every(
    ({ problems, foreign }) => problems.length === 0 && foreign.length === 0,
  );
  const declared = added.flatMap((file) => file.declared);
  if (!isPlain || checkTree(declared, options.plainSecrets).length > 0) return undefined;
  const names = takeNames(before, removed, added);
  const manifests = changeManifests(
    before.manifests,
    removed.flatMap((file) => file.declared),
    declared,
  );
  if (names === undefined || manifests === undefined) return undefined;
  const fresh = added.values();
  const all = kept.flatMap((file) => file ?? fresh.next().value ?? []);
  remember({ key: before.key, files: all, manifests, names }, options);
  return { manifests, problems: [], warnings: warningsOf(all, options) };
}

function remember(tree: LoadedTree | undefined, { slot }: LoadOptions): void {
  if (slot !== undefined) slot.tree = tree;
}

/** Trees that were read in another way have nothing in common. */
function slotKey({ namespace, filePrefix = "", plainSecrets = "allow" }: LoadOptions): string {
  return [namespace, filePrefix, plainSecrets].join("\0");
}

function fileOptions({ namespace, filePrefix = "" }: LoadOptions): FileOptions {
  return { namespace, prefix: filePrefix };
}

function warningsOf(loaded: readonly LoadedFile[], options: LoadOptions): readonly Problem[] {
  const own = loaded.flatMap((file) => file.warnings);
  if (options.treeWarnings === false) return own.toSorted(byPosition);
  const declared = loaded.flatMap((file) => file.declared);
  const between = warnOf(loaded, declared, options.plainSecrets);
  return [...own, ...placeFindings(between, options.filePrefix ?? "")].toSorted(byPosition);
}

/** Objects of kinds that are not built in: of the tree's own definitions, else of the cluster's, else of nobody's. */
function resolveForeign(files: readonly LoadedFile[], options: LoadOptions): readonly LoadedFile[] {
  if (files.every((file) => file.foreign.length === 0)) return files;
  const definitions = files.flatMap(({ declared }) =>
    declared
      .map(({ object }) => object)
      .filter(({ kind }) => kind === "CustomResourceDefinition")
      .map((object) => object as CustomResourceDefinition),
  );
  const own = customKinds(definitions);
  const find: KindSource = (apiVersion, kind) =>
    own(apiVersion, kind) ?? options.kinds?.(apiVersion, kind);
  return files.map((file) => (file.foreign.length === 0 ? file : resolveFile(file, find, options)));
}

function resolveFile(file: LoadedFile, find: KindSource, options: LoadOptions): LoadedFile {
  let opened: OpenDocuments | undefined;
  const open = (): OpenDocuments =>
    (opened ??= openDocuments(file.source, options.filePrefix ?? ""));
  const declared = [...file.declared];
  const broken = [...file.broken];
  const problems = [...file.problems];
  const warnings = [...file.warnings];
  for (const foreign of file.foreign) {
    const { value, apiVersion, kind } = foreign;
    const known = find(apiVersion, kind);
    const { object, findings } =
      known === undefined
        ? { object: undefined, findings: [explainKind(apiVersion, kind)] }
        : checkCustomObject(value, known, options.namespace);
    for (const finding of findings) {
      (isHarmful(finding) ? problems : warnings).push(problemAt(finding, foreign, open()));
    }
    if (object === undefined) broken.push(...nameOf(value, options.namespace));
    else declared.push(declare(object, foreign));
  }
  return { ...file, declared, broken, problems, warnings };
}

/** A file that could not be read may hold all that is missing: then nothing is known to be missing. */
function warnOf(
  loaded: readonly LoadedFile[],
  declared: readonly DeclaredObject[],
  plainSecrets: LoadOptions["plainSecrets"],
): TreeFinding<DeclaredObject>[] {
  if (loaded.some((file) => !file.isComplete)) return [];
  return warnOfTree(
    declared,
    loaded.flatMap((file) => file.broken),
    plainSecrets,
  );
}

/** Findings between objects are rare: their files are parsed again, so that no parse tree is kept for them. */
function placeFindings(
  findings: readonly TreeFinding<DeclaredObject>[],
  prefix: string,
): readonly Problem[] {
  const opened = new Map<SourceFile, OpenDocuments>();
  const open = (file: SourceFile): OpenDocuments => {
    const known = opened.get(file);
    if (known !== undefined) return known;
    const documents = openDocuments(file, prefix);
    // One file at a time is enough: findings come in the order of files.
    opened.clear();
    opened.set(file, documents);
    return documents;
  };
  return findings.map(({ declared, finding, other }) => {
    const told: Finding =
      other === undefined
        ? finding
        : { ...finding, message: `${finding.message} ${formatPlace(other.at)}` };
    return problemAt(told, declared, open(declared.file));
  });
}

function formatPlace({ file, line, column }: Position): string {
  return `${file}:${line}:${column}`;
}
