import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { createRequest, writePrivateFile } from "../../src/api/pki.ts";
import { nodeUri } from "../../src/api/join/node-uri.ts";
import { silentLogger } from "../../src/base/logger.ts";
import { JOIN_FILES, readJoinDir } from "../../src/cli/join-dir.ts";
import { renewalTime, renewCertificate } from "../../src/cli/renew-certificate.ts";
import type { ApiCredentials } from "../../src/client/transport.ts";
import { startTestApi, type ApiUnderTest } from "../support/api-server.ts";
import * as build from "../support/builders.ts";
import { eventually } from "../support/eventually.ts";
import { ManualClock } from "../support/manual-clock.ts";

const DAY = 86_400_000;

let api: ApiUnderTest;
let dir: string;
let credentials: ApiCredentials;
beforeEach(async () => {
  api = await startTestApi();
  dir = await mkdtemp(join(tmpdir(), "berth-renew-"));
  const { object } = await api.put(build.node({ name: "n1" }));
  const { csr, key } = await createRequest("n1");
  const cert = await api.authority.signClient({
    csr,
    commonName: "system:node:n1",
    organizations: ["system:nodes"],
    uri: nodeUri(object.metadata.uid ?? ""),
    now: Date.now(),
  });
  credentials = { server: api.url, ca: api.authority.cert, cert, key };
  const config = { clusterId: "abc123", nodeName: "n1", server: api.url };
  await writePrivateFile(join(dir, JOIN_FILES.config), JSON.stringify(config));
  await writePrivateFile(join(dir, JOIN_FILES.ca), api.authority.cert);
  await writePrivateFile(join(dir, JOIN_FILES.cert), cert);
  await writePrivateFile(join(dir, JOIN_FILES.key), key);
});
afterEach(async () => {
  await api[Symbol.asyncDispose]();
  await rm(dir, { recursive: true, force: true });
});

test("a certificate is renewed within 50 and 80 % of its life", () => {
  const half = renewalTime(credentials.cert, 0) - Date.now();
  expect(half / DAY).toBeCloseTo(3.5, 1);
  expect((renewalTime(credentials.cert, 1) - Date.now()) / DAY).toBeCloseTo(5.6, 1);
});

test("while the node runs: not before its time, kept on disk, and used from then on", async () => {
  const clock = new ManualClock(Date.now());
  const stop = new AbortController();
  const used: ApiCredentials[] = [];
  const running = renewCertificate({
    dir,
    credentials: () => used.at(-1) ?? credentials,
    use: (fresh) => used.push(fresh),
    clock,
    logger: silentLogger,
    signal: stop.signal,
    random: () => 0,
  });
  await clock.advance(3 * DAY);
  expect(used).toEqual([]);
  await eventually("it is renewed", async () => {
    await clock.advance(DAY / 4);
    return used.length > 0;
  });
  stop.abort();
  await running;
  const kept = await readJoinDir(dir);
  expect(kept.credentials).toEqual(used.at(-1));
  expect(kept.credentials.cert).not.toBe(credentials.cert);
  expect(kept.credentials.key).not.toBe(credentials.key);
});

test("a renewal that was cut off between its files is gone on with", async () => {
  const { csr, key } = await createRequest("n1");
  const cert = await api.authority.signClient({
    csr,
    commonName: "system:node:n1",
    organizations: ["system:nodes"],
    uri: nodeUri("x"),
    now: Date.now(),
  });
  await writePrivateFile(join(dir, JOIN_FILES.nextKey), key);
  expect((await readJoinDir(dir)).credentials).toEqual(credentials);
  await writePrivateFile(join(dir, JOIN_FILES.cert), cert);
  expect((await readJoinDir(dir)).credentials).toMatchObject({ cert, key });
});

test.each(["cert", "key", "config"] as const)("a broken %s is told with its cure", async (part) => {
  const path = join(dir, JOIN_FILES[part]);
  await writeFile(path, "x");
  await expect(readJoinDir(dir)).rejects.toThrow(/cannot be read|does not describe a node/);
  expect(await readFile(path, "utf8")).toBe("x");
});
