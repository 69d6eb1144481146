import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { formatTime } from "../../src/base/clock.ts";
import type { ApiCredentials } from "../../src/client/transport.ts";
import { SOURCE_ANNOTATION } from "../../src/model/app.ts";
import type {
  Event,
  Lease,
  Node,
  PersistentVolume,
  PersistentVolumeClaim,
  Pod,
} from "../../src/model/kinds.gen.ts";
import { VOLUME_FINALIZER, VOLUME_NODE_LABEL } from "../../src/model/storage.ts";
import type { ApiObject } from "../../src/model/meta.ts";
import { rawRequest } from "../support/api-request.ts";
import type { RawAnswer, RawRequest } from "../support/api-request.ts";
import { startTestApi } from "../support/api-server.ts";
import type { ApiUnderTest } from "../support/api-server.ts";
import * as build from "../support/builders.ts";
import { ManualClock } from "../support/manual-clock.ts";

const NOW = Date.UTC(2026, 0, 2, 3);
const clock = new ManualClock(NOW);
let api: ApiUnderTest;
let admin: ApiCredentials;
let nodeA: ApiCredentials;
beforeAll(async () => {
  api = await startTestApi({ clock });
  const issued = await api.credentials("admin", ["system:masters"]);
  admin = issued;
  nodeA = await api.credentials("system:node:a", ["system:nodes"]);
});
afterAll(() => api[Symbol.asyncDispose]());

const ask = (as: ApiCredentials, request: RawRequest): Promise<RawAnswer> =>
  rawRequest(as, request);
const message = (answer: RawAnswer): string => (answer.json as { message: string }).message;
const NS = "/api/v1/namespaces/shop";
const LEASES = "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases";

let count = 0;
/** A pod of its own for one test. */
async function putPod(fields: Partial<build.PodFields> = {}): Promise<Pod> {
  count += 1;
  return (await api.put(build.pod({ name: `p-${count}`, ...fields }))).object as Pod;
}
const pathOf = (pod: Pod): string => `${NS}/pods/${pod.metadata.name}`;
const now = (pod: Pod): Pod | undefined =>
  api.objects.get({ apiVersion: "v1", kind: "Pod", namespace: "shop", name: pod.metadata.name })
    ?.object as Pod | undefined;

const node = (name: string): Node => {
  const { uid: _, ...metadata } = build.node({ name }).metadata;
  return { ...build.node({ name }), metadata };
};

