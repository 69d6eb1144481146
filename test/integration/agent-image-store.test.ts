import { expect, test } from "vitest";
import { imageArchive } from "../../src/agent/image-archive.ts";
import { openDockerRuntime } from "../../src/agent/docker-runtime.ts";
import type { ContainerSpec, ImageStore } from "../../src/agent/runtime.ts";
import { OwnEngine } from "../support/own-engine.ts";

const ARCHITECTURE = process.arch === "x64" ? "amd64" : process.arch;
const LIMIT_MS = 60_000;

/** An image of one small file, which no other is like. */
function archiveOf(reference: string, text: string): Uint8Array {
  const file = { kind: "file", path: "file", content: Buffer.from(text) } as const;
  return imageArchive({ reference, architecture: ARCHITECTURE, files: [file], command: ["/none"] });
}

function containerOf(image: string): ContainerSpec {
  return {
    name: "dead",
    image,
    labels: {},
    network: {
      kind: "none",
      dns: { servers: [], search: [], options: [] },
      hosts: [],
      sysctls: {},
    },
    env: [],
    mounts: [],
    groups: [],
    capabilitiesAdd: [],
    capabilitiesDrop: [],
    privileged: false,
    noNewPrivileges: true,
    readOnlyRoot: false,
    cpuShares: 2,
    cpuQuotaUs: 0,
    memoryBytes: 0,
    oomScoreAdj: 0,
    stdin: false,
    tty: false,
  };
}

/** One line for each image. */
async function namesIn(store: ImageStore, signal: AbortSignal): Promise<readonly string[]> {
  const images = await store.list(signal);
  return images.map(({ references }) => references.toSorted().join(" ")).toSorted();
}

test("images of a real Engine are listed by all their names, and go with the last unless a container has them", async () => {
  await using engine = await OwnEngine.start();
  const signal = AbortSignal.timeout(LIMIT_MS);
  const runtime = await openDockerRuntime({ socketPath: engine.socketPath }, signal);
  try {
    const store = runtime.imageStore;
    if (store === undefined) throw new Error("The runtime has no store of images");
    await runtime.loadImage(archiveOf("berth.test/used:1", "one"), signal);
    await runtime.loadImage(archiveOf("berth.test/used:2", "one"), signal);
    await runtime.loadImage(archiveOf("berth.test/free:1", "another"), signal);
    expect(await namesIn(store, signal)).toEqual([
      "berth.test/free:1",
      "berth.test/used:1 berth.test/used:2",
    ]);
    const listed = await store.list(signal);
    expect(listed.every(({ sizeBytes }) => sizeBytes > 0)).toBe(true);
    // A container that never ran counts, as one that has ended does.
    expect(await store.inUse(signal)).toEqual(new Set());
    const { id } = await runtime.create(containerOf("berth.test/used:1"), signal);
    const used = await runtime.image("berth.test/used:1", signal);
    expect(await store.inUse(signal)).toEqual(new Set([used?.id]));

    await store.untag("berth.test/free:1", signal);
    expect(await runtime.image("berth.test/free:1", signal)).toBeUndefined();
    await store.untag("berth.test/used:1", signal);
    expect(await namesIn(store, signal)).toEqual(["berth.test/used:2"]);
    // Its last name, with a container: it stays, and that is no error.
    await store.untag("berth.test/used:2", signal);
    expect((await store.list(signal)).map((image) => image.id)).toEqual([used?.id]);
    await runtime.remove(id, signal);
    await store.untag("berth.test/used:2", signal);
    expect(await store.list(signal)).toEqual([]);
    // What is gone already is no error either.
    await store.untag("berth.test/used:2", signal);
  } finally {
    runtime.close();
  }
});
