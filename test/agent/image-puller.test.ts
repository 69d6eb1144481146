import { describe, expect, test } from "vitest";
import { formatDuration, ImagePuller, PROGRESS_EVERY_MS } from "../../src/agent/image-puller.ts";
import { RuntimeError, type PullProgress } from "../../src/agent/runtime.ts";
import { ManualClock } from "../support/manual-clock.ts";
import { FakeRuntime } from "../support/fake-runtime.ts";
import { container } from "./pod-builder.ts";

const SIGNAL = new AbortController().signal;
const IMAGE = "a.example/app:1";
const auth = (username: string) => ({ username, password: "p", serverAddress: "a.example" });

function open() {
  const clock = new ManualClock();
  const runtime = new FakeRuntime(clock);
  runtime.registry.set(IMAGE, { id: "sha256:1", user: "", sizeBytes: 1 });
  runtime.owners.set(IMAGE, "me");
  const puller = new ImagePuller({ runtime, clock, signal: SIGNAL });
  const ensure = async (...users: readonly string[]): Promise<string> => {
    const readAuths = () => Promise.resolve(users.map(auth));
    const wanted = container({ image: IMAGE });
    return (await puller.ensure(wanted, SIGNAL, { tell: () => undefined, readAuths })).kind;
  };
  return { ensure, runtime };
}

describe("ImagePuller with credentials", () => {
  test("tries one after the other until one is let in", async () => {
    const { ensure, runtime } = open();
    expect(await ensure("you", "me", "they")).toBe("present");
    expect(runtime.calls.filter((call) => call.startsWith("pull"))).toHaveLength(2);
  });

  test("one pod's failure does not hold back another's credentials", async () => {
    const { ensure } = open();
    expect(await ensure()).toBe("failed");
    expect(await ensure("you")).toBe("failed");
    expect(await ensure("me")).toBe("present");
  });

  test("secrets are not asked for an image that is there", async () => {
    const { ensure, runtime } = open();
    await ensure("me");
    const puller = new ImagePuller({ runtime, clock: new ManualClock(), signal: SIGNAL });
    const readAuths = () => Promise.reject(new Error("asked"));
    const options = { tell: () => undefined, readAuths };
    const found = await puller.ensure(container({ image: IMAGE }), SIGNAL, options);
    expect(found.kind).toBe("present");
  });
});

/** A runtime whose pulls wait until they are told how they end. */
function openHeld(pullsAtATime?: number) {
  const clock = new ManualClock();
  const runtime = new FakeRuntime(clock);
  const pulls: {
    readonly reference: string;
    readonly progress: (progress: PullProgress) => void;
    readonly end: (error?: Error) => void;
  }[] = [];
  runtime.pull = (reference, _signal, _auth, progress = () => undefined) => {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const end = (error?: Error): void => {
      if (error !== undefined) return reject(error);
      runtime.images.set(reference, { id: `sha256:${reference}`, user: "", sizeBytes: 42 });
      resolve();
    };
    pulls.push({ reference, progress, end });
    return promise;
  };
  const recorded: string[] = [];
  const puller = new ImagePuller({
    runtime,
    clock,
    signal: SIGNAL,
    recorder: { pulled: (_, reference) => void recorded.push(reference) },
    ...(pullsAtATime === undefined ? {} : { pullsAtATime }),
  });
  const told: string[] = [];
  const ensure = (
    image: string,
    more: { readonly pinned?: string; readonly policy?: "Always" } = {},
  ) =>
    puller.ensure(
      container({ image, ...(more.policy === undefined ? {} : { imagePullPolicy: more.policy }) }),
      SIGNAL,
      {
        tell: (type, reason, message) => void told.push(`${type} ${reason} ${message}`),
        ...(more.pinned === undefined ? {} : { pinned: more.pinned }),
      },
    );
  const settle = async (): Promise<void> => {
    for (let turn = 0; turn < 20; turn += 1) await Promise.resolve();
  };
  return { clock, runtime, pulls, recorded, told, ensure, settle };
}