describe("a node", () => {
  test("makes itself, and no other", async () => {
    const path = "/api/v1/nodes";
    expect((await ask(nodeA, { method: "POST", path, body: node("b") })).code).toBe(403);
    const made = await ask(nodeA, { method: "POST", path, body: node("a") });
    expect(made.code).toBe(201);
    expect((made.json as Node).metadata).toMatchObject({ name: "a", generation: 1 });
    expect((made.json as Node).metadata.uid).toMatch(/^[0-9a-f-]{36}$/);
    const again = await ask(nodeA, { method: "POST", path, body: node("a") });
    expect([again.code, message(again)]).toEqual([409, 'nodes "a" already exists']);
  });

  test("labels itself, but does not change its spec", async () => {
    const path = "/api/v1/nodes/a";
    const current = (await ask(nodeA, { path })).json as Node;
    const { resourceVersion: _, ...metadata } = current.metadata;
    const labelled = { ...current, metadata: { ...metadata, labels: { rack: "7" } } };
    expect((await ask(nodeA, { method: "PUT", path, body: labelled })).code).toBe(200);
    const widened = { ...labelled, spec: { unschedulable: true } };
    const answer = await ask(nodeA, { method: "PUT", path, body: widened });
    expect([answer.code, message(answer)]).toEqual([
      403,
      'nodes "a" is forbidden: the spec of a node is not for the node itself to change',
    ]);
  });

  test("beats by its Lease", async () => {
    expect(api.server.heartbeats.lastSeen("a")).toBeUndefined();
    const lease: Lease = {
      apiVersion: "coordination.k8s.io/v1",
      kind: "Lease",
      metadata: { name: "a", namespace: "kube-node-lease" },
      spec: {
        holderIdentity: "a",
        leaseDurationSeconds: 40,
        renewTime: "2026-01-02T03:00:00.000000Z",
      },
    };
    const made = await ask(nodeA, { method: "POST", path: LEASES, body: lease });
    expect([made.code, api.server.heartbeats.lastSeen("a")]).toEqual([201, clock.monotonic()]);
    await clock.advance(5000);
    const spec = { renewTime: "2026-01-02T03:00:05.000000Z" };
    const headers = { "Content-Type": "application/merge-patch+json" };
    await ask(nodeA, { method: "PATCH", path: `${LEASES}/a`, body: { spec }, headers });
    expect(api.server.heartbeats.lastSeen("a")).toBe(clock.monotonic());
    const other = { ...lease, metadata: { ...lease.metadata, name: "b" } };
    expect((await ask(nodeA, { method: "POST", path: LEASES, body: other })).code).toBe(403);
    expect(api.server.heartbeats.lastSeen("b")).toBeUndefined();
  });

  test("reports the status of its pods; the rest of the pod stays", async () => {
    const pod = await putPod({ phase: "Pending", ready: null });
    const body = {
      ...pod,
      spec: { changed: true },
      status: { phase: "Failed", reason: "Evicted" },
    };
    const path = `${pathOf(pod)}/status`;
    const answer = await ask(nodeA, { method: "PUT", path, body });
    expect(answer.code).toBe(200);
    expect(answer.json).toMatchObject({ spec: pod.spec, status: { reason: "Evicted" } });
    const stale = await ask(nodeA, { method: "PUT", path, body });
    expect([stale.code, (stale.json as { reason: string }).reason]).toEqual([409, "Conflict"]);
    const headers = { "Content-Type": "application/merge-patch+json" };
    const patch = { status: { reason: null, message: "gone" } };
    const patched = await ask(nodeA, { method: "PATCH", path, body: patch, headers });
    expect((patched.json as Pod).status).toEqual({ phase: "Failed", message: "gone" });
  });

  test("is told which field of a status is not as it must be", async () => {
    const pod = await putPod();
    const { resourceVersion: _, ...metadata } = pod.metadata;
    const status = { phase: "Running", containerStatuses: [{ name: 7 }] };
    const body = { ...pod, metadata, status };
    const answer = await ask(nodeA, { method: "PUT", path: `${pathOf(pod)}/status`, body });
    expect(answer.code).toBe(422);
    expect(message(answer)).toMatch(/^Pod "p-\d+" is invalid: status\.containerStatuses\[0\]/);
  });

  test("removes a pod that has ended, and only that very pod", async () => {
    const pod = await putPod({ terminating: true });
    const request = { method: "DELETE", path: pathOf(pod) };
    expect((await ask(nodeA, request)).code).toBe(403);
    const other = { gracePeriodSeconds: 0, preconditions: { uid: "other" } };
    expect((await ask(nodeA, { ...request, body: other })).code).toBe(409);
    expect(now(pod)).toBeDefined();
    const body = { gracePeriodSeconds: 0, preconditions: { uid: pod.metadata.uid } };
    expect((await ask(nodeA, { ...request, body })).json).toMatchObject({ status: "Success" });
    expect(now(pod)).toBeUndefined();
    expect((await ask(nodeA, { ...request, body })).code).toBe(404);
  });

  test("does not touch the pods of others", async () => {
    const pod = await putPod({ node: "b" });
    const body = { gracePeriodSeconds: 0 };
    expect((await ask(nodeA, { method: "DELETE", path: pathOf(pod), body })).code).toBe(403);
    const status = await ask(nodeA, { method: "PUT", path: `${pathOf(pod)}/status`, body: pod });
    expect(status.code).toBe(403);
  });

  test("tells people by events", async () => {
    const event: Event = {
      apiVersion: "v1",
      kind: "Event",
      metadata: { name: "p.1", namespace: "shop" },
      involvedObject: { kind: "Pod", name: "p" },
      type: "Normal",
      reason: "Started",
      message: "Started container",
      count: 1,
      firstTimestamp: build.at(0),
      lastTimestamp: build.at(0),
    };
    const made = await ask(nodeA, { method: "POST", path: `${NS}/events`, body: event });
    expect(made.code).toBe(201);
    const broken = { ...event, metadata: { name: "p.2" }, type: "Odd" };
    const answer = await ask(nodeA, { method: "POST", path: `${NS}/events`, body: broken });
    expect([answer.code, message(answer).includes("type")]).toEqual([422, true]);
  });

  test("reads a Secret for as long as a pod of its names it", async () => {
    const secret = {
      apiVersion: "v1",
      kind: "Secret",
      metadata: { name: "key", namespace: "shop" },
    };
    await api.put({ ...secret, type: "Opaque" } as ApiObject);
    const path = `${NS}/secrets/key`;
    expect((await ask(nodeA, { path })).code).toBe(403);
    const volumes = [{ name: "key", secret: { secretName: "key", defaultMode: 420 } }];
    const pod = await putPod({ spec: { volumes } });
    expect((await ask(nodeA, { path })).code).toBe(200);
    const ref = { apiVersion: "v1", kind: "Pod", namespace: "shop", name: pod.metadata.name };
    await api.objects.remove(ref);
    expect((await ask(nodeA, { path })).code).toBe(403);
  });
});

