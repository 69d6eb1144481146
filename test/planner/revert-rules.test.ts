import { describe, expect, test } from "vitest";
import type { App, AppQuarantine, Pod, Release } from "../../src/model/kinds.gen.ts";
import type { ApiObject, ObjectRef } from "../../src/model/meta.ts";
import { judgePod, type Fault } from "../../src/planner/revert-fault.ts";
import {
  carriedQuarantine,
  lifted,
  makeQuarantine,
  MAX_QUARANTINES,
  withQuarantine,
} from "../../src/planner/revert-rules.ts";
import { node, NOW, pod, template } from "../support/builders.ts";
import { worldOf } from "../support/world.ts";

const release = (tree: string): Release => ({
  apiVersion: "berth.dev/v1",
  kind: "Release",
  metadata: { name: `shop-${tree}` },
  spec: {
    app: "shop",
    sequence: 1,
    repo: "/r",
    path: ".",
    commit: tree,
    tree,
    author: "",
    subject: "",
    committedAt: "",
  },
  status: { phase: "Failed", startedAt: "", inventory: [] },
});
const deploymentRef = (name: string): ObjectRef => ({
  apiVersion: "apps/v1",
  kind: "Deployment",
  namespace: "shop",
  name,
});
const fault = (name: string, excuse?: Fault["excuse"]): Fault => ({
  ref: deploymentRef(name),
  reason: "CrashLoopBackOff",
  message: `Deployment shop/${name}: it crashes`,
  excuse,
  pods: [],
});

function declared(object: ApiObject, hash: string) {
  return { object, hash, at: { file: "a.yaml", line: 1, column: 1 } };
}

const deployed = (name: string, hash: string) =>
  declared(
    {
      apiVersion: "apps/v1",
      kind: "Deployment",
      metadata: { name, namespace: "shop" },
      spec: {
        template: template("v1", {
          containers: [
            {
              name: "app",
              image: "app:v1",
              imagePullPolicy: "IfNotPresent",
              envFrom: [{ configMapRef: { name: "settings" } }],
            },
          ],
        }),
      },
    } as ApiObject,
    hash,
  );
const configMap = (name: string, value: string, label = "") => {
  const metadata = { name, namespace: "shop", labels: { label } };
  const object = { apiVersion: "v1", kind: "ConfigMap", metadata, data: { value } };
  return declared(object as ApiObject, `${value} ${label}`);
};

const app = (quarantine: readonly AppQuarantine[]): App => ({
  apiVersion: "berth.dev/v1",
  kind: "App",
  metadata: { name: "shop" },
  spec: {
    repo: "/r",
    branch: "main",
    path: ".",
    namespace: "shop",
    intervalSeconds: 60,
    prune: true,
  },
  status: { quarantine },
});

describe("a quarantine", () => {
  const good = [deployed("web", "w1"), deployed("api", "a1"), configMap("settings", "s1")];
  const bad = [deployed("web", "w2"), deployed("api", "a2"), configMap("settings", "s1")];
  const two = makeQuarantine(
    release("bad"),
    release("good"),
    [fault("web"), fault("api"), fault("spare", "NodeLost")],
    { bad, good },
    NOW,
  );
  const carried = (next: typeof good, list: readonly AppQuarantine[] = [two]): boolean =>
    carriedQuarantine(app(list), [], "next", next) !== undefined;

  test("names what failed by its own fault", () => {
    expect(two.objects.map(({ name }) => name)).toEqual(["web", "api"]);
    expect(two.message).toBe("Deployment shop/web: it crashes; Deployment shop/api: it crashes");
  });

  test.each([
    ["all of it", bad, true],
    ["all of it, and more", [...bad, configMap("more", "m")], true],
    ["another label on what it reads", [bad[0], bad[1], configMap("settings", "s1", "x")], true],
    ["one of two mended", [deployed("web", "w3"), bad[1], bad[2]], false],
    ["one of two gone", [bad[0], bad[2]], false],
    [
      "the configuration that it reads mended",
      [bad[0], bad[1], configMap("settings", "s2")],
      false,
    ],
    ["what was good", good, false],
  ])("a commit with %s: %s", (_, next, isCarried) => {
    expect(carried(next as typeof good)).toBe(isCarried);
  });

  test("the configuration that a failed object reads is part of its content", () => {
    const changed = [good[0], good[1], configMap("settings", "s2")] as typeof good;
    const one = makeQuarantine(
      release("bad"),
      release("good"),
      [fault("web")],
      { bad: changed, good },
      NOW,
    );
    expect(one.objects.map(({ name }) => name)).toEqual(["web"]);
    expect(carried(changed, [one])).toBe(true);
    expect(carried(good, [one])).toBe(false);
  });

  test("where nothing that failed was changed, only the very same folder is kept out", () => {
    const changed = [...good, configMap("more", "m")];
    const manifests = { bad: changed, good };
    const one = makeQuarantine(release("bad"), release("good"), [fault("web")], manifests, NOW);
    expect(one.objects).toEqual([]);
    expect(carriedQuarantine(app([one]), [], "bad", changed)).toBe(one);
    expect(carried(changed, [one])).toBe(false);
  });

  test("is lifted for good by consent, and its revert with it", () => {
    const [after] = lifted([two], "next", bad);
    expect(after).toMatchObject({ lifted: true, revert: "Dropped" });
    expect(carried(bad, after === undefined ? [] : [after])).toBe(false);
    const list = [two];
    expect(lifted(list, "next", good)).toBe(list);
  });

  test("is one of a few; only the newest one's revert is still made", () => {
    let list: readonly AppQuarantine[] = [];
    for (let index = 0; index <= MAX_QUARANTINES; index += 1)
      list = withQuarantine(list, { ...two, release: `shop-${index}` });
    expect(list).toHaveLength(MAX_QUARANTINES);
    expect(list[0]?.release).toBe("shop-1");
    expect(list.filter(({ revert }) => revert === "Pending").map((one) => one.release)).toEqual([
      `shop-${MAX_QUARANTINES}`,
    ]);
    expect(withQuarantine(list, { ...two, release: "shop-5" })).toHaveLength(MAX_QUARANTINES);
  });
});

