import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { ApiCredentials } from "../../src/client/transport.ts";
import { SOURCE_ANNOTATION, UNMANAGED_ANNOTATION } from "../../src/model/app.ts";
import type { Deployment, Pod } from "../../src/model/kinds.gen.ts";
import { rawRequest } from "../support/api-request.ts";
import type { RawAnswer } from "../support/api-request.ts";
import { startTestApi } from "../support/api-server.ts";
import type { ApiUnderTest } from "../support/api-server.ts";
import * as build from "../support/builders.ts";

let api: ApiUnderTest;
let admin: ApiCredentials;
beforeAll(async () => {
  api = await startTestApi();
  admin = await api.credentials("admin", ["system:masters"]);
  const play = build.namespace("play");
  const annotations = { [UNMANAGED_ANNOTATION]: "true" };
  await api.put({ ...play, metadata: { ...play.metadata, annotations } });
  await api.put(build.namespace("work"));
  const closed = build.namespace("closed");
  const off = { [UNMANAGED_ANNOTATION]: "false" };
  await api.put({ ...closed, metadata: { ...closed.metadata, annotations: off } });
});
afterAll(() => api[Symbol.asyncDispose]());

const message = (answer: RawAnswer): string => (answer.json as { message: string }).message;
const told = (answer: RawAnswer): readonly [number, string] => [answer.code, message(answer)];
const pathIn = (namespace: string, plural = "deployments", name = ""): string => {
  const root = plural === "deployments" ? "/apis/apps/v1" : "/api/v1";
  return `${root}/namespaces/${namespace}/${plural}${name === "" ? "" : `/${name}`}`;
};
const post = (body: unknown, query = "", path = pathIn("play")): Promise<RawAnswer> =>
  rawRequest(admin, { method: "POST", path: `${path}${query}`, body });
const patch = (path: string, body: unknown, type = "merge-patch"): Promise<RawAnswer> =>
  rawRequest(admin, {
    method: "PATCH",
    path,
    body,
    headers: { "Content-Type": `application/${type}+json` },
  });

const deployment = (name: string, spec: object = {}, metadata: object = {}): unknown => ({
  apiVersion: "apps/v1",
  kind: "Deployment",
  metadata: { name, creationTimestamp: null, ...metadata },
  spec: {
    selector: { matchLabels: { app: name } },
    template: {
      metadata: { labels: { app: name } },
      spec: { containers: [{ name: "app", image: "app:v1", resources: {} }] },
    },
    strategy: {},
    ...spec,
  },
  status: {},
});
const pod = (name: string): unknown => ({
  apiVersion: "v1",
  kind: "Pod",
  metadata: { name },
  spec: { containers: [{ name: "app", image: "app:v1" }] },
  status: {},
});

