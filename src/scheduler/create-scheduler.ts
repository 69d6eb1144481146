import { newSchedulerCore } from "./core.ts";
import { PROFILES } from "./profile-plugins.ts";
import { Scheduler } from "./scheduler.ts";
import { volumeFilters } from "./volumes-plugins.ts";
import { VolumeTable } from "./volumes-table.ts";
import type { SchedulerProfile } from "./plugin.ts";

export interface CreateSchedulerOptions {
  /** Orders equally good nodes. Absent: by name. */
  readonly seed?: string;
  /** By schedulerName; Berth's own unless given. */
  readonly profiles?: ReadonlyMap<string, SchedulerProfile>;
}

/** A scheduler that knows nothing yet, with all filters and scores, those of volumes too. */
export function createScheduler({
  seed = "",
  profiles = PROFILES,
}: CreateSchedulerOptions = {}): Scheduler {
  const volumes = new VolumeTable();
  const complete = new Map(
    [...profiles].map(([name, profile]): [string, SchedulerProfile] => [
      name,
      { ...profile, filters: [...profile.filters, ...volumeFilters(volumes)] },
    ]),
  );
  const core = newSchedulerCore({ seed, profiles: complete });
  return new Scheduler({ core, volumes, profiles: new Set(complete.keys()) });
}
