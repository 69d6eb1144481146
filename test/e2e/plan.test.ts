import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import type { Blame } from "../../src/cli/blame.ts";
import type { PlanDocument } from "../../src/cli/plan-document.ts";
import type { SimulatedStep } from "../../src/planner/forecast-record.ts";
import type { Cluster } from "../support/cluster.ts";
import { helloFiles } from "../support/manifests.ts";
import { isReady, podsOf } from "../support/observed.ts";
import { useCluster } from "../support/use-cluster.ts";

const current = useCluster(async () => ({ files: await helloFiles() }));

async function planOf(cluster: Cluster, ...args: readonly string[]): Promise<PlanDocument> {
  const { stdout, code, output } = await cluster.berth("plan", ...args, "--output", "json");
  if (code === 1) throw new Error(output);
  return JSON.parse(stdout) as PlanDocument;
}

/** `on NODE`, of what is created and of what stops, in order. */
function placesIn(plan: PlanDocument, what: SimulatedStep["what"]): readonly string[] {
  return plan.steps.filter((step) => step.what === what).map(({ node }) => `on ${node ?? "-"}`);
}

/** The fewest Ready pods that were seen until `end` settles. */
async function watchLowest(cluster: Cluster, end: Promise<unknown>): Promise<number> {
  let lowest = Infinity;
  const over = end.then(() => true);
  for (let isOver = false; !isOver;) {
    const pods = podsOf(cluster, "hello").then((found) => {
      lowest = Math.min(lowest, found.filter(isReady).length);
      return false;
    });
    isOver = await Promise.race([over, pods]);
    await pods;
  }
  return lowest;
}

describe("what is planned is what runs", () => {
  test("pods land where the plan said, as many are made, and as many stay Ready; the release says so", async () => {
    const cluster = current();
    await cluster.untilPhase(await cluster.repo.head(), "Healthy");
    const before = new Set((await podsOf(cluster, "hello")).map(({ metadata }) => metadata.uid));
    await cluster.repo.git("checkout", "--quiet", "-b", "change");
    const text = await cluster.repo.read("deployment.yaml");
    await cluster.repo.write("deployment.yaml", text.replace("hello:1", "hello:2"));
    const draft = await cluster.repo.commit("version 2");
    const plan = await planOf(cluster, `main..${draft}`);
    expect(plan).toMatchObject({ outcome: "changes", isSettled: true, unplaced: [] });
    const id = plan.apps[0]?.id ?? "";
    expect(id).toMatch(/^root:/);
    await cluster.repo.git("commit", "--quiet", "--amend", "-m", `version 2\n\nBerth-Plan: ${id}`);
    await cluster.repo.git("checkout", "--quiet", "main");
    await cluster.repo.git("merge", "--quiet", "--ff-only", "change");
    const head = await cluster.repo.head();
    const lowest = await watchLowest(cluster, cluster.untilPhase(head, "Healthy"));

    const pods = await podsOf(cluster, "hello");
    const made = pods.filter(({ metadata }) => !before.has(metadata.uid));
    expect(made.map(({ spec }) => `on ${spec.nodeName ?? "-"}`)).toEqual(placesIn(plan, "place"));
    expect(placesIn(plan, "stop")).toHaveLength(before.size);
    expect(pods).toHaveLength(made.length);
    const [forecast] = plan.workloads;
    expect(lowest).toBeGreaterThanOrEqual(forecast?.lowestReady ?? Infinity);
    expect((await cluster.berth("status")).stdout).toContain("plan     as planned");
    expect((await cluster.berth("history", "--output", "wide")).stdout).toContain("as planned");
  });

  test("a plan that was made from something else is told apart", async () => {
    const cluster = current();
    const id = (await planOf(cluster, await cluster.repo.head())).apps[0]?.id;
    expect(id).toBeUndefined();
    const stale = "root:00000000-00000000-00000000-00000000-00000000";
    const { stdout } = await cluster.berth("status", "--plan-id", stale);
    expect(stdout).toMatch(/not as planned: another commit ran before; .*nodes had changed/);
  });

  test("a snapshot plans as the cluster does, and has no value of a Secret", async () => {
    const cluster = current();
    const { stdout, code } = await cluster.berth("snapshot");
    expect(code).toBe(0);
    const file = join(cluster.dir, "snapshot.json");
    await writeFile(file, stdout);
    const first = (await cluster.history()).at(-1)?.commit ?? "";
    const [live, saved] = [
      await planOf(cluster, first),
      await planOf(cluster, first, "--snapshot", file),
    ];
    expect(saved.against.kind).toBe("snapshot");
    expect(saved.apps[0]?.id).toBe(live.apps[0]?.id);
    expect(placesIn(saved, "place")).toEqual(placesIn(live, "place"));
    expect(saved.workloads).toEqual(live.workloads);
  });
});

describe("berth blame", () => {
  test("a field is from the commit that set it, in its file and release", async () => {
    const cluster = current();
    const { stdout, output } = await cluster.berth(
      "blame",
      "deploy/hello.spec.template.spec.containers[0].image",
      "--output",
      "json",
    );
    if (stdout === "") throw new Error(output);
    const found = JSON.parse(stdout) as Blame;
    expect(found.fields).toHaveLength(1);
    expect(found.fields[0]).toMatchObject({
      path: "spec.template.spec.containers[name=hello].image",
      value: '"berth.local/hello:2"',
      file: "deployment.yaml",
      commit: await cluster.repo.head(),
      subject: "version 2",
      release: 2,
    });
    const text = await cluster.repo.read("deployment.yaml");
    const line = text.split("\n").findIndex((item) => item.includes("hello:2")) + 1;
    expect(found.fields[0]?.line).toBe(line);
  });

  test("a pod is from its Deployment, and was made anew because of the image", async () => {
    const cluster = current();
    const [pod] = await podsOf(cluster, "hello");
    const { stdout, output } = await cluster.berth("blame", pod?.metadata.name ?? "");
    expect(output).toContain("Deployment default/hello");
    expect(stdout).toContain("made anew because its template changed:");
    expect(stdout).toMatch(/image: "berth\.local\/hello:1" → "berth\.local\/hello:2"/);
    expect(stdout).toMatch(/deployment\.yaml:\d+ .* #2 .*version 2/);
  });

  test("history knows the releases that changed an object", async () => {
    const cluster = current();
    const numbers = async (...args: readonly string[]): Promise<number[]> => {
      const { stdout } = await cluster.berth("history", ...args, "--output", "json");
      return (JSON.parse(stdout) as { readonly sequence: number }[]).map(
        ({ sequence }) => sequence,
      );
    };
    expect(await numbers()).toEqual([2, 1]);
    expect(await numbers("--object", "deploy/hello")).toEqual([2, 1]);
    expect(await numbers("--object", "service/hello")).toEqual([1]);
  });

  test.for([
    ["deploy/nothing", 'Cannot find "nothing" among the deployments'],
    ["what/hello", 'Cannot find a kind "what"'],
    ["deploy/hello.spec.no.such", 'Cannot find "spec.no.such"'],
  ] as const)("says what is wrong with %s", async ([target, message]) => {
    const { code, stderr } = await current().berth("blame", target);
    expect(code).toBe(1);
    expect(stderr).toContain(message);
  });
});
