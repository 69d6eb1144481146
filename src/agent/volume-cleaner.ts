import { rm } from "node:fs/promises";
import { backoffMs, type BackoffPolicy } from "../base/backoff.ts";
import type { Clock } from "../base/clock.ts";
import type { Logger } from "../base/logger.ts";
import { ApiError, type ApiClient, type Informer } from "../client/client.ts";
import type { PersistentVolume } from "../model/kinds.gen.ts";
import { VOLUME_FINALIZER } from "../model/storage.ts";
import { toClaimVolume } from "./pod-claims.ts";
import type { ContainerRuntime } from "./runtime.ts";

export interface VolumeCleanerOptions {
  readonly client: ApiClient;
  /** The volumes whose data this node keeps. */
  readonly volumes: Informer<PersistentVolume>;
  readonly runtime: ContainerRuntime;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly signal: AbortSignal;
}

/** A container that is being removed may hold the volume a little longer. */
const RETRY: BackoffPolicy = { baseMs: 500, maxMs: 60_000 };

/** Removes the data of deleted volumes, then lets them go, until the signal aborts. */
export async function cleanVolumes(options: VolumeCleanerOptions): Promise<void> {
  const { volumes, signal } = options;
  const busy = new Set<string>();
  const look = (volume: PersistentVolume): void => {
    const { uid = "" } = volume.metadata;
    if (!isDue(volume) || busy.has(uid) || signal.aborted) return;
    busy.add(uid);
    void clean(volume, options).finally(() => busy.delete(uid));
  };
  const stop = volumes.subscribe(({ type, object }) => {
    if (type === "set" && object !== undefined) look(object);
  });
  try {
    await volumes.ready(signal);
    for (const volume of volumes.list()) look(volume);
    await new Promise<void>((resolve) => {
      if (signal.aborted) resolve();
      signal.addEventListener("abort", () => resolve(), { once: true });
    });
  } catch (error) {
    if (!signal.aborted) throw error;
  } finally {
    stop();
  }
}

/** Whether the volume was deleted with its data, and no claim has it any more. */
function isDue({ metadata, spec, status }: PersistentVolume): boolean {
  return (
    metadata.deletionTimestamp !== undefined &&
    metadata.finalizers?.includes(VOLUME_FINALIZER) === true &&
    spec.persistentVolumeReclaimPolicy === "Delete" &&
    status?.phase === "Released"
  );
}

/** Never rejects: what fails is tried again until the agent ends. */
async function clean(volume: PersistentVolume, options: VolumeCleanerOptions): Promise<void> {
  const { clock, logger, signal } = options;
  const { name } = volume.metadata;
  for (let failures = 0; !signal.aborted;) {
    try {
      await removeData(volume, options);
      await letGo(volume, options);
      logger.info({ volume: name }, "Removed a volume's data");
      return;
    } catch (error) {
      failures += 1;
      logger.warn({ error, volume: name, failures }, "Cannot remove a volume's data: trying again");
      await clock.sleep(backoffMs(RETRY, failures), signal).catch(() => undefined);
    }
  }
}

async function removeData(
  volume: PersistentVolume,
  { runtime, signal }: VolumeCleanerOptions,
): Promise<void> {
  const found = toClaimVolume(volume);
  if (found.kind === "docker-volume") await runtime.removeVolume(found.name, signal);
  else if (found.kind === "path") await rm(found.path, { recursive: true, force: true });
}

async function letGo(
  volume: PersistentVolume,
  { client, signal }: VolumeCleanerOptions,
): Promise<void> {
  const { name, uid } = volume.metadata;
  try {
    const current = await client.get<PersistentVolume>(
      { apiVersion: "v1", kind: "PersistentVolume", name },
      signal,
    );
    if (current.metadata.uid !== uid) return;
    const finalizers = current.metadata.finalizers?.filter((one) => one !== VOLUME_FINALIZER) ?? [];
    await client.update({ ...current, metadata: { ...current.metadata, finalizers } }, signal);
  } catch (error) {
    if (!(error instanceof ApiError) || error.code !== 404) throw error;
  }
}