describe("an administrator", () => {
  const owned = async (fields: Partial<build.PodFields> = {}): Promise<Pod> =>
    putPod({ owner: build.replicaSet(), ...fields });

  test("deletes a pod that comes back: it ends with its grace", async () => {
    const pod = await owned();
    const answer = await ask(admin, { method: "DELETE", path: pathOf(pod) });
    expect((answer.json as Pod).metadata).toMatchObject({
      deletionTimestamp: new Date(clock.now() + 30_000).toISOString().replace(".000", ""),
      deletionGracePeriodSeconds: 30,
    });
    expect(now(pod)?.metadata.deletionTimestamp).toBeDefined();
  });

  test("may shorten the grace, not lengthen it", async () => {
    const pod = await owned();
    const path = `${pathOf(pod)}?gracePeriodSeconds=`;
    for (const [given, expected] of [
      [10, 10],
      [60, 10],
      [2, 2],
    ]) {
      await ask(admin, { method: "DELETE", path: `${path}${given}` });
      expect(now(pod)?.metadata.deletionGracePeriodSeconds).toBe(expected);
    }
  });

  test("removes a pod at once that is on no node, or by force from one that is silent", async () => {
    const waiting = await owned({ node: "" });
    await ask(admin, { method: "DELETE", path: pathOf(waiting) });
    expect(now(waiting)).toBeUndefined();
    const lost = await owned({ node: "lost" });
    await ask(admin, { method: "DELETE", path: `${pathOf(lost)}?gracePeriodSeconds=0` });
    expect(now(lost)).toBeUndefined();
  });

  test("by force shortens the grace to nothing where somebody is there to end the pod", async () => {
    const ready = { conditions: [{ type: "Ready", status: "True" as const }] };
    const { object } = await api.put({ ...node("d"), status: ready } as Node);
    expect(object.metadata.name).toBe("d");
    const pod = await owned({ node: "d" });
    await ask(admin, { method: "DELETE", path: `${pathOf(pod)}?gracePeriodSeconds=0` });
    expect(now(pod)?.metadata.deletionGracePeriodSeconds).toBe(0);
  });

  test("leaves a pod without a controller to Git", async () => {
    const pod = await putPod();
    expect((await ask(admin, { method: "DELETE", path: pathOf(pod) })).code).toBe(405);
  });

  test.each([
    ["made for a pod", {}, 200],
    ["that Git declares", { [SOURCE_ANNOTATION]: "claim.yaml:1" }, 405],
  ])("of a claim %s is %s", async (_, annotations, code) => {
    const claim: PersistentVolumeClaim = {
      apiVersion: "v1",
      kind: "PersistentVolumeClaim",
      metadata: { name: `data-${code}`, namespace: "shop", annotations },
      spec: {
        accessModes: ["ReadWriteOnce"],
        resources: { requests: { storage: "1Gi" } },
        volumeMode: "Filesystem",
      },
    };
    await api.put(claim);
    const path = `/api/v1/namespaces/shop/persistentvolumeclaims/data-${code}`;
    expect((await ask(admin, { method: "DELETE", path })).code).toBe(code);
  });

  test("of a volume waits until its node says that the data is gone, and that is all it may say", async () => {
    const volume: PersistentVolume = {
      apiVersion: "v1",
      kind: "PersistentVolume",
      metadata: {
        name: "disk",
        labels: { [VOLUME_NODE_LABEL]: "a" },
        finalizers: [VOLUME_FINALIZER, "example.org/other"],
      },
      spec: {
        accessModes: ["ReadWriteOnce"],
        capacity: { storage: "1Gi" },
        persistentVolumeReclaimPolicy: "Delete",
        volumeMode: "Filesystem",
        csi: { driver: "docker.berth.dev", volumeHandle: "disk" },
      },
      status: { phase: "Released" },
    };
    await api.put(volume);
    const path = "/api/v1/persistentvolumes/disk";
    const read = async (): Promise<PersistentVolume> =>
      (await ask(nodeA, { path })).json as PersistentVolume;
    const say = async (finalizers: readonly string[], spec = {}): Promise<number> => {
      const current = await read();
      const body = {
        ...current,
        metadata: { ...current.metadata, finalizers },
        spec: { ...current.spec, ...spec },
      };
      return (await ask(nodeA, { method: "PUT", path, body })).code;
    };
    expect(await say(["example.org/other"]), "before it is deleted").toBe(403);
    expect((await ask(admin, { method: "DELETE", path })).code).toBe(200);
    expect(await say([VOLUME_FINALIZER]), "what others wait for").toBe(403);
    expect(await say(["example.org/other"], { capacity: { storage: "9Gi" } })).toBe(403);
    expect(await say(["example.org/other"])).toBe(200);
    expect((await read()).metadata.finalizers).toEqual(["example.org/other"]);
  });

  test("tries without doing", async () => {
    const pod = await owned();
    const answer = await ask(admin, { method: "DELETE", path: `${pathOf(pod)}?dryRun=All` });
    expect((answer.json as Pod).metadata.deletionTimestamp).toBeDefined();
    expect(now(pod)?.metadata.deletionTimestamp).toBeUndefined();
    const body = node("dry");
    const made = await ask(admin, { method: "POST", path: "/api/v1/nodes?dryRun=All", body });
    expect([made.code, (await ask(admin, { path: "/api/v1/nodes/dry" })).code]).toEqual([201, 404]);
    expect((await ask(admin, { method: "DELETE", path: `${pathOf(pod)}?dryRun=Some` })).code).toBe(
      422,
    );
  });

  test("cordons a node, by either kind of merge patch", async () => {
    await ask(admin, { method: "POST", path: "/api/v1/nodes", body: node("c") });
    const path = "/api/v1/nodes/c";
    const patch = (type: string, body: unknown) =>
      ask(admin, { method: "PATCH", path, body, headers: { "Content-Type": type } });
    const strategic = "application/strategic-merge-patch+json";
    const cordoned = await patch(strategic, { spec: { unschedulable: true } });
    expect((cordoned.json as Node).spec).toEqual({ unschedulable: true });
    const merge = "application/merge-patch+json";
    expect(((await patch(merge, { spec: { unschedulable: null } })).json as Node).spec).toEqual({});
    expect((await patch(strategic, { spec: { taints: [] } })).code).toBe(200);
    const add = [{ op: "add", path: "/metadata/labels", value: { rack: "7" } }];
    const labelled = await patch("application/json-patch+json", add);
    expect((labelled.json as Node).metadata.labels).toEqual({ rack: "7" });
    expect((await patch("application/apply-patch+cbor", {})).code).toBe(415);
    expect((await patch("application/apply-patch+yaml", {})).code).toBe(422);
    expect((await patch(merge, [])).code).toBe(400);
  });

  test("names for objects that ask for one", async () => {
    const body = { metadata: { generateName: "gen-" } };
    const made = await ask(admin, { method: "POST", path: "/api/v1/nodes", body });
    expect((made.json as Node).metadata.name).toMatch(/^gen-[a-z0-9]{5}$/);
  });

  test.each([
    [{ apiVersion: "v1", kind: "Pod", metadata: { name: "x" } }, 400],
    [{ metadata: { name: "x", resourceVersion: "5" } }, 400],
    [{ metadata: {} }, 400],
    [{}, 400],
    [{ metadata: { name: "Big Name" } }, 422],
    [{ metadata: { name: "a/b" } }, 422],
    [{ metadata: { name: "x", labels: { a: 1 } } }, 422],
    [{ metadata: { name: "x" }, spec: { taints: "none" } }, 422],
    [[], 400],
    ["{", 400],
    ["", 400],
    ["\u0000", 400],
    [`{"a":${"[".repeat(200)}${"]".repeat(200)}}`, 400],
  ])("is refused the node %j", async (body, code) => {
    expect((await ask(admin, { method: "POST", path: "/api/v1/nodes", body })).code).toBe(code);
  });

  test("is refused what is too large, whether or not it says so", async () => {
    const body = JSON.stringify({ metadata: { name: "x" }, pad: "x".repeat(4 * 1024 * 1024) });
    const path = "/api/v1/nodes";
    expect((await ask(admin, { method: "POST", path, body })).code).toBe(413);
    const headers = { "Transfer-Encoding": "chunked" };
    expect((await ask(admin, { method: "POST", path, body, headers })).code).toBe(413);
    const large = { metadata: { name: "x", annotations: { pad: "x".repeat(1_500_000) } } };
    expect((await ask(admin, { method: "POST", path, body: large })).code).toBe(413);
  });

  test("replaces without a version what others write at the same time", async () => {
    await ask(admin, { method: "POST", path: "/api/v1/nodes", body: node("busy") });
    const path = "/api/v1/nodes/busy";
    const put = (label: string) =>
      ask(admin, { method: "PUT", path, body: { metadata: { labels: { label } } } });
    const answers = await Promise.all(["1", "2", "3", "4"].map(put));
    expect(answers.map(({ code }) => code)).toEqual([200, 200, 200, 200]);
  });

  test("deletes what a selector chooses of a collection, and nothing else", async () => {
    const labelled = (name: string, rack: string) => {
      const made = node(name);
      return { ...made, metadata: { ...made.metadata, labels: { rack } } };
    };
    for (const [name, rack] of [
      ["coll-1", "old"],
      ["coll-2", "old"],
      ["coll-3", "new"],
    ] as const)
      await ask(admin, { method: "POST", path: "/api/v1/nodes", body: labelled(name, rack) });
    const path = "/api/v1/nodes?labelSelector=rack%3Dold";
    const names = async (): Promise<string[]> =>
      ((await ask(admin, { path: "/api/v1/nodes" })).json as { items: Node[] }).items
        .map(({ metadata }) => metadata.name)
        .filter((name) => name.startsWith("coll-"));
    const tried = await ask(admin, { method: "DELETE", path: `${path}&dryRun=All` });
    expect([tried.code, await names()]).toEqual([200, ["coll-1", "coll-2", "coll-3"]]);
    const answer = await ask(admin, { method: "DELETE", path });
    expect(answer.json).toMatchObject({
      kind: "NodeList",
      apiVersion: "v1",
      items: [{ metadata: { name: "coll-1" } }, { metadata: { name: "coll-2" } }],
    });
    expect(await names()).toEqual(["coll-3"]);
  });

  test("is told the refusal of one of a collection", async () => {
    const web = {
      apiVersion: "v1",
      kind: "ConfigMap",
      metadata: { name: "coll", namespace: "shop" },
    };
    await api.put(web);
    const path = `${NS}/configmaps?fieldSelector=metadata.name%3Dcoll`;
    expect((await ask(admin, { method: "DELETE", path })).code).toBe(405);
    expect((await ask(admin, { path: `${NS}/configmaps/coll` })).code).toBe(200);
  });
});

