import { createHmac, randomBytes } from "node:crypto";
import { readFile } from "node:fs/promises";
import { formatTime, parseTime, type Millis } from "../base/clock.ts";
import { BERTH_PATHS, type ApiClient, type ClusterInfo } from "../client/client.ts";
import type { Secret } from "../model/kinds.gen.ts";
import type { ApiObject } from "../model/meta.ts";
import { configDigest } from "../planner/restart-on-config.ts";
import { CliError } from "./cli-error.ts";
import { readObjects } from "./read-objects.ts";

/** The form of a file that `berth snapshot` writes. */
export const SNAPSHOT_FORMAT = "berth.dev/snapshot/v1";
/** A snapshot of 5,000 nodes and 150,000 pods has about 700 MB; text ends at 512 MB. */
const MAX_SNAPSHOT_BYTES = 500_000_000;

/** What planner and scheduler look at. */
export interface ClusterState {
  readonly objects: readonly ApiObject[];
  readonly serviceCidr: string;
  readonly dnsIp: string;
  readonly takenAt: Millis;
  readonly kind: "cluster" | "snapshot";
  /** An object as it would stand in `objects`: in a snapshot a Secret has digests in place of its values. */
  readonly masked: (object: ApiObject) => ApiObject;
}

/** The file. */
interface Snapshot {
  readonly format: typeof SNAPSHOT_FORMAT;
  readonly version: string;
  readonly takenAt: string;
  readonly serviceCidr: string;
  readonly dnsIp: string;
  /** Goes into the digests of Secrets' values, so that equal values of two snapshots do not show. */
  readonly salt: string;
  readonly objects: readonly ApiObject[];
}

/** The cluster as it is now. */
export async function readState(
  client: ApiClient,
  now: Millis,
  signal: AbortSignal,
): Promise<ClusterState> {
  const [{ serviceCidr, dnsIp }, objects] = await Promise.all([
    client.request<ClusterInfo>("GET", BERTH_PATHS.cluster, undefined, signal),
    readObjects(client, signal),
  ]);
  const masked = (object: ApiObject): ApiObject => object;
  return { objects, serviceCidr, dnsIp, takenAt: now, kind: "cluster", masked };
}

/** The text of a snapshot of a cluster: everything that a plan needs, and no value of a Secret. */
export function writeSnapshot(
  state: ClusterState,
  version: string,
  salt: string = randomBytes(16).toString("hex"),
): string {
  const { serviceCidr, dnsIp, takenAt } = state;
  const renamed = new Map<string, string>();
  const objects = state.objects.map((object) => {
    const masked = maskSecret(object, salt);
    if (masked !== object)
      renamed.set(configDigest(object as Secret), configDigest(masked as Secret));
    return masked;
  });
  const snapshot: Snapshot = {
    format: SNAPSHOT_FORMAT,
    version,
    takenAt: formatTime(takenAt),
    serviceCidr,
    dnsIp,
    salt,
    objects: objects.map((object) => withDigests(object, renamed)),
  };
  return JSON.stringify(snapshot);
}

/** Reads what `writeSnapshot` wrote. Refuses any other file with a message. */
export async function readSnapshot(path: string): Promise<ClusterState> {
  const content = await readFile(path);
  if (content.length > MAX_SNAPSHOT_BYTES)
    throw new CliError(
      `Cannot read snapshot "${path}": it has more than ${MAX_SNAPSHOT_BYTES} bytes`,
    );
  return parseSnapshot(content.toString(), path);
}

/** The state that a snapshot's text holds. */
export function parseSnapshot(text: string, path: string): ClusterState {
  let found: Partial<Snapshot>;
  try {
    found = JSON.parse(text) as Partial<Snapshot>;
  } catch (error) {
    throw noSnapshot(path, "it is no JSON", error);
  }
  if (found === null || typeof found !== "object" || found.format !== SNAPSHOT_FORMAT)
    throw noSnapshot(
      path,
      `its format is ${JSON.stringify(found?.format)}, not "${SNAPSHOT_FORMAT}"`,
    );
  const { objects, serviceCidr, dnsIp, salt, takenAt } = found;
  const at = parseTime(takenAt);
  if (!Array.isArray(objects) || at === undefined || salt === undefined)
    throw noSnapshot(path, "it has no objects, no time or no salt");
  if (serviceCidr === undefined || dnsIp === undefined)
    throw noSnapshot(path, "it does not say which addresses Services get");
  return {
    objects: objects as readonly ApiObject[],
    serviceCidr,
    dnsIp,
    takenAt: at,
    kind: "snapshot",
    masked: (object) => maskSecret(object, salt),
  };
}

function noSnapshot(path: string, why: string, cause?: unknown): CliError {
  return new CliError(`Cannot use "${path}" as a snapshot: ${why}`, {
    cure: "make one: berth snapshot > FILE",
    cause,
  });
}

function maskSecret(object: ApiObject, salt: string): ApiObject {
  if (object.kind !== "Secret" || object.apiVersion !== "v1") return object;
  const { data = {}, metadata, ...rest } = object as Secret;
  const digest = (key: string, value: string): string =>
    createHmac("sha256", salt).update(`${key}\0${value}`).digest("base64");
  const { "kubectl.kubernetes.io/last-applied-configuration": _, ...annotations } =
    metadata.annotations ?? {};
  return {
    ...rest,
    metadata: metadata.annotations === undefined ? metadata : { ...metadata, annotations },
    data: Object.fromEntries(Object.entries(data).map(([key, value]) => [key, digest(key, value)])),
  } as Secret;
}

/**
 * What a workload was rolled out with names the content of its Secrets: it must name the masked one, or every workload
 * would seem to be about to restart.
 */
function withDigests(object: ApiObject, renamed: ReadonlyMap<string, string>): ApiObject {
  if (renamed.size === 0 || !DIGESTED.has(object.kind)) return object;
  let text = JSON.stringify(object);
  for (const [from, to] of renamed) text = text.replaceAll(from, to);
  return JSON.parse(text) as ApiObject;
}

/** Kinds that have pod templates as they were rolled out. */
const DIGESTED: ReadonlySet<string> = new Set(["ReplicaSet", "ControllerRevision", "Pod"]);
