import fc from "fast-check";
import { expect, test } from "vitest";
import { isReady, podRef } from "./agent-harness.ts";
import { openFakeNode, type FakeNode } from "./fake-node.ts";
import { pod } from "./pod-builder.ts";

const NAMES = ["a", "b", "c"];
/** All of 10.1.2.0/24 but the network, the node and the broadcast address. */
const ADDRESSES = 253;

type Step = readonly ["create" | "delete" | "restart", string];

const steps = fc.array(
  fc.tuple(
    fc.constantFrom("create", "create", "delete", "restart"),
    fc.constantFrom(...NAMES),
  ) as fc.Arbitrary<Step>,
  { minLength: 3, maxLength: 6 },
);

test("law: whatever comes, no two pods share an address, and a pod keeps its own through restarts", async () => {
  await fc.assert(
    fc.asyncProperty(steps, async (todo) => {
      await using node = await openFakeNode();
      node.harness.start();
      const had = new Map<string, string>();
      for (const [index, step] of todo.entries()) {
        await take(node, step, index);
        const now = addresses(node);
        expect(new Set(now.values()).size).toBe(now.size);
        for (const [uid, address] of now) expect(had.get(uid) ?? address).toBe(address);
        for (const [uid, address] of now) had.set(uid, address);
      }
      // No address came back within its rest: there are many more than were used.
      expect(new Set(had.values()).size).toBe(had.size);
    }),
    { numRuns: 10 },
  );
});

test("without a free address the pod's event says so, with the network that is full", async () => {
  await using node = await openFakeNode();
  for (let index = 0; index < ADDRESSES; index += 1) node.network.reserve(`other-${index}`);
  node.network.reopen = () => node.network;
  node.harness.api.put(pod());
  node.harness.start();
  await node.reach("the event", () =>
    node.harness.events.some(({ reason }) => reason === "FailedCreatePodSandBox"),
  );
  const event = node.harness.events.find(({ reason }) => reason === "FailedCreatePodSandBox");
  expect(event?.message).toContain(
    "Cannot give a pod an address: all 253 of the node's network 10.1.2.0/24 are in use",
  );
});

async function take(node: FakeNode, [kind, name]: Step, index: number): Promise<void> {
  const { harness } = node;
  const known = harness.pod(name);
  if (kind === "create" && known === undefined) {
    harness.api.put(pod({ name, uid: `${name}-${index}` }));
    await node.reach(`${name} is Ready`, () => isReady(harness.pod(name) ?? pod()));
  } else if (kind === "delete" && known !== undefined) {
    harness.api.markDeleted(podRef(name));
    await node.reach(`${name} is gone`, () => harness.pod(name) === undefined);
  } else if (kind === "restart") {
    await harness.stop();
    harness.start();
  }
}

/** By uid, of the pods that are there. */
function addresses({ harness }: FakeNode): ReadonlyMap<string, string> {
  return new Map(
    harness.api.pods().map(({ metadata, status }) => [metadata.uid ?? "", status?.podIP ?? ""]),
  );
}