describe("ImagePuller", () => {
  test("pulls an image once, whoever asks for it", async () => {
    const { ensure, pulls, settle } = openHeld();
    const asked = [ensure(IMAGE), ensure(IMAGE), ensure(IMAGE)];
    await settle();
    expect(pulls).toHaveLength(1);
    pulls[0]?.end();
    expect((await Promise.all(asked)).map(({ kind }) => kind)).toEqual([
      "present",
      "present",
      "present",
    ]);
  });

  test("pulls three images at a time", async () => {
    const { ensure, pulls, settle } = openHeld();
    const asked = ["a:1", "b:1", "c:1", "d:1"].map((image) => ensure(image));
    await settle();
    expect(pulls.map(({ reference }) => reference)).toEqual(["a:1", "b:1", "c:1"]);
    pulls[1]?.end();
    await settle();
    expect(pulls.map(({ reference }) => reference)).toEqual(["a:1", "b:1", "c:1", "d:1"]);
    for (const { end } of pulls) end();
    await Promise.all(asked);
  });

  test("says how long a pull took, and with the wait for a turn", async () => {
    const { ensure, pulls, settle, clock, told } = openHeld(1);
    const asked = [ensure("a:1"), ensure("b:1")];
    await settle();
    await clock.advance(1200);
    pulls[0]?.end();
    await settle();
    await clock.advance(234);
    pulls[1]?.end();
    await Promise.all(asked);
    expect(told.filter((line) => line.includes("Successfully"))).toEqual([
      'Normal Pulled Successfully pulled image "a:1" in 1.2s (1.2s including waiting). Image size: 42 bytes.',
      'Normal Pulled Successfully pulled image "b:1" in 234ms (1.434s including waiting). Image size: 42 bytes.',
    ]);
  });

  test("says how far a pull is, at most every ten seconds", async () => {
    const { ensure, pulls, settle, clock, told } = openHeld();
    const asked = ensure(IMAGE);
    await settle();
    for (const doneBytes of [1, 2, 3, 4]) {
      await clock.advance(PROGRESS_EVERY_MS / 2);
      pulls[0]?.progress({ doneBytes: doneBytes * 2 ** 20, totalBytes: 8 * 2 ** 20 });
    }
    pulls[0]?.end();
    await asked;
    expect(told.filter((line) => line.includes("%"))).toEqual([
      `Normal Pulling Pulling image "${IMAGE}": 25 %, 2.0 of 8.0 MiB`,
      `Normal Pulling Pulling image "${IMAGE}": 50 %, 4.0 of 8.0 MiB`,
    ]);
  });

  test("tells a registry that is not there from an image that is not there", async () => {
    const { ensure, pulls, settle, told } = openHeld();
    const away = ensure("a:1");
    await settle();
    pulls[0]?.end(new RuntimeError("registry-unavailable", "Cannot pull: connection refused"));
    expect(await away).toMatchObject({
      reason: "RegistryUnavailable",
      message:
        "image pull failed for a:1 because the registry is unavailable: Cannot pull: connection refused",
    });
    expect(told).toContain("Warning Failed Error: RegistryUnavailable");
    const missing = ensure("b:1");
    await settle();
    pulls[1]?.end(new RuntimeError("image-not-found", "Cannot pull: manifest unknown"));
    expect(await missing).toMatchObject({ reason: "ErrImagePull" });
  });

  test.each([
    [1, 10_000],
    [2, 20_000],
    [6, 300_000],
    [9, 300_000],
  ])("waits after failure %i for %i ms", async (failures, waitMs) => {
    const { ensure, pulls, settle, clock } = openHeld();
    for (let count = 1; ; count += 1) {
      const asked = ensure(IMAGE);
      await settle();
      pulls.at(-1)?.end(new RuntimeError("registry", "no"));
      const result = await asked;
      if (result.kind !== "failed") throw new Error("it must fail");
      if (count === failures) {
        expect(result.retryAt - result.at).toBe(waitMs);
        await clock.advance(waitMs - 1);
        expect(await ensure(IMAGE)).toMatchObject({ retryAt: result.retryAt });
        expect(pulls).toHaveLength(count);
        return;
      }
      await clock.advance(result.retryAt - result.at);
    }
  });

  test("a pinned image is looked for, pulled and recorded by its digest, even with policy Always", async () => {
    const { ensure, pulls, settle, recorded, runtime } = openHeld();
    const pinned = "a.example/app@sha256:1";
    runtime.images.set(IMAGE, { id: "sha256:moved", user: "", sizeBytes: 1 });
    const asked = ensure(IMAGE, { pinned });
    await settle();
    expect(pulls.map(({ reference }) => reference)).toEqual([pinned]);
    pulls[0]?.end();
    expect(await asked).toMatchObject({ kind: "present", details: { id: `sha256:${pinned}` } });
    expect(recorded).toEqual([pinned]);
    const again = ensure(IMAGE, { pinned, policy: "Always" });
    await settle();
    expect(pulls.at(-1)?.reference).toBe(pinned);
    pulls.at(-1)?.end();
    await again;
  });
});

test.each([
  [0, "0s"],
  [234.9, "234ms"],
  [1200, "1.2s"],
  [62_345, "1m2.345s"],
  [3_600_000, "1h0m0s"],
])("formatDuration(%d) is %s", (ms, text) => {
  expect(formatDuration(ms)).toBe(text);
});
