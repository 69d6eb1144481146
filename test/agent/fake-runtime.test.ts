import { systemClock } from "../../src/base/system-clock.ts";
import { FakeRuntime } from "../support/fake-runtime.ts";
import { describeRuntime } from "../support/runtime-contract.ts";

describeRuntime("FakeRuntime", () => {
  const runtime = new FakeRuntime(systemClock);
  runtime.images.set("app:1", { id: "sha256:app", user: "", sizeBytes: 1 });
  runtime.programs.set("/no/such/thing", { cannotRun: "no such file or directory" });
  runtime.programs.set("echo", { exits: 0, logs: "one\ntwo\n" });
  return Promise.resolve({
    runtime,
    image: "app:1",
    clusterId: "fake01",
    [Symbol.asyncDispose]: () => Promise.resolve(),
  });
});
