import { request } from "node:https";
import type { IncomingMessage } from "node:http";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { BOOKMARK_MS } from "../../src/api/watch.ts";
import type { ApiCredentials } from "../../src/client/transport.ts";
import type { ApiObject } from "../../src/model/meta.ts";
import type { Pod } from "../../src/model/kinds.gen.ts";
import { rawRequest } from "../support/api-request.ts";
import { startTestApi } from "../support/api-server.ts";
import type { ApiUnderTest } from "../support/api-server.ts";
import * as build from "../support/builders.ts";
import { ManualClock } from "../support/manual-clock.ts";

const clock = new ManualClock(Date.UTC(2026, 0, 2, 3));
let api: ApiUnderTest;
let admin: ApiCredentials;
beforeAll(async () => {
  api = await startTestApi({ clock, maxEvents: 30 });
  admin = await api.credentials("admin", ["system:masters"]);
  // Version 0 stands for any version: no test may begin there.
  await api.put(build.namespace());
});
afterAll(() => api[Symbol.asyncDispose]());

interface Line {
  readonly type: string;
  readonly object: ApiObject & {
    readonly rows?: readonly { readonly cells: readonly unknown[] }[];
    readonly columnDefinitions?: readonly unknown[];
    readonly code?: number;
  };
}

/** A watch, read line by line. */
interface Watch extends AsyncDisposable {
  readonly answer: IncomingMessage;
  /** The next event; `undefined` at the end. */
  next(): Promise<Line | undefined>;
  /** The next `count` events as `TYPE name`. */
  names(count: number): Promise<readonly string[]>;
}

async function watch(path: string, headers: Readonly<Record<string, string>> = {}): Promise<Watch> {
  const { hostname, port } = new URL(admin.server);
  const { ca, cert, key } = admin;
  const outgoing = request({ host: hostname, port, path, headers, ca, cert, key, agent: false });
  outgoing.end();
  const answer = await new Promise<IncomingMessage>((resolve, reject) => {
    outgoing.on("response", resolve).on("error", reject);
  });
  const lines = readLines(answer);
  const next = async (): Promise<Line | undefined> => {
    const { value, done } = await lines.next();
    return done === true ? undefined : (JSON.parse(value) as Line);
  };
  return {
    answer,
    next,
    names: async (count) => {
      const found: string[] = [];
      while (found.length < count) {
        const line = await next();
        if (line === undefined) break;
        found.push(`${line.type} ${line.object.metadata.name}`);
      }
      return found;
    },
    [Symbol.asyncDispose]: async () => {
      answer.destroy();
      await lines.return(undefined).catch(() => undefined);
    },
  };
}

async function* readLines(answer: IncomingMessage): AsyncGenerator<string, undefined> {
  let rest = "";
  for await (const chunk of answer.setEncoding("utf8") as AsyncIterable<string>) {
    const parts = (rest + chunk).split("\n");
    rest = parts.pop() ?? "";
    yield* parts;
  }
  return undefined;
}

let spaces = 0;
/** A namespace of its own for one test. */
function scene() {
  spaces += 1;
  const namespace = `ns-${spaces}`;
  const path = `/api/v1/namespaces/${namespace}/pods`;
  const put = async (name: string, fields: Partial<build.PodFields> = {}): Promise<Pod> =>
    (await api.put(build.pod({ name, namespace, ...fields }))).object as Pod;
  const relabel = async (pod: Pod, labels: Record<string, string>): Promise<Pod> =>
    (await api.objects.update({ ...pod, metadata: { ...pod.metadata, labels } })).object as Pod;
  const remove = (name: string) =>
    api.objects.remove({ apiVersion: "v1", kind: "Pod", namespace, name });
  return { path, put, relabel, remove, version: () => String(api.objects.revision) };
}

describe("a watch", () => {
  test("sends its headers at once", async () => {
    const { path, version } = scene();
    await using open = await watch(`${path}?watch=1&resourceVersion=${version()}`);
    expect(open.answer.statusCode).toBe(200);
    expect(open.answer.headers["content-type"]).toBe("application/json");
  });

  test("replays history in order, deletions too, and goes on", async () => {
    const { path, put, relabel, remove, version } = scene();
    const from = version();
    await relabel(await put("a"), { app: "new" });
    await put("b");
    await remove("a");
    await using open = await watch(`${path}?watch=true&resourceVersion=${from}`);
    expect(await open.names(4)).toEqual(["ADDED a", "MODIFIED a", "ADDED b", "DELETED a"]);
    await put("c");
    expect(await open.names(1)).toEqual(["ADDED c"]);
  });

  test("without a version begins with what is there", async () => {
    const { path, put } = scene();
    await put("a");
    await put("b");
    await using open = await watch(`${path}?watch=true`);
    expect(await open.names(2)).toEqual(["ADDED a", "ADDED b"]);
    await put("c");
    expect(await open.names(1)).toEqual(["ADDED c"]);
  });

  test("tells a deletion with the version of the deletion", async () => {
    const { path, put, remove, version } = scene();
    await put("a");
    await using open = await watch(`${path}?watch=true&resourceVersion=${version()}`);
    await remove("a");
    const line = await open.next();
    expect([line?.type, line?.object.metadata.resourceVersion]).toEqual(["DELETED", version()]);
  });

  test("tells what enters a selection as added, and what leaves it as deleted", async () => {
    const { path, put, relabel, version } = scene();
    const selector = "labelSelector=app%3Dweb";
    await using open = await watch(`${path}?watch=true&resourceVersion=${version()}&${selector}`);
    let pod = await put("a", { labels: { app: "db" } });
    pod = await relabel(pod, { app: "web" });
    pod = await relabel(pod, { app: "web", more: "1" });
    pod = await relabel(pod, { app: "db" });
    await relabel(pod, { app: "cache" });
    await put("b");
    expect(await open.names(4)).toEqual(["ADDED a", "MODIFIED a", "DELETED a", "ADDED b"]);
  });

  test("of a selection tells the state in which an object left, at the version of its leaving", async () => {
    const { path, put, relabel, version } = scene();
    const pod = await put("a", { labels: { app: "web" } });
    const selector = "labelSelector=app%3Dweb";
    await using open = await watch(`${path}?watch=true&resourceVersion=${version()}&${selector}`);
    await relabel(pod, { app: "db" });
    expect((await open.next())?.object.metadata).toMatchObject({
      labels: { app: "web" },
      resourceVersion: version(),
    });
  });

  test("keeps to its namespace, or sees all", async () => {
    const one = scene();
    const other = scene();
    const from = one.version();
    await using all = await watch(`/api/v1/pods?watch=true&resourceVersion=${from}`);
    await using narrow = await watch(`${other.path}?watch=true&resourceVersion=${from}`);
    await one.put("a");
    await other.put("b");
    expect(await all.names(2)).toEqual(["ADDED a", "ADDED b"]);
    expect(await narrow.names(1)).toEqual(["ADDED b"]);
  });

  test("ends after its time", async () => {
    const { path, version } = scene();
    await using open = await watch(
      `${path}?watch=true&timeoutSeconds=7&resourceVersion=${version()}`,
    );
    await clock.advance(7000);
    expect(await open.next()).toBeUndefined();
  });
});

