import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import type { CronJob, Job, Pod } from "../../src/model/kinds.gen.ts";
import { ROOT } from "../support/clone.ts";
import { eventually } from "../support/eventually.ts";
import { useCluster } from "../support/use-cluster.ts";

const example = (path: string): Promise<string> => readFile(join(ROOT, "examples", path), "utf8");

const current = useCluster(async () => ({
  files: {
    "job.yaml": await example("job/job.yaml"),
    "cronjob.yaml": await example("cronjob/cronjob.yaml"),
  },
}));

function isTrue(job: Job, type: string): boolean {
  return job.status?.conditions?.some((is) => is.type === type && is.status === "True") ?? false;
}

async function untilJob(name: string, condition: string): Promise<Job> {
  return await eventually(`Job ${name} is ${condition}`, async () => {
    const job = await current().getJson<Job>("job", name);
    return isTrue(job, condition) ? job : undefined;
  });
}

async function podsOfJob(name: string): Promise<readonly Pod[]> {
  const label = `batch.kubernetes.io/job-name=${name}`;
  return (await current().getJson<{ readonly items: readonly Pod[] }>("pods", "-l", label)).items;
}

describe("the example of an Indexed Job", () => {
  test("does each piece once, by its index, and the release is Healthy", async () => {
    const cluster = current();
    const job = await untilJob("resize", "Complete");
    expect(job.status).toMatchObject({
      succeeded: 5,
      completedIndexes: "0-4",
      failedIndexes: "",
      uncountedTerminatedPods: {},
    });
    const said = new Set<string>();
    for (const { metadata } of await podsOfJob("resize"))
      said.add(await cluster.kubectl("logs", metadata.name));
    expect([...said].toSorted()).toEqual(
      [0, 1, 2, 3, 4].map((index) => `piece ${index} on resize-${index}\n`),
    );
    expect(await cluster.kubectl("get", "jobs", "--no-headers")).toMatch(
      /^resize\s+Complete\s+5\/5/m,
    );
    await cluster.untilPhase(await cluster.repo.head(), "Healthy");
  });

  test("ends at once at an exit code that says so", async () => {
    const cluster = current();
    const broken = (await example("job/job.yaml"))
      .replace("name: resize\n", "name: broken\n")
      .replace('"echo piece $JOB_COMPLETION_INDEX on $(hostname)"', '"exit 42"');
    await cluster.repo.write("broken.yaml", broken);
    await cluster.repo.commit("break it");
    const job = await untilJob("broken", "Failed");
    const failed = job.status?.conditions?.find(({ type }) => type === "Failed");
    expect(failed?.reason).toBe("PodFailurePolicy");
    expect(failed?.message).toMatch(
      /^Container resize for pod default\/broken-\d-\w{5} failed with exit code 42 matching FailJob rule at index 0$/,
    );
    await cluster.repo.remove("broken.yaml");
    await cluster.repo.commit("remove it");
  });
});

describe("the example of a CronJob", () => {
  test("is shown with its schedule", async () => {
    expect(await current().kubectl("get", "cronjobs", "--no-headers")).toMatch(
      /^report\s+0 3 \* \* \*\s+Europe\/Berlin\s+False\s+0\s+<none>/m,
    );
  });

  test("runs when its time has come, once a minute, and stops when suspended", async () => {
    const cluster = current();
    await cluster.repo.edit("cronjob.yaml", '"0 3 * * *"', '"* * * * *"');
    const first = await eventually(
      "a run has succeeded",
      async () => {
        const cron = await cluster.getJson<CronJob>("cronjob", "report");
        return cron.status?.lastSuccessfulTime === undefined ? undefined : cron;
      },
      120_000,
    );
    const jobs = (await cluster.getJson<{ readonly items: readonly Job[] }>("jobs")).items.filter(
      ({ metadata }) => metadata.ownerReferences?.[0]?.name === "report",
    );
    const minute = Date.parse(first.status?.lastScheduleTime ?? "") / 60_000;
    expect(jobs.map(({ metadata }) => metadata.name)).toContain(`report-${minute}`);
    expect(await cluster.kubectl("logs", `job/report-${minute}`)).toMatch(/^report of /);
    expect(await cluster.kubectl("get", "events")).toContain(`Created job report-${minute}`);
    const commit = await cluster.repo.edit(
      "cronjob.yaml",
      "timeZone:",
      "suspend: true\n  timeZone:",
    );
    await cluster.untilPhase(commit, "Healthy");
    expect(await cluster.kubectl("get", "cronjobs", "--no-headers")).toMatch(/\sTrue\s/);
    expect(await cluster.kubectl("describe", "cronjob", "report")).toMatch(/Suspend:\s+True/);
  });
});
