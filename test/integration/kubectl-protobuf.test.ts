import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { ApiObject } from "../../src/model/meta.ts";
import { startTestApi } from "../support/api-server.ts";
import type { ApiUnderTest } from "../support/api-server.ts";
import * as build from "../support/builders.ts";
import { findKubectls, openKubectl } from "../support/kubectl.ts";
import type { Kubectl } from "../support/kubectl.ts";

/*
 * From 1.32 on, kubectl's typed commands send protobuf and nothing else. What the same kubectl prints with
 * `--dry-run=client -o json` says what it meant.
 */

const binaries = await findKubectls();

let api: ApiUnderTest;
beforeAll(async () => {
  api = await startTestApi();
  const play = build.namespace("play");
  const annotations = { "berth.dev/unmanaged": "true" };
  await api.put({ ...play, metadata: { ...play.metadata, annotations } });
});
afterAll(() => api[Symbol.asyncDispose]());

const COMMANDS: readonly (readonly string[])[] = [
  ["deployment", "web", "--image=a:1", "--image=b:2", "--replicas=3"],
  ["deployment", "asleep", "--image=a:1", "--replicas=0", "--port=8080", "--", "run", "-x", ""],
  ["configmap", "texts", "--from-literal=a=1", "--from-literal=umlaut=ä€😀", "--from-literal=no="],
  ["secret", "generic", "keys", "--from-literal=password=s3cret", "--type=example.com/kind"],
  ["secret", "docker-registry", "pull", "--docker-username=u", "--docker-password=p"],
  ["job", "once", "--image=a:1", "--", "echo", "hello"],
  ["cronjob", "nightly", "--image=a:1", "--schedule=0 3 * * *", "--restart=Never"],
  ["service", "clusterip", "front", "--tcp=80:8080", "--tcp=443:web"],
  ["service", "nodeport", "outside", "--tcp=80:8080", "--node-port=30123"],
  ["serviceaccount", "robot"],
  ["quota", "small", "--hard=cpu=1,memory=1Gi,pods=2"],
  ["poddisruptionbudget", "careful", "--selector=app=web", "--min-available=50%"],
];

describe.each(binaries)("kubectl $minor", (binary) => {
  let kubectl: Kubectl;
  beforeAll(async () => {
    kubectl = await openKubectl(binary, await api.kubeconfig());
  });
  afterAll(() => kubectl[Symbol.asyncDispose]());

  test.each(COMMANDS)("create %s %s", async (...command) => {
    const at = command.indexOf("--");
    const split = at === -1 ? command.length : at;
    const create = (...flags: readonly string[]): Promise<string> =>
      kubectl.text(
        "create",
        ...command.slice(0, split),
        "-n",
        "play",
        "-o",
        "json",
        ...flags,
        ...command.slice(split),
      );
    const meant = withoutNothing(JSON.parse(await create("--dry-run=client"))) as ApiObject;
    const made = JSON.parse(await create()) as ApiObject;
    expect(made).toMatchObject(meant);
    await kubectl.text("delete", made.kind, made.metadata.name, "-n", "play", "--wait=false");
  });
});

/** Without nulls and empty objects, which Go writes for what is not there. */
function withoutNothing(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutNothing);
  if (typeof value !== "object" || value === null) return value;
  const entries = Object.entries(value)
    .map(([key, item]) => [key, withoutNothing(item)] as const)
    .filter(([, item]) => item !== null && !isEmptyObject(item));
  return Object.fromEntries(entries);
}

function isEmptyObject(value: unknown): boolean {
  return typeof value === "object" && value !== null && Object.keys(value).length === 0;
}