describe("a deletion and its finalizers", () => {
  const APPS = "/apis/berth.dev/v1/releases";
  const putRelease = async (finalizers?: string[]): Promise<string> => {
    count += 1;
    const name = `r-${count}`;
    await api.put({
      apiVersion: "berth.dev/v1",
      kind: "Release",
      metadata: { name, ...(finalizers === undefined ? {} : { finalizers }) },
      spec: {
        app: "shop",
        sequence: 1,
        repo: "r",
        path: ".",
        commit: "c",
        tree: "t",
        author: "a",
        subject: "s",
        committedAt: "2026-01-01T00:00:00Z",
      },
      status: { phase: "Healthy", startedAt: "2026-01-01T00:00:00Z", inventory: [] },
    } as ApiObject);
    return name;
  };
  const stored = (name: string): ApiObject | undefined =>
    api.objects.get({ apiVersion: "berth.dev/v1", kind: "Release", name })?.object;
  const remove = (name: string, body?: unknown): Promise<RawAnswer> =>
    ask(admin, {
      method: "DELETE",
      path: `${APPS}/${name}`,
      ...(body === undefined ? {} : { body }),
    });
  const patch = (name: string, finalizers: string[]): Promise<RawAnswer> =>
    ask(admin, {
      method: "PATCH",
      path: `${APPS}/${name}`,
      headers: { "content-type": "application/merge-patch+json" },
      body: { metadata: { finalizers } },
    });

  test("waits for them, takes no new ones, and ends with the last", async () => {
    const name = await putRelease(["example.org/a", "example.org/b"]);
    const answer = await remove(name);
    expect(answer.code).toBe(200);
    expect((answer.json as ApiObject).metadata).toMatchObject({
      deletionTimestamp: formatTime(clock.now()),
      finalizers: ["example.org/a", "example.org/b"],
    });
    const added = await patch(name, ["example.org/a", "example.org/c"]);
    expect([added.code, message(added)]).toEqual([
      422,
      expect.stringContaining('found new finalizers []string{"example.org/c"}'),
    ]);
    expect((await patch(name, ["example.org/b"])).code).toBe(200);
    expect(stored(name)).toBeDefined();
    expect((await patch(name, [])).code).toBe(200);
    expect(stored(name)).toBeUndefined();
  });

  test.for([
    { body: { propagationPolicy: "Foreground" }, finalizers: ["foregroundDeletion"] },
    { body: { propagationPolicy: "Orphan" }, finalizers: ["orphan"] },
    { body: { orphanDependents: true }, finalizers: ["orphan"] },
    { body: { propagationPolicy: "Background" }, finalizers: undefined },
    { body: { orphanDependents: false }, finalizers: undefined },
  ])("$body leaves $finalizers", async ({ body, finalizers }) => {
    const name = await putRelease();
    expect((await remove(name, body)).code).toBe(200);
    expect(stored(name)?.metadata.finalizers).toEqual(finalizers);
  });

  test("refuses policies that there are not, and two at once", async () => {
    const name = await putRelease();
    const odd = await remove(name, { propagationPolicy: "Sideways" });
    expect([odd.code, message(odd)]).toEqual([422, expect.stringContaining('"Sideways"')]);
    const both = await remove(name, { propagationPolicy: "Orphan", orphanDependents: true });
    expect(both.code).toBe(422);
    expect(stored(name)).toBeDefined();
  });

  test("a pod that has ended waits for its finalizers", async () => {
    const pod = build.pod({ name: "tracked", node: "a" });
    await api.put({ ...pod, metadata: { ...pod.metadata, finalizers: ["example.org/count"] } });
    const path = `${NS}/pods/tracked`;
    expect(
      (await ask(nodeA, { method: "DELETE", path, body: { gracePeriodSeconds: 0 } })).code,
    ).toBe(200);
    const kept = await ask(admin, { path });
    expect((kept.json as Pod).metadata).toMatchObject({ deletionGracePeriodSeconds: 0 });
  });
});
