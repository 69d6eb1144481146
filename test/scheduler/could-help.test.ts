import { describe, expect, test } from "vitest";
import type { ApiObject } from "../../src/model/meta.ts";
import { couldHelp, type Change } from "../../src/scheduler/could-help.ts";

const pod = (spec: object, status: object = { phase: "Pending" }): ApiObject =>
  ({
    apiVersion: "v1",
    kind: "Pod",
    metadata: { name: "p", namespace: "shop" },
    spec,
    status,
  }) as ApiObject;
const node = (
  more: { spec?: object; labels?: object; ready?: string; heartbeat?: string; cpu?: string } = {},
): ApiObject =>
  ({
    apiVersion: "v1",
    kind: "Node",
    metadata: { name: "alpha", labels: more.labels ?? {} },
    spec: more.spec ?? {},
    status: {
      allocatable: { cpu: more.cpu ?? "2" },
      conditions: [
        { type: "Ready", status: more.ready ?? "True", lastHeartbeatTime: more.heartbeat },
      ],
    },
  }) as ApiObject;
const service = { apiVersion: "v1", kind: "Service", metadata: { name: "s", namespace: "shop" } };
const bound = { nodeName: "alpha" };

const CASES: readonly (Change & { readonly name: string; readonly helps: boolean })[] = [
  { name: "a new pod without a node", kind: "added", object: pod({}), helps: true },
  {
    name: "what was written of its status",
    kind: "modified",
    object: pod({}, { phase: "Pending", message: "x" }),
    previous: pod({}),
    helps: false,
  },
  {
    name: "a pod whose spec changed",
    kind: "modified",
    object: pod({ priority: 1 }),
    previous: pod({}),
    helps: true,
  },
  {
    name: "a pod that was just placed",
    kind: "modified",
    object: pod(bound),
    previous: pod({}),
    helps: false,
  },
  {
    name: "a placed pod that runs",
    kind: "modified",
    object: pod(bound, { phase: "Running" }),
    previous: pod(bound),
    helps: false,
  },
  {
    name: "a placed pod that has ended",
    kind: "modified",
    object: pod(bound, { phase: "Failed" }),
    previous: pod(bound),
    helps: true,
  },
  {
    name: "a pod that ended before",
    kind: "modified",
    object: pod(bound, { phase: "Failed", reason: "x" }),
    previous: pod(bound, { phase: "Failed" }),
    helps: false,
  },
  {
    name: "a pod that is gone",
    kind: "deleted",
    object: pod(bound),
    previous: pod(bound),
    helps: true,
  },
  { name: "a new node", kind: "added", object: node(), helps: true },
  {
    name: "a node's heartbeat",
    kind: "modified",
    object: node({ heartbeat: "later" }),
    previous: node(),
    helps: false,
  },
  {
    name: "a node that became Ready",
    kind: "modified",
    object: node(),
    previous: node({ ready: "Unknown" }),
    helps: true,
  },
  {
    name: "a node that was uncordoned",
    kind: "modified",
    object: node(),
    previous: node({ spec: { unschedulable: true } }),
    helps: true,
  },
  {
    name: "a node with a new label",
    kind: "modified",
    object: node({ labels: { disk: "ssd" } }),
    previous: node(),
    helps: true,
  },
  {
    name: "a node with more room",
    kind: "modified",
    object: node({ cpu: "4" }),
    previous: node(),
    helps: true,
  },
  { name: "anything else", kind: "added", object: service, helps: false },
];

describe("couldHelp()", () => {
  test.for(CASES)("$name: $helps", ({ helps, kind, object, previous }) => {
    expect(couldHelp({ kind, object, previous })).toBe(helps);
  });
});