describe("in an unmanaged namespace", () => {
  test("what people create gets every default, and no status of theirs", async () => {
    const made = await post(deployment("web", { replicas: 2 }));
    expect(made.code).toBe(201);
    const { spec, metadata, ...rest } = made.json as Deployment;
    expect(spec).toMatchObject({
      replicas: 2,
      revisionHistoryLimit: 10,
      strategy: { type: "RollingUpdate" },
      template: { spec: { restartPolicy: "Always", terminationGracePeriodSeconds: 30 } },
    });
    expect(metadata).toMatchObject({ name: "web", namespace: "play", generation: 1 });
    expect(rest).not.toHaveProperty("status");
    const shell = await post(pod("shell"), "", pathIn("play", "pods"));
    expect((shell.json as Pod).status).toEqual({ phase: "Pending" });
  });

  test("they patch in every way, and what they do not name stays", async () => {
    await post(deployment("patched"));
    const path = pathIn("play", "deployments", "patched");
    const container = { name: "app", image: "app:v2" };
    const spec = { template: { spec: { containers: [container] } } };
    const changed = await patch(path, { spec }, "strategic-merge-patch");
    expect((changed.json as Deployment).spec.template.spec.containers[0]).toMatchObject({
      ...container,
      imagePullPolicy: "IfNotPresent",
    });
    await patch(path, { metadata: { labels: { a: "b" } } });
    const operation = { op: "replace", path: "/spec/replicas", value: 4 };
    const scaled = (await patch(path, [operation], "json-patch")).json as Deployment;
    expect([scaled.spec.replicas, scaled.metadata.labels]).toEqual([4, { a: "b" }]);
    const same = (await patch(path, {})).json as Deployment;
    expect(same.metadata).toEqual(scaled.metadata);
    const stale = { metadata: { resourceVersion: "1" }, spec: { replicas: 9 } };
    expect((await patch(path, stale)).code).toBe(409);
    const test = { op: "test", path: "/spec/replicas", value: 5 };
    expect(told(await patch(path, [test, operation], "json-patch"))).toEqual([
      422,
      expect.stringContaining("testing value /spec/replicas failed"),
    ]);
  });

  test.each<[string, unknown, number, string]>([
    [
      "a value out of range",
      deployment("bad", { replicas: -1 }),
      422,
      "spec.replicas: Invalid value: ",
    ],
    [
      "nothing where something must be",
      deployment("bad", { template: {} }),
      422,
      "spec.template.spec: Required value: ",
    ],
    [
      "a selector that matches no pod",
      deployment("bad", { selector: { matchLabels: { app: "x" } } }),
      422,
      'Deployment.apps "bad" is invalid: ',
    ],
    [
      "a mark of Git",
      deployment("bad", {}, { annotations: { [SOURCE_ANNOTATION]: "a:1" } }),
      422,
      'metadata.annotations["berth.dev/source"]: Forbidden: ',
    ],
    [
      "another kind",
      { ...(deployment("bad") as object), kind: "Pod" },
      400,
      "does not match the expected kind",
    ],
  ])("refuses %s", async (_, body, code, why) => {
    expect(told(await post(body))).toEqual([code, expect.stringContaining(why)]);
    expect(
      api.objects.get({
        apiVersion: "apps/v1",
        kind: "Deployment",
        namespace: "play",
        name: "bad",
      }),
    ).toBeUndefined();
  });

  test("fields that a kind does not have: an error, a warning, or nothing", async () => {
    const wrong = (name: string): unknown => deployment(name, { replicaz: 3 });
    expect(told(await post(wrong("strict"), "?fieldValidation=Strict"))).toEqual([
      400,
      'Deployment in version "v1" cannot be handled as a Deployment: strict decoding error: unknown field "spec.replicaz" (did you mean "replicas"?)',
    ]);
    const warned = await post(wrong("warned"));
    expect([warned.code, warned.headers["warning"]]).toEqual([
      201,
      String.raw`299 - "unknown field \"spec.replicaz\""`,
    ]);
    expect((warned.json as Deployment).spec).not.toHaveProperty("replicaz");
    const ignored = await post(wrong("ignored"), "?fieldValidation=Ignore");
    expect([ignored.code, ignored.headers["warning"]]).toEqual([201, undefined]);
    expect((await post(wrong("odd"), "?fieldValidation=Maybe")).code).toBe(422);
  });

  test("what Berth itself wrote does not stand in the way of a change", async () => {
    const stored = build.pod({ name: "odd", spec: { serviceAccount: "default" } as object });
    await api.put({ ...stored, metadata: { ...stored.metadata, namespace: "play" } });
    const path = pathIn("play", "pods", "odd");
    expect((await patch(path, { metadata: { labels: { a: "b" } } })).code).toBe(200);
    const worse = await patch(path, { spec: { restartPolicy: "Sometimes" } });
    expect(told(worse)).toEqual([422, expect.stringContaining("spec.restartPolicy: ")]);
  });

  test("they scale, by the subresource", async () => {
    await post(deployment("scaled"));
    const path = `${pathIn("play", "deployments", "scaled")}/scale`;
    const scaled = await patch(path, { spec: { replicas: 3 } });
    expect(scaled.json).toMatchObject({ kind: "Scale", spec: { replicas: 3 } });
    const read = (await rawRequest(admin, { path })).json as { metadata: object };
    expect(read).toMatchObject({ kind: "Scale", spec: { replicas: 3 } });
    const put = { ...read, spec: { replicas: 0 } };
    const written = await rawRequest(admin, { method: "PUT", path, body: put });
    expect(written.json).toMatchObject({ spec: { replicas: 0 } });
    expect((await rawRequest(admin, { method: "PUT", path, body: put })).code).toBe(409);
    expect((await patch(path, { spec: { replicas: -1 } })).code).toBe(422);
  });

  test("they try without doing, delete, and leave the status to Berth", async () => {
    expect((await post(deployment("tried"), "?dryRun=All")).json).toMatchObject({
      spec: { replicas: 1 },
    });
    const path = pathIn("play", "deployments", "tried");
    expect((await rawRequest(admin, { path })).code).toBe(404);
    await post(deployment("tried"));
    expect(told(await patch(`${path}/status`, { status: { replicas: 7 } }))).toEqual([
      405,
      "the status of a Deployment is written by Berth alone",
    ]);
    expect((await rawRequest(admin, { method: "DELETE", path })).code).toBe(200);
    expect((await rawRequest(admin, { path })).code).toBe(404);
  });
});

test("everywhere else writes are commits", async () => {
  for (const namespace of ["work", "closed", "none"]) {
    expect(told(await post(deployment("web"), "", pathIn(namespace)))).toEqual([
      405,
      "writes are commits: add a manifest of the Deployment to the repository and commit it",
    ]);
  }
  await api.put({ ...build.deployment(), metadata: { name: "web", namespace: "work" } });
  const path = pathIn("work", "deployments", "web");
  const refused = [
    await patch(path, { spec: { replicas: 2 } }),
    await patch(`${path}/scale`, { spec: { replicas: 2 } }),
    await rawRequest(admin, { method: "DELETE", path }),
  ];
  expect(refused.map(({ code }) => code)).toEqual([405, 405, 405]);
  const namespace = "/api/v1/namespaces/work";
  const opened = { metadata: { annotations: { [UNMANAGED_ANNOTATION]: "true" } } };
  expect((await patch(namespace, opened)).code).toBe(405);
});
