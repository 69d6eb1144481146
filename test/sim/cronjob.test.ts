import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { CronJob, CronJobSpec, Job } from "../../src/model/kinds.gen.ts";
import { refOf } from "../../src/model/meta.ts";
import { isJobFinished } from "../../src/planner/job-verdict.ts";
import { planCronJob } from "../../src/planner/plan-cronjob.ts";
import { at, cronJob, NOW } from "../support/builders.ts";
import { worldOf } from "../support/world.ts";

type Turn =
  | { readonly kind: "time"; readonly seconds: number }
  | { readonly kind: "end" | "remove"; readonly pick: number }
  | { readonly kind: "suspend"; readonly suspend: boolean }
  | { readonly kind: "plan"; readonly lost: "nothing" | "create" | "update-status" };

const turn: fc.Arbitrary<Turn> = fc.oneof(
  {
    weight: 4,
    // Clocks jump, back as well.
    arbitrary: fc
      .constantFrom(20, 40, 60, 90, 600, 90_000, -30, -90, -700)
      .map((seconds): Turn => ({ kind: "time", seconds })),
  },
  {
    weight: 2,
    arbitrary: fc
      .record({ kind: fc.constantFrom("end", "remove"), pick: fc.nat(3) })
      .map((fields): Turn => fields),
  },
  { weight: 1, arbitrary: fc.boolean().map((suspend): Turn => ({ kind: "suspend", suspend })) },
  {
    weight: 8,
    arbitrary: fc
      .constantFrom("nothing", "nothing", "create", "update-status")
      .map((lost): Turn => ({ kind: "plan", lost })),
  },
);

describe("a CronJob in a world of faults", () => {
  test("never runs one minute twice, nor beside another where it must not", () => {
    fc.assert(
      fc.property(
        fc.constantFrom<CronJobSpec["concurrencyPolicy"]>("Allow", "Forbid", "Replace"),
        fc.array(turn, { maxLength: 60 }),
        (concurrencyPolicy, turns) => {
          const spec = { schedule: "* * * * *", concurrencyPolicy, successfulJobsHistoryLimit: 1 };
          const world = worldOf([cronJob(spec, { creationTimestamp: at(-60) })]);
          const made: string[] = [];
          let isStatusLost = false;
          for (const next of turns) {
            const jobs = world.list("batch/v1", "Job") as readonly Job[];
            if (next.kind === "time") world.now = Math.max(NOW, world.now + next.seconds * 1000);
            else if (next.kind === "suspend") {
              const stored = world.list("batch/v1", "CronJob")[0] as CronJob;
              world.declare({
                ...stored,
                spec: { ...stored.spec, suspend: next.suspend },
              } as CronJob);
            } else if (next.kind === "plan") {
              const { steps } = planCronJob(world, world.list("batch/v1", "CronJob")[0] as CronJob);
              const kept = steps.filter(({ kind }) => kind !== next.lost);
              const created = kept.filter(({ kind }) => kind === "create");
              isStatusLost ||= created.length > 0 && next.lost === "update-status";
              if (next.lost === "nothing") isStatusLost = false;
              for (const step of created)
                if (step.kind === "create") made.push(step.object.metadata.name);
              world.apply(kept);
              if (concurrencyPolicy !== "Allow") {
                const running = world
                  .list("batch/v1", "Job")
                  .filter((job) => !isJobFinished(job as Job));
                expect(running.length).toBeLessThanOrEqual(1);
              }
            } else {
              const job = jobs[next.pick % Math.max(1, jobs.length)];
              if (job === undefined) continue;
              if (next.kind === "end")
                world.report(refOf(job), {
                  startTime: at(0),
                  conditions: [{ type: "Complete", status: "True" }],
                });
              // A Job that nobody has written down yet is its own and only witness.
              else if (!isStatusLost) world.remove(refOf(job));
            }
          }
          expect(new Set(made).size).toBe(made.length);
        },
      ),
      { numRuns: 80 },
    );
  });

  test("runs every minute of four hours once", () => {
    const world = worldOf([cronJob({ schedule: "* * * * *" }, { creationTimestamp: at(0) })]);
    const made = new Set<string>();
    for (let minute = 1; minute <= 240; minute += 1) {
      world.now = NOW + minute * 60_000;
      for (let look = 0; look < 2; look += 1) {
        const plan = planCronJob(world, world.list("batch/v1", "CronJob")[0] as CronJob);
        for (const step of plan.steps)
          if (step.kind === "create") made.add(step.object.metadata.name);
        world.apply(plan.steps);
      }
      for (const job of world.list("batch/v1", "Job"))
        world.report(refOf(job), { conditions: [{ type: "Complete", status: "True" }] });
    }
    expect(made.size).toBe(240);
    expect(world.list("batch/v1", "Job").length).toBeLessThanOrEqual(4);
  });
});
