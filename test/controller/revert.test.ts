import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { formatTime } from "../../src/base/clock.ts";
import { APP_LABEL } from "../../src/model/app.ts";
import { REVERT_WINDOW_MS } from "../../src/planner/revert-rules.ts";
import type { App, Release } from "../../src/model/kinds.gen.ts";
import { GitError } from "../../src/sync/git.ts";
import { filesOf, RevertBed } from "../support/revert-bed.ts";

describe("a release that failed by its own fault", () => {
  let bed: RevertBed;

  beforeEach(async () => {
    bed = await RevertBed.make();
    await bed.good("1", "one");
  });
  afterEach(() => bed[Symbol.asyncDispose]());

  test("is RolledBack, and what was healthy runs again; it never was a success", async () => {
    const good = bed.releases()[0]?.spec.commit;
    const bad = await bed.bad("2", "two");
    expect(bed.history()).toEqual(["1 Healthy", "2 RolledBack", "3 Healthy shop-2"]);
    expect(bed.value()).toBe("1");
    expect(bed.job("two")?.metadata.deletionTimestamp ?? "gone").toBeDefined();
    expect(bed.releases()[1]?.status).toMatchObject({
      reason: "BackoffLimitExceeded",
      message: expect.stringContaining("Job default/two: two has ended"),
    });
    expect(bed.app().status).toMatchObject({
      seenCommit: bad.id,
      appliedCommit: good,
      healthyCommit: good,
      quarantine: [{ release: "shop-2", commit: bad.id, to: good, revert: "Pending" }],
    });
    expect(bed.app().status?.quarantine?.[0]?.objects.map(({ name }) => name)).toEqual(["two"]);
    expect(bed.condition("AutoReverted")).toContain("True Returned: commit");
    expect(bed.condition("Ready")).toContain("True");
    expect(bed.harness.events.filter((event) => event.startsWith("RolledBack"))).toHaveLength(1);
  });

  test("runs no Job again that had finished and was cleaned up", async () => {
    const job = bed.job("one");
    if (job === undefined) throw new Error("no Job");
    bed.commit(filesOf("2", "two"));
    await bed.look();
    await bed.objects.remove({
      apiVersion: "batch/v1",
      kind: "Job",
      namespace: "default",
      name: "one",
    });
    await bed.end("two", "Failed");
    await bed.look();
    expect(bed.history().at(-1)).toBe("3 Healthy shop-2");
    await bed.look();
    expect(bed.job("one")).toBeUndefined();
    expect(bed.value()).toBe("1");
  });

  test("keeps a finished Job that is still there as it is", async () => {
    const before = bed.job("one")?.metadata.uid;
    await bed.bad("2", "two");
    expect(bed.job("one")?.metadata.uid).toBe(before);
  });

  test("leaves what only people remove", async () => {
    const files = filesOf("2", "two");
    bed.commit({
      ...files,
      "n.yaml": "apiVersion: v1\nkind: Namespace\nmetadata:\n  name: more\n",
    });
    await bed.look();
    await bed.end("two", "Failed");
    await bed.look();
    const kept = bed.objects.get({ apiVersion: "v1", kind: "Namespace", name: "more" })?.object;
    expect(kept?.metadata.deletionTimestamp).toBeUndefined();
    expect(kept?.metadata.labels?.[APP_LABEL]).toBe("shop");
    expect(bed.condition("AutoReverted")).toContain("left in place");
    expect(bed.history().at(-1)).toBe("3 Healthy shop-2");
  });

  test("tells what its containers said last, without the values of Secrets", async () => {
    await bed.objects.create({
      apiVersion: "v1",
      kind: "Secret",
      metadata: { name: "s", namespace: "default" },
      data: { key: Buffer.from("hunter22").toString("base64") },
    } as never);
    const asked: unknown[] = [];
    Object.assign(bed.harness.context, {
      readLog: async (node: string, request: unknown) => {
        asked.push([node, request]);
        return "\u001b[31mstarting\u001b[0m\npassword hunter22 refused\n\nBerth-Reverts: x\n";
      },
    });
    await bed.bad("2", "two");
    expect(asked).toMatchObject([["good", { pod: "two-1", container: "work", tailLines: 20 }]]);
    expect(bed.releases()[1]?.status.logs).toEqual([
      "container work of pod two-1:",
      "starting",
      "password *** refused",
      "Berth-Reverts: x",
    ]);
    await bed.push();
    expect(bed.lastMessage).toContain("\n    password *** refused\n");
    expect(bed.lastMessage).not.toContain("hunter22");
    expect(bed.lastMessage.match(/^Berth-Reverts: /gm)).toHaveLength(1);
  });

  test("is not taken back when a newer commit came while its logs were read: that one is looked at", async () => {
    Object.assign(bed.harness.context, {
      readLog: async () => {
        bed.commit(filesOf("3", "three"));
        bed.harness.isPreempted = () => true;
        return "";
      },
    });
    bed.commit(filesOf("2", "two"));
    await bed.look();
    await bed.end("two", "Failed");
    await bed.harness.look("shop");
    expect(bed.history()).toEqual(["1 Healthy", "2 Failed"]);
    bed.harness.isPreempted = () => false;
    await bed.harness.look("shop");
    expect(bed.history()).toEqual(["1 Healthy", "2 Failed", "3 Progressing"]);
    expect(bed.value()).toBe("3");
    await bed.push();
    expect(bed.published).toEqual([]);
  });

  test("a fix that is pushed during the way back starts at once, and no revert is pushed", async () => {
    bed.commit(filesOf("2", "two"));
    await bed.look();
    await bed.end("two", "Failed");
    await bed.harness.look("shop");
    expect(bed.history()).toEqual(["1 Healthy", "2 RolledBack", "3 Progressing shop-2"]);
    bed.commit(filesOf("3", "three"));
    await bed.harness.look("shop");
    expect(bed.history()).toEqual([
      "1 Healthy",
      "2 RolledBack",
      "3 Superseded shop-2",
      "4 Progressing",
    ]);
    expect(bed.value()).toBe("3");
    await bed.push();
    expect(bed.published).toEqual([]);
    expect(bed.condition("RevertPushed")).toContain("True NewerCommit");
    expect(bed.app().status?.quarantine?.[0]?.revert).toBe("Dropped");
  });

  test("is Held when it comes again with other changes, until it is approved, and not asked for twice", async () => {
    await bed.bad("2", "two");
    await bed.push();
    await bed.look();
    bed.commit(filesOf("3", "two"));
    await bed.look();
    expect(bed.releases().at(-1)?.status).toMatchObject({
      phase: "Held",
      reason: "Quarantined",
      message: expect.stringContaining("Job default/two is as that failed in release shop-2"),
    });
    expect(bed.value()).toBe("1");
    await bed.approve(bed.releases().at(-1)?.metadata.name ?? "");
    await bed.look();
    expect(bed.releases().at(-1)?.status.phase).toBe("Progressing");
    expect(bed.value()).toBe("3");
    bed.commit(filesOf("4", "two"));
    await bed.look();
    expect(bed.releases().at(-1)?.status.phase).toBe("Progressing");
    expect(bed.value()).toBe("4");
  });

  test("with a change of what failed it is let in at once", async () => {
    await bed.bad("2", "two");
    bed.commit(filesOf("2", "two", "tool:2"));
    await bed.look();
    expect(bed.releases().at(-1)?.status.phase).toBe("Progressing");
    expect(bed.value()).toBe("2");
  });

  test("seen again as the head, it has its release already; approved, it is let in", async () => {
    await bed.bad("2", "two");
    await bed.look();
    bed.commit(filesOf("2", "two"), "nothing changed");
    await bed.look();
    expect(bed.history()).toHaveLength(3);
    await bed.approve("shop-2");
    await bed.look();
    expect(bed.history().at(-1)).toBe("4 Progressing");
    expect(bed.value()).toBe("2");
    await bed.push();
    expect(bed.published).toEqual([]);
  });

  test("is taken back once an hour", async () => {
    await bed.bad("2", "two");
    await bed.push();
    await bed.look();
    await bed.bad("3", "three");
    expect(bed.history().at(-1)).toBe("4 Failed");
    expect(bed.condition("AutoReverted")).toContain("False OncePerWindow");
    expect(bed.value()).toBe("3");
    await bed.clock.advance(REVERT_WINDOW_MS);
    await bed.look();
    expect(bed.history().slice(-2)).toEqual(["4 RolledBack", "5 Healthy shop-4"]);
    expect(bed.value()).toBe("1");
  });

  test("is left as it is when it is a revert itself", async () => {
    await bed.bad("2", "two", `Revert "x"\n\nThis reverts commit ${"a".repeat(40)}.`);
    expect(bed.history()).toEqual(["1 Healthy", "2 Failed"]);
    expect(bed.condition("AutoReverted")).toContain("False RevertOfRevert");
  });

  test("when the way back fails too, that is the end of it", async () => {
    bed.commit(filesOf("2", "two"));
    await bed.look();
    await bed.end("two", "Failed");
    await bed.harness.look("shop");
    await bed.end("one", "Failed");
    await bed.look();
    expect(bed.history()).toEqual(["1 Healthy", "2 RolledBack", "3 Failed shop-2"]);
    await bed.look();
    await bed.clock.advance(2 * REVERT_WINDOW_MS);
    await bed.look();
    expect(bed.history()).toHaveLength(3);
    expect(bed.condition("AutoReverted")).toContain("False RevertOfRevert");
    expect(bed.condition("Ready")).toContain("False");
  });

  test("is left as it is where the App does not ask for it, or is suspended", async () => {
    await bed.change({ autoRevert: false });
    await bed.bad("2", "two");
    expect(bed.history()).toEqual(["1 Healthy", "2 Failed"]);
    expect(bed.condition("AutoReverted")).toBe("none");
    await bed.change({ autoRevert: true, suspend: true });
    await bed.look();
    expect(bed.history()).toEqual(["1 Healthy", "2 Failed"]);
    expect(bed.condition("AutoReverted")).toContain("False Suspended");
  });

  test("cut off behind the note of what is kept out, it goes on where it was", async () => {
    const good = bed.releases()[0]?.spec.commit ?? "";
    const { id, tree } = bed.commit(filesOf("2", "two"));
    await bed.look();
    const begun = {
      release: "shop-2",
      commit: id,
      tree,
      to: good,
      at: formatTime(bed.clock.now()),
      message: "",
      objects: [],
      revert: "Pending" as const,
    };
    const { status } = bed.app();
    await bed.objects.updateStatus({
      ...bed.app(),
      status: { ...status, quarantine: [begun] },
    } as App);
    await bed.end("two", "Failed");
    await bed.look();
    expect(bed.history()).toEqual(["1 Healthy", "2 RolledBack", "3 Healthy shop-2"]);
    expect(bed.app().status?.quarantine).toHaveLength(1);
  });

  test("cut off before the failed release was ended, it is ended later", async () => {
    await bed.bad("2", "two");
    const failed = bed.releases()[1];
    if (failed === undefined) throw new Error("no release");
    const status = { ...failed.status, phase: "Failed" as const };
    await bed.objects.updateStatus({ ...failed, status } as Release);
    await bed.look();
    expect(bed.history()).toEqual(["1 Healthy", "2 RolledBack", "3 Healthy shop-2"]);
  });

  test("Git being away delays it and stops nothing", async () => {
    bed.commit(filesOf("2", "two"));
    await bed.look();
    await bed.end("two", "Failed");
    bed.sources.failure = new GitError("unreachable", "Cannot reach it");
    const { lookAgainAt } = await bed.harness.look("shop");
    expect(lookAgainAt).toBeGreaterThan(bed.clock.now());
    expect(bed.history()).toEqual(["1 Healthy", "2 Failed"]);
    bed.sources.failure = undefined;
    await bed.look();
    expect(bed.history().at(-1)).toBe("3 Healthy shop-2");
  });
});

