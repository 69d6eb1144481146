import { describe, expect, test } from "vitest";
import { LABELS } from "../../src/model/instance.ts";
import {
  RuntimeError,
  type ContainerRuntime,
  type ContainerSpec,
  type ProcessStream,
  type RuntimeEvent,
} from "../../src/agent/runtime.ts";

export interface ContractSubject {
  readonly runtime: ContainerRuntime;
  /** An image whose default command ends at once, and which runs `sleep` until SIGKILL and `echo`. */
  readonly image: string;
  /** A label value of this test alone. */
  readonly clusterId: string;
  [Symbol.asyncDispose](): Promise<void>;
}

const LIMIT_MS = 60_000;

function spec(
  subject: ContractSubject,
  name: string,
  more: Partial<ContainerSpec> = {},
): ContainerSpec {
  return {
    name: `contract-${subject.clusterId}-${name}`,
    image: subject.image,
    labels: { [LABELS.cluster]: subject.clusterId, [LABELS.specHash]: "h1" },
    network: {
      kind: "none",
      dns: { servers: [], search: [], options: [] },
      hosts: [],
      sysctls: {},
    },
    command: ["sleep", "1000"],
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
    ...more,
  };
}

/** What every `ContainerRuntime` must do. Run against the fake in the unit suite, Docker in the integration suite. */
export function describeRuntime(name: string, open: () => Promise<ContractSubject>): void {
  const limit = (): AbortSignal => AbortSignal.timeout(LIMIT_MS);

  describe(`${name} keeps the ContainerRuntime contract`, () => {
    test("create() twice gives one container, not yet running", async () => {
      await using subject = await open();
      const { runtime, clusterId } = subject;
      const first = await runtime.create(spec(subject, "a"), limit());
      expect(await runtime.create(spec(subject, "a"), limit())).toEqual(first);
      const listed = await runtime.list({ [LABELS.cluster]: clusterId }, limit());
      expect(listed.map(({ id, state }) => ({ id, state }))).toEqual([
        { id: first.id, state: "created" },
      ]);
    });

    test("create() of a name that stands for something else replaces it", async () => {
      await using subject = await open();
      const { runtime, clusterId } = subject;
      const first = await runtime.create(spec(subject, "a"), limit());
      await runtime.start(first.id, limit());
      const labels = { [LABELS.cluster]: clusterId, [LABELS.specHash]: "h2" };
      const second = await runtime.create(spec(subject, "a", { labels }), limit());
      expect(second.id).not.toBe(first.id);
      const listed = await runtime.list({ [LABELS.cluster]: clusterId }, limit());
      expect(listed.map(({ id }) => id)).toEqual([second.id]);
    });

    test("create() of an absent image throws image-not-found", async () => {
      await using subject = await open();
      const wanted = spec(subject, "a", { image: "berth.local/absent:1" });
      await expect(subject.runtime.create(wanted, limit())).rejects.toMatchObject({
        code: "image-not-found",
      });
    });

    test("list() gives only containers that have all the labels", async () => {
      await using subject = await open();
      const { runtime, clusterId } = subject;
      const labels = { [LABELS.cluster]: clusterId, [LABELS.podUid]: "u1" };
      const { id } = await runtime.create(spec(subject, "a", { labels }), limit());
      await runtime.create(spec(subject, "b"), limit());
      expect((await runtime.list(labels, limit())).map((one) => one.id)).toEqual([id]);
      expect(await runtime.list({ [LABELS.cluster]: "nobody" }, limit())).toEqual([]);
    });

    test("a started container runs, has a pid, and may be started again", async () => {
      await using subject = await open();
      const { runtime } = subject;
      const { id } = await runtime.create(spec(subject, "a"), limit());
      await runtime.start(id, limit());
      await runtime.start(id, limit());
      const observed = await runtime.inspect(id, limit());
      expect(observed).toMatchObject({ id, state: "running", image: subject.image });
      expect(observed?.pid).toBeGreaterThan(0);
      expect(observed?.startedAt).toBeGreaterThan(0);
      expect(observed?.exitCode).toBeUndefined();
    });

    test("a command that cannot be run throws cannot-run, and the container says why", async () => {
      await using subject = await open();
      const { runtime } = subject;
      const { id } = await runtime.create(
        spec(subject, "a", { command: ["/no/such/thing"] }),
        limit(),
      );
      await expect(runtime.start(id, limit())).rejects.toMatchObject({ code: "cannot-run" });
      const observed = await runtime.inspect(id, limit());
      expect(observed).toMatchObject({ state: "created", exitCode: 127 });
      expect(observed?.error).toMatch(/no such file/i);
    });

    test("SIGKILL ends a container with 137, once and again", async () => {
      await using subject = await open();
      const { runtime } = subject;
      const { id } = await runtime.create(spec(subject, "a"), limit());
      await runtime.start(id, limit());
      const died = nextEvent(subject, id, "die");
      await runtime.kill(id, "SIGKILL", limit());
      await died;
      await runtime.kill(id, "SIGKILL", limit());
      const observed = await runtime.inspect(id, limit());
      expect(observed).toMatchObject({ state: "exited", exitCode: 137 });
      expect(observed?.finishedAt).toBeGreaterThanOrEqual(observed?.startedAt ?? Infinity);
    });

    test("kill() and remove() of a missing container are done already; inspect() finds nothing", async () => {
      await using subject = await open();
      const { runtime } = subject;
      await expect(runtime.kill("gone", "SIGTERM", limit())).resolves.toBeUndefined();
      await expect(runtime.remove("gone", limit())).resolves.toBeUndefined();
      await expect(runtime.inspect("gone", limit())).resolves.toBeUndefined();
    });

    test("a container cannot join one that does not run", async () => {
      await using subject = await open();
      const { runtime } = subject;
      const sandbox = await runtime.create(spec(subject, "sandbox"), limit());
      const network = { kind: "container", id: sandbox.id } as const;
      const member = await runtime.create(spec(subject, "member", { network }), limit());
      await expect(runtime.start(member.id, limit())).rejects.toMatchObject({ code: "conflict" });
      await runtime.start(sandbox.id, limit());
      await runtime.start(member.id, limit());
      expect(await runtime.inspect(member.id, limit())).toMatchObject({ state: "running" });
    });

    test("logs() gives what was written, tail() its end", async () => {
      await using subject = await open();
      const { runtime } = subject;
      const { id } = await runtime.create(
        spec(subject, "a", { command: ["echo", "one\ntwo"] }),
        limit(),
      );
      const died = nextEvent(subject, id, "die");
      await runtime.start(id, limit());
      await died;
      const options = { follow: false, timestamps: false };
      expect(await readLog(runtime, id, options)).toBe("one\ntwo\n");
      expect(await readLog(runtime, id, { ...options, tail: 1 })).toBe("two\n");
    });

    const stdio = { stdin: false, stdout: true, stderr: true, tty: false };
    const readAll = async ({ output }: ProcessStream): Promise<string> => {
      let text = "";
      for await (const { stderr, bytes } of output)
        text += `${stderr ? "!" : ""}${Buffer.from(bytes).toString("utf8")}`;
      return text;
    };

    test("openExec() gives output as it comes, and the exit code after it", async () => {
      await using subject = await open();
      const { runtime } = subject;
      const { id } = await runtime.create(spec(subject, "a"), limit());
      await runtime.start(id, limit());
      for (const [command, output, code] of [
        [["echo", "hi"], "hi\n", 0],
        [["false"], "", 1],
      ] as const) {
        const process = await runtime.openExec(id, { ...stdio, command }, limit());
        expect(await readAll(process)).toBe(output);
        expect(await process.exitCode(limit())).toBe(code);
        await process.hangUp();
      }
    });

    test("openExec() feeds the command until its input ends", async () => {
      await using subject = await open();
      const { runtime } = subject;
      const { id } = await runtime.create(spec(subject, "a"), limit());
      await runtime.start(id, limit());
      const process = await runtime.openExec(
        id,
        { ...stdio, stdin: true, command: ["cat"] },
        limit(),
      );
      const output = readAll(process);
      await process.write(Buffer.from("one "));
      await process.write(Buffer.from("two"));
      process.endInput();
      expect(await output).toBe("one two");
      expect(await process.exitCode(limit())).toBe(0);
      await process.hangUp();
    });

    test("hangUp() ends a command that goes on", async () => {
      await using subject = await open();
      const { runtime } = subject;
      const { id } = await runtime.create(spec(subject, "a"), limit());
      await runtime.start(id, limit());
      const command = ["sleep", "1000"];
      const process = await runtime.openExec(id, { ...stdio, command }, limit());
      await process.hangUp();
      await readAll(process).catch(() => undefined);
      expect((await runtime.inspect(id, limit()))?.state).toBe("running");
    });

    test("openExec() in what does not run throws", async () => {
      await using subject = await open();
      const { runtime } = subject;
      const { id } = await runtime.create(spec(subject, "a"), limit());
      await expect(
        runtime.openExec(id, { ...stdio, command: ["echo"] }, limit()),
      ).rejects.toBeInstanceOf(RuntimeError);
    });

    test("exec() gives exit code and output", async () => {
      await using subject = await open();
      const { runtime } = subject;
      const { id } = await runtime.create(spec(subject, "a"), limit());
      await runtime.start(id, limit());
      const options = { timeoutMs: 20_000, maxOutputBytes: 1000 };
      expect(await runtime.exec(id, { ...options, command: ["echo", "hi"] }, limit())).toEqual({
        exitCode: 0,
        output: "hi\n",
        timedOut: false,
      });
      expect(await runtime.exec(id, { ...options, command: ["false"] }, limit())).toMatchObject({
        exitCode: 1,
      });
    });

    test("volumes are made once, listed by label, and removed for good", async () => {
      await using subject = await open();
      const { runtime, clusterId } = subject;
      const labels = { [LABELS.cluster]: clusterId };
      const volume = { name: `contract-${clusterId}-v`, labels, mode: 0o777 };
      const made = await runtime.createVolume(volume, limit());
      expect(await runtime.createVolume(volume, limit())).toEqual(made);
      const tmpfs = {
        name: `contract-${clusterId}-t`,
        labels,
        tmpfs: { sizeBytes: 65_536, mode: "0755" },
      };
      await runtime.createVolume(tmpfs, limit());
      const listed = await runtime.listVolumes(labels, limit());
      expect(listed.map((one) => `${one.name} ${one.tmpfs}`).toSorted()).toEqual([
        `${tmpfs.name} true`,
        `${volume.name} false`,
      ]);
      for (const { name: one } of [...listed, ...listed]) await runtime.removeVolume(one, limit());
      expect(await runtime.listVolumes(labels, limit())).toEqual([]);
    });

    test("an aborted call ends with the signal's reason", async () => {
      await using subject = await open();
      const reason = new Error("no more");
      const events = subject.runtime.events({}, Date.now(), AbortSignal.abort(reason));
      const outcome = await events[Symbol.asyncIterator]()
        .next()
        .then(
          (next) => next.done,
          (error: unknown) => error,
        );
      expect([true, reason]).toContain(outcome);
    });
  });
}

function nextEvent(
  { runtime, clusterId }: ContractSubject,
  id: string,
  kind: RuntimeEvent["kind"],
): Promise<RuntimeEvent> {
  const stop = AbortSignal.timeout(LIMIT_MS);
  const events = runtime.events({ [LABELS.cluster]: clusterId }, Date.now() - 1_000, stop);
  const iterator = events[Symbol.asyncIterator]();
  return (async () => {
    for (;;) {
      const next = await iterator.next();
      if (next.done === true) throw new RuntimeError("failed", `no "${kind}" was told`);
      if (next.value.containerId !== id || next.value.kind !== kind) continue;
      await iterator.return?.();
      return next.value;
    }
  })();
}

async function readLog(
  runtime: ContainerRuntime,
  id: string,
  options: { readonly follow: boolean; readonly timestamps: boolean; readonly tail?: number },
): Promise<string> {
  let text = "";
  for await (const chunk of runtime.logs(id, options, AbortSignal.timeout(LIMIT_MS)))
    text += Buffer.from(chunk).toString("utf8");
  return text;
}