describe("judgePod()", () => {
  const world = worldOf([node({ name: "a" }), node({ name: "down", ready: "Unknown" })]);
  const status = (state: object, restartCount = 0): object => ({
    name: "app",
    image: "",
    imageID: "",
    ready: false,
    restartCount,
    state,
    lastState: {},
  });
  const waiting = (reason: string, message = "", restarts = 0): object =>
    status({ waiting: { reason, message } }, restarts);
  const base = pod({ name: "p", ready: null, node: "a" });
  const made = (fields: object, where: string | null = "a"): Pod => {
    const { nodeName: _, ...spec } = base.spec;
    return {
      ...base,
      spec: where === null ? spec : { ...spec, nodeName: where },
      status: { phase: "Pending", ...fields },
    } as Pod;
  };
  const one = (container: object): object => ({ containerStatuses: [container] });
  const missing = "manifest unknown (no such image, or no right to it)";

  test.each<[string, Pod, boolean, string]>([
    ["Ready", pod({ name: "p", node: "a" }), true, "fine"],
    ["done", made({ phase: "Succeeded" }), true, "fine"],
    ["failed", made({ phase: "Failed" }), false, "own"],
    ["failed on a lost node", made({ phase: "Failed" }, "down"), false, "NodeLost"],
    ["failed on a node that is gone", made({ phase: "Failed" }, "gone"), false, "NodeLost"],
    ["evicted", made({ phase: "Failed", reason: "Evicted" }), false, "Disrupted"],
    [
      "disrupted",
      made({ phase: "Failed", conditions: [{ type: "DisruptionTarget", status: "True" }] }),
      false,
      "Disrupted",
    ],
    ["without a place", made({}, null), true, "Unschedulable"],
    ["nothing known of it", made({}), true, "Starting"],
    ["being made", made(one(waiting("ContainerCreating"))), true, "Starting"],
    ["crashed twice", made(one(waiting("CrashLoopBackOff", "", 2))), false, "Starting"],
    [
      "crashed twice, and its time is up",
      made(one(waiting("CrashLoopBackOff", "", 2))),
      true,
      "own",
    ],
    ["crashed three times", made(one(waiting("CrashLoopBackOff", "", 3))), false, "own"],
    ["just crashed", made(one(status({ terminated: { exitCode: 1 } }))), false, "Starting"],
    ["no such image", made(one(waiting("ErrImagePull", missing))), false, "own"],
    ["no such image, backing off", made(one(waiting("ImagePullBackOff", missing))), false, "own"],
    ["registry away", made(one(waiting("RegistryUnavailable"))), true, "RegistryUnavailable"],
    [
      "registry away, backing off",
      made(one(waiting("ImagePullBackOff", `RegistryUnavailable: ${missing}`))),
      true,
      "RegistryUnavailable",
    ],
    [
      "registry's name unknown",
      made(one(waiting("ErrImagePull", "lookup registry.example: no such host"))),
      true,
      "RegistryUnavailable",
    ],
    ["a bad name", made(one(waiting("InvalidImageName"))), false, "own"],
    ["no such key", made(one(waiting("CreateContainerConfigError"))), false, "own"],
    [
      "one crashes, one's registry is away",
      made({
        containerStatuses: [waiting("RegistryUnavailable"), waiting("CrashLoopBackOff", "", 3)],
      }),
      false,
      "own",
    ],
    ["runs, not Ready yet", made(one(status({ running: {} }))), false, "Starting"],
    ["runs, and its time is up", made(one(status({ running: {} }))), true, "own"],
    [
      "its init container fails",
      made({ initContainerStatuses: [waiting("CrashLoopBackOff", "", 3)] }),
      false,
      "own",
    ],
  ])("%s", (_, subject, late, verdict) => {
    expect(judgePod(world, subject, late)).toBe(verdict);
  });
});