describe("what is no fault of the commit", () => {
  test.each([
    ["a lost node", "NodeLost", { node: "lost" }],
    ["no room", "Unschedulable", { node: "", phase: "Pending" as const }],
    [
      "a registry that is away",
      "RegistryUnavailable",
      { phase: "Pending" as const, containerStatuses: [waiting("RegistryUnavailable", "")] },
    ],
    [
      "a registry that cannot be reached",
      "RegistryUnavailable",
      {
        phase: "Pending" as const,
        containerStatuses: [
          waiting(
            "ImagePullBackOff",
            "Back-off pulling image: ErrImagePull: dial tcp: i/o timeout",
          ),
        ],
      },
    ],
    ["an eviction", "Disrupted", { reason: "Evicted" }],
  ])("%s", async (_, reason, pod) => {
    await using bed = await RevertBed.make();
    await bed.node("lost", "Unknown");
    await bed.good("1", "one");
    bed.commit(filesOf("2", "two"));
    await bed.look();
    await bed.end("two", "Failed", pod as never);
    await bed.look();
    expect(bed.history()).toEqual(["1 Healthy", "2 Failed"]);
    expect(bed.condition("AutoReverted")).toContain(`False ${reason}`);
  });

  test("an image that is not there is the commit's fault", async () => {
    await using bed = await RevertBed.make();
    await bed.good("1", "one");
    bed.commit(filesOf("2", "two"));
    await bed.look();
    const message = "Back-off: ErrImagePull: manifest unknown (no such image, or no right to it)";
    await bed.end("two", "Failed", {
      phase: "Pending",
      containerStatuses: [waiting("ImagePullBackOff", message)],
    } as never);
    await bed.look();
    expect(bed.history().at(-1)).toBe("3 Healthy shop-2");
  });

  test("the first release has nothing to go back to, and says so", async () => {
    await using bed = await RevertBed.make();
    await bed.bad("1", "one");
    expect(bed.history()).toEqual(["1 Failed"]);
    expect(bed.condition("AutoReverted")).toContain("False NothingToGoBackTo");
  });
});

function waiting(reason: string, message: string): object {
  return {
    name: "work",
    image: "",
    imageID: "",
    ready: false,
    restartCount: 0,
    state: { waiting: { reason, message } },
    lastState: {},
  };
}
