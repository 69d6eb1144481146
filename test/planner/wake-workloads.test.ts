import { describe, expect, test } from "vitest";
import { RESTART_ANNOTATION } from "../../src/planner/restart-on-config.ts";
import type { ConfigMap, Node } from "../../src/model/kinds.gen.ts";
import type { ApiObject } from "../../src/model/meta.ts";
import { wakeKeys } from "../../src/planner/plan-object.ts";
import { container, deployment, node, pod, podSpec } from "../support/builders.ts";
import {
  claimTemplate,
  daemonSet,
  madeRevision,
  replicationController,
  statefulSet,
} from "../support/set-builders.ts";
import { planStatefulSet } from "../../src/planner/plan-statefulset.ts";
import { worldOf } from "../support/world.ts";

const set = statefulSet({ volumeClaimTemplates: [claimTemplate(), claimTemplate("my-log")] });
const dashed = statefulSet(
  { volumeClaimTemplates: [claimTemplate()], selector: { matchLabels: { app: "db" } } },
  { name: "web-db", uid: "uid-dashed" },
);
const daemons = daemonSet();
const controller = replicationController({}, { name: "rc" });
const settings: ConfigMap = {
  apiVersion: "v1",
  kind: "ConfigMap",
  metadata: { name: "settings", namespace: "shop", uid: "uid-cm" },
  data: {},
};
const rolled = deployment(
  {
    selector: { matchLabels: { app: "x" } },
    template: {
      metadata: { labels: { app: "x" } },
      spec: podSpec({
        containers: [container({ envFrom: [{ configMapRef: { name: "settings" } }] })],
      }),
    },
  },
  { name: "rolled", uid: "uid-rolled", annotations: { [RESTART_ANNOTATION]: "true" } },
);
const a = node({ name: "a" });
const cluster = [set, dashed, daemons, controller, settings, rolled, a];

const claim = (name: string): ApiObject => ({
  ...claimTemplate(),
  metadata: { name, namespace: "shop", uid: `uid-${name}` },
});

const SET = "apps/v1/StatefulSet/shop/web";
const DASHED = "apps/v1/StatefulSet/shop/web-db";
const DAEMONS = "apps/v1/DaemonSet/shop/log";
const CONTROLLER = "v1/ReplicationController/shop/rc";

/** Of the keys that are woken, those of the kinds that are looked at here. */
function woken(object: ApiObject, other?: ApiObject, there = cluster): readonly string[] {
  return wakeKeys(worldOf(there), object, other).filter((key) =>
    /\/(StatefulSet|DaemonSet|ReplicationController|Deployment)\//.test(key),
  );
}

describe("wakeKeys() of workloads", () => {
  test("a claim wakes the set that made it, whatever dashes there are", () => {
    expect(woken(claim("data-web-0"))).toEqual([SET]);
    expect(woken(claim("my-log-web-7"))).toEqual([SET]);
    expect(woken(claim("data-web-db-1"))).toEqual([DASHED]);
    expect(woken(claim("other-web-0"))).toEqual([]);
    expect(woken(claim("data-web"))).toEqual([]);
  });

  test("a pod wakes the set that would give it its name, though it is none of its own", () => {
    const foreign = pod({ name: "web-0", labels: { app: "foreign" } });
    expect(woken(foreign)).toEqual([SET]);
  });

  test("a stray pod wakes all that would adopt it", () => {
    const keys = woken(pod({ name: "stray" }));
    expect(new Set(keys)).toEqual(new Set([SET, DAEMONS, CONTROLLER]));
  });

  test("a pod wakes the set or controller that owns it, and nobody else", () => {
    expect(woken(pod({ name: "web-1", owner: set }))).toEqual([SET]);
    expect(woken(pod({ name: "log-x", owner: daemons }))).toEqual([DAEMONS]);
    expect(woken(pod({ name: "rc-x", owner: controller }))).toEqual([CONTROLLER]);
  });

  test("a revision wakes its set; a stray one all that would adopt it", () => {
    const made = madeRevision(planStatefulSet(worldOf([set]), set));
    if (made === undefined) throw new Error("no revision is made");
    expect(woken(made)).toEqual([SET]);
    const { ownerReferences: _, ...metadata } = made.metadata;
    expect(new Set(woken({ ...made, metadata } as ApiObject))).toEqual(new Set([SET, DAEMONS]));
  });

  test("configuration wakes what opted in", () => {
    expect(woken(settings)).toEqual(["apps/v1/Deployment/shop/rolled"]);
  });

  test("a node that comes, goes or changes for them wakes DaemonSets", () => {
    expect(woken(a)).toEqual([DAEMONS]);
    expect(woken(a, a, [daemons])).toEqual([DAEMONS]);
    const tainted: Node = { ...a, spec: { taints: [{ key: "x", effect: "NoSchedule" }] } };
    const labelled: Node = { ...a, metadata: { ...a.metadata, labels: { x: "y" } } };
    expect(woken(tainted, a)).toEqual([DAEMONS]);
    expect(woken(labelled, a)).toEqual([DAEMONS]);
  });

  test("any other change of a node wakes nobody", () => {
    const later: Node = { ...a, status: { conditions: [{ type: "Ready", status: "Unknown" }] } };
    expect(woken(later, a)).toEqual([]);
    expect(woken(a, later)).toEqual([]);
  });
});