describe("versions", () => {
  test("that are forgotten give an Expired event", async () => {
    const { path, put, relabel } = scene();
    let pod = await put("a");
    for (let index = 0; index < 31; index += 1) pod = await relabel(pod, { index: `${index}` });
    await using open = await watch(`${path}?watch=true&resourceVersion=1`);
    const line = await open.next();
    expect([line?.type, line?.object.code]).toEqual(["ERROR", 410]);
    expect(await open.next()).toBeUndefined();
  });

  test.each([
    ["resourceVersion=999999999", 410],
    ["resourceVersion=x", 400],
    ["timeoutSeconds=x", 400],
    ["sendInitialEvents=true", 422],
    ["resourceVersionMatch=NotOlderThan&resourceVersion=1", 422],
  ])("?%s is a %d", async (query, code) => {
    expect((await rawRequest(admin, { path: `/api/v1/pods?watch=true&${query}` })).code).toBe(code);
  });
});

describe("bookmarks", () => {
  test("come again and again, for those who ask", async () => {
    const { path, put, version } = scene();
    await using open = await watch(
      `${path}?watch=true&allowWatchBookmarks=true&resourceVersion=${version()}`,
    );
    await put("a");
    expect(await open.names(1)).toEqual(["ADDED a"]);
    await clock.advance(BOOKMARK_MS);
    const mark = await open.next();
    expect(mark).toMatchObject({
      type: "BOOKMARK",
      object: { kind: "Pod", apiVersion: "v1", metadata: { resourceVersion: version() } },
    });
  });

  test("come at once to those who were away", async () => {
    const { path, put, version } = scene();
    const other = scene();
    const from = version();
    await put("a");
    await other.put("b");
    await using open = await watch(
      `${path}?watch=true&allowWatchBookmarks=1&resourceVersion=${from}`,
    );
    expect(await open.names(1)).toEqual(["ADDED a"]);
    const mark = await open.next();
    expect([mark?.type, mark?.object.metadata.resourceVersion]).toEqual(["BOOKMARK", version()]);
  });

  test("mark the end of initial events", async () => {
    const { path, put } = scene();
    await put("a");
    await using open = await watch(
      `${path}?watch=true&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true`,
    );
    expect(await open.names(1)).toEqual(["ADDED a"]);
    expect((await open.next())?.object.metadata).toMatchObject({
      annotations: { "k8s.io/initial-events-end": "true" },
    });
  });
});

test("a table is watched row by row, the headers come once", async () => {
  const { path, put, version } = scene();
  const headers = { Accept: "application/json;as=Table;v=v1;g=meta.k8s.io" };
  await using open = await watch(`${path}?watch=true&resourceVersion=${version()}`, headers);
  await put("a");
  await put("b");
  const [first, second] = [await open.next(), await open.next()];
  expect(first?.object.kind).toBe("Table");
  expect(first?.object.columnDefinitions).not.toHaveLength(0);
  expect(second?.object.columnDefinitions).toHaveLength(0);
  expect(second?.object.rows?.[0]?.cells.slice(0, 3)).toEqual(["b", "0/1", "Running"]);
});

test("a reader that takes nothing is dropped, and hurts nobody", async () => {
  const { path, put, version } = scene();
  const from = version();
  await using slow = await watch(`${path}?watch=true&resourceVersion=${from}`);
  await using quick = await watch(`${path}?watch=true&resourceVersion=${from}`);
  slow.answer.pause();
  const closed = new Promise((resolve) => slow.answer.once("close", resolve));
  const pad = "x".repeat(200_000);
  // Until the kernel's buffers and ours are full: then the reader's time runs.
  for (let index = 0; index < 100; index += 1) {
    const pod = await put(`p-${index}`, { annotations: { pad } });
    expect((await quick.next())?.object.metadata.name).toBe(pod.metadata.name);
    await clock.advance(1000);
  }
  await clock.advance(60_000);
  slow.answer.resume();
  await closed;
  expect(slow.answer.complete).toBe(false);
}, 20_000);

test("all watches end when the server closes", async () => {
  await using own = await startTestApi();
  const credentials = await own.credentials("admin", ["system:masters"]);
  const open = rawRequest(credentials, { path: "/api/v1/pods?watch=true" });
  await own.stop();
  await open.catch(() => undefined);
});
