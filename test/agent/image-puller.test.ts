import { describe, expect, test } from "vitest";
import { ImagePuller } from "../../src/agent/image-puller.ts";
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
