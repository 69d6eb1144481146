import type { Millis } from "../base/clock.ts";
import { isSameJson } from "../base/same-json.ts";
import type { Pod } from "../model/kinds.gen.ts";
import type { PodHandle, PodServices } from "./pod-services.ts";
import { isConfigVolume } from "./pod-volumes.ts";
import { fillVolumes } from "./sandbox-actions.ts";
import type { SandboxHandle } from "./volume-writer.ts";

export interface VolumeRefresherOptions {
  readonly services: Pick<PodServices, "clock" | "logger">;
  /** The sandbox that has the volumes; `undefined` while they need not be looked at. */
  readonly filled: () =>
    | { readonly handle: PodHandle; readonly sandbox: SandboxHandle }
    | undefined;
}

/** How often files of ConfigMaps and Secrets are compared with the API. */
export const VOLUME_REFRESH_MS: Millis = 60_000;
/** Made once: an abort without a reason makes a new error each time. */
const OVERTAKEN = new Error("Another look came first");

/** Lets a pod's files of ConfigMaps, Secrets and the pod itself follow their objects. */
export class VolumeRefresher {
  readonly #options: VolumeRefresherOptions;
  #stale = new AbortController();

  constructor(options: VolumeRefresherOptions) {
    this.#options = options;
  }

  /** Looks at once when the volumes may show what has changed. */
  update(before: Pod, after: Pod): void {
    if (!isSameJson(shownMeta(before), shownMeta(after))) this.#stale.abort(OVERTAKEN);
  }

  /** Until `signal` aborts. Never rejects: what failed is tried again. */
  async run({ metadata, spec }: Pod, signal: AbortSignal): Promise<void> {
    const { services, filled } = this.#options;
    if (!(spec.volumes ?? []).some(isConfigVolume)) return;
    while (!signal.aborted) {
      this.#stale = new AbortController();
      const waits = AbortSignal.any([signal, this.#stale.signal]);
      const target = filled();
      if (target !== undefined)
        await fillVolumes(target.handle, target.sandbox).catch((error: unknown) => {
          if (signal.aborted) return;
          const pod = metadata.name;
          services.logger.warn({ error, pod }, "Cannot refresh a pod's volumes: trying again");
        });
      await services.clock.sleep(VOLUME_REFRESH_MS, waits).catch(() => undefined);
    }
  }
}

/** What volumes show of the pod itself, and may change. */
function shownMeta({ metadata: { labels = {}, annotations = {} } }: Pod): unknown {
  return [labels, annotations];
}
