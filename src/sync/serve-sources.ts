import { join } from "node:path";
import type { MessagePort } from "node:worker_threads";
import type { Logger } from "../base/logger.ts";
import type { LoadManifests, Manifest } from "../schema/manifest.ts";
import { openDirectSources } from "./direct-sources.ts";
import { GitError } from "./git.ts";
import { manifestDelta, RememberedManifests } from "./manifest-delta.ts";
import { openParsedFiles } from "./parsed-files.ts";
import type { SourceLocation } from "./source.ts";
import type {
  FailedCall,
  FromWorker,
  ManifestSlice,
  RevisionHead,
  SourceCalls,
  SourceVerb,
  ToWorker,
  WorkerSettings,
} from "./source-protocol.ts";
import type { WritableSources } from "./write/writable-sources.ts";

/** What was made of manifests, beside the mirrors. */
const PARSED_FILE = "parsed-manifests.json";
/** A slice ends at whichever comes first: parsing it takes the receiver about 2 ms. */
const SLICE_MANIFESTS = 200;
const SLICE_CHARACTERS = 256_000;
/** One problem is enough to reject a revision; nobody reads more than this. */
const MAX_PROBLEMS = 1000;

type Handlers = {
  readonly [Verb in SourceVerb]: (
    signal: AbortSignal,
    ...args: SourceCalls[Verb]["args"]
  ) => Promise<SourceCalls[Verb]["value"]>;
};

/** Answers the calls that come through a port, until it is closed. The worker's side of `openSources`. */
export function serveSources(
  port: MessagePort,
  settings: WorkerSettings,
  loadManifests: LoadManifests,
): void {
  const send = (message: FromWorker): void => port.postMessage(message);
  const logger = portLogger(send);
  // Nobody here tells of what only may be a mistake: `berth validate` and `berth plan` do.
  const known = openParsedFiles(join(settings.mirrorDir, PARSED_FILE), logger);
  const how = { loadManifests, logger, known, treeWarnings: false };
  const sources = openDirectSources({ ...settings, ...how });
  const handlers = makeHandlers(sources, send);
  const running = new Map<number, AbortController>();

  async function answer(id: number, verb: SourceVerb, args: readonly unknown[]): Promise<void> {
    const cancel = new AbortController();
    running.set(id, cancel);
    try {
      if (verb === "close") await known.save(true);
      const handle = handlers[verb] as (
        signal: AbortSignal,
        ...args: unknown[]
      ) => Promise<unknown>;
      send({ kind: "done", id, value: await handle(cancel.signal, ...args) });
    } catch (error) {
      send({ kind: "failed", id, error: toFailedCall(error) });
    } finally {
      running.delete(id);
    }
    // After the answer: nobody waits for it.
    if (verb === "load") await known.save();
    if (verb === "close") port.close();
  }

  port.on("message", (message: ToWorker) => {
    if (message.kind === "call") void answer(message.id, message.verb, message.args);
    else if (message.kind === "cancel") running.get(message.id)?.abort();
    else handlers.drop(message.revision);
  });
}

function makeHandlers(
  sources: WritableSources,
  send: (message: FromWorker) => void,
): Handlers & { drop: (revision: number) => void } {
  const watches = new Map<number, () => Promise<void>>();
  const slices = new Map<number, Iterator<ManifestSlice>>();
  const remembered = new RememberedManifests<number>();
  let lastRevision = 0;
  /** The first slice; the others wait until they are asked for. */
  const cut = (revision: number, manifests: readonly Manifest[]): Pick<RevisionHead, "first"> => {
    const rest = sliceManifests(manifests);
    const { value: first } = rest.next();
    if (first === undefined) return {};
    if (!first.last) slices.set(revision, rest);
    return { first };
  };
  return {
    head: (signal, location) => sources.head(location, signal),
    treeId: (signal, location, commit) => sources.treeId(location, commit, signal),
    look: (signal, locations) => sources.look(locations, signal),
    async load(signal, location, commit, base): Promise<RevisionHead> {
      const { loaded, ...head } = await sources.load(location, commit, signal);
      const problems = loaded.problems.slice(0, MAX_PROBLEMS);
      const warnings = loaded.warnings.slice(0, MAX_PROBLEMS);
      if (loaded.manifests.length === 0) return { ...head, problems, warnings };
      const revision = ++lastRevision;
      const before = base === undefined ? undefined : remembered.get(base);
      if (base !== undefined) remembered.delete(base);
      remembered.set(revision, loaded.manifests);
      const told = { ...head, problems, warnings, revision };
      if (before === undefined) return { ...told, ...cut(revision, loaded.manifests) };
      const { order, fresh } = manifestDelta(before, loaded.manifests);
      return { ...told, order, ...cut(revision, fresh) };
    },
    async slice(_signal, revision): Promise<ManifestSlice> {
      const next = slices.get(revision)?.next();
      if (next === undefined || next.done === true)
        throw new Error(`Cannot send manifests: revision ${revision} is not there`);
      if (next.value.last) slices.delete(revision);
      return next.value;
    },
    drop: (revision) => void slices.delete(revision),
    async pin(signal, location, name, commit): Promise<undefined> {
      await sources.pin(location, name, commit, signal);
    },
    async unpin(signal, location, name): Promise<undefined> {
      await sources.unpin(location, name, signal);
    },
    descends: (signal, location, commit, from) => sources.descends(location, commit, from, signal),
    async watch(_signal, location: SourceLocation, watch: number): Promise<undefined> {
      const stop = await sources.watch(location, () => send({ kind: "changed", watch }));
      watches.set(watch, stop);
    },
    async unwatch(_signal, watch): Promise<undefined> {
      const stop = watches.get(watch);
      watches.delete(watch);
      await stop?.();
    },
    edit: (signal, location, request) => sources.edit(location, request, signal),
    goBack: (signal, location, request) => sources.goBack(location, request, signal),
    async publish(signal, location, publication): Promise<undefined> {
      await sources.publish(location, publication, signal);
    },
    async close(): Promise<undefined> {
      await sources.close();
    },
  };
}

function* sliceManifests(
  manifests: readonly Manifest[],
): Generator<ManifestSlice, undefined, undefined> {
  let items: string[] = [];
  let characters = 0;
  for (const [index, manifest] of manifests.entries()) {
    const json = JSON.stringify(manifest);
    items.push(json);
    characters += json.length;
    const last = index === manifests.length - 1;
    if (!last && items.length < SLICE_MANIFESTS && characters < SLICE_CHARACTERS) continue;
    yield { json: `[${items.join(",")}]`, last };
    [items, characters] = [[], 0];
  }
}

function toFailedCall(error: unknown): FailedCall {
  if (error instanceof GitError) return { code: error.code, message: error.message };
  return { message: error instanceof Error ? error.message : String(error) };
}

function portLogger(send: (message: FromWorker) => void): Logger {
  const at =
    (level: keyof Logger): Logger["info"] =>
    (fields, message) =>
      send({ kind: "log", level, fields, message });
  return { debug: at("debug"), info: at("info"), warn: at("warn"), error: at("error") };
}
