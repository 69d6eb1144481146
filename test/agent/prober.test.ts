import { describe, expect, test } from "vitest";
import type { ProbeVerdict } from "../../src/agent/pod-view.ts";
import { runProbe, type ProbeTools } from "../../src/agent/probe.ts";
import { countResult, firstTally } from "../../src/agent/probe-tally.ts";
import { probeContainer } from "../../src/agent/prober.ts";
import { Semaphore } from "../../src/agent/semaphore.ts";
import type { Container, Probe } from "../../src/model/kinds.gen.ts";
import { FakeRuntime } from "../support/fake-runtime.ts";
import { ManualClock, settle } from "../support/manual-clock.ts";
import { container } from "./pod-builder.ts";

const EXEC: Probe = {
  exec: { command: ["check"] },
  periodSeconds: 10,
  timeoutSeconds: 1,
  successThreshold: 1,
  failureThreshold: 3,
};

describe("countResult()", () => {
  test.for([
    {
      name: "readiness needs its successes in a row",
      kind: "readiness",
      success: 2,
      results: "+-++",
      passes: [false, false, false, true],
    },
    {
      name: "readiness is lost after its failures in a row",
      kind: "readiness",
      success: 1,
      results: "+--+---",
      passes: [true, true, true, true, true, true, false],
    },
    {
      name: "liveness holds until then",
      kind: "liveness",
      success: 1,
      results: "--+---",
      passes: [true, true, true, true, true, false],
    },
    {
      name: "startup is not passed at first",
      kind: "startup",
      success: 1,
      results: "-+",
      passes: [false, true],
    },
  ] as const)("$name", ({ kind, success, results, passes }) => {
    let tally = firstTally(kind);
    const seen = results.split("").map((result) => {
      tally = countResult(tally, result === "+", { ...EXEC, successThreshold: success });
      return tally.passes;
    });
    expect(seen).toEqual(passes);
  });
});

/** A container whose command answers as the test says; reports and times are written down. */
class Bench {
  readonly clock = new ManualClock();
  readonly verdicts: string[] = [];
  readonly unhealthy: string[] = [];
  readonly askedAt: number[] = [];
  answers = (): boolean => true;
  busy = 0;
  readonly #stop = new AbortController();
  readonly #start = this.clock.now();

  run(spec: Partial<Container>, known?: Pick<ProbeVerdict, "started" | "ready">): Promise<void> {
    const runtime = new FakeRuntime(this.clock);
    runtime.exec = () => {
      this.askedAt.push(this.clock.now() - this.#start);
      return Promise.resolve({ exitCode: this.answers() ? 0 : 1, output: "no", timedOut: false });
    };
    const target = {
      container: container(spec),
      containerId: "c1",
      ip: "127.0.0.1",
      startedAt: this.#start,
      ...(known === undefined ? {} : { known }),
      report: (verdict: ProbeVerdict) => void this.verdicts.push(render(verdict)),
      unhealthy: (kind: string, message: string) => void this.unhealthy.push(`${kind}: ${message}`),
    };
    return probeContainer(target, this.tools(runtime), this.#stop.signal);
  }

  tools(runtime: FakeRuntime): ProbeTools {
    return {
      runtime,
      clock: this.clock,
      execs: new Semaphore(2),
      measureLoop: () => () => this.busy,
    };
  }
}

function render(verdict: ProbeVerdict): string {
  const failed = verdict.failed === undefined ? "" : ` failed ${verdict.failed.probe}`;
  return `${verdict.started ? "started" : "starting"} ${verdict.ready ? "ready" : "unready"}${failed}`;
}

describe("probeContainer()", () => {
  test("readiness comes with the first success and goes after three failures", async () => {
    const bench = new Bench();
    void bench.run({ readinessProbe: EXEC }).catch(() => undefined);
    await settle();
    expect(bench.verdicts).toEqual(["started unready", "started ready"]);
    bench.answers = () => false;
    await bench.clock.advance(20_000);
    expect(bench.verdicts).toHaveLength(2);
    await bench.clock.advance(10_000);
    expect(bench.verdicts.at(-1)).toBe("started unready");
    expect(bench.unhealthy).toEqual(["readiness: no", "readiness: no", "readiness: no"]);
  });

  test("the quick looks before the first success count for nothing", async () => {
    const bench = new Bench();
    // Nothing listens there.
    const { exec: _exec, ...timing } = EXEC;
    const readinessProbe = { ...timing, tcpSocket: { port: 1 } };
    void bench.run({ readinessProbe }).catch(() => undefined);
    for (let step = 0; step < 58; step += 1) {
      await bench.clock.advance(500);
      for (let turn = 0; turn < 10; turn += 1) await settle();
    }
    expect(bench.unhealthy.length).toBeGreaterThanOrEqual(1);
    expect(bench.unhealthy.length).toBeLessThanOrEqual(2);
    expect(bench.unhealthy[0]).toBe("readiness: dial tcp 127.0.0.1:1: connect: connection refused");
  });

  test("initialDelaySeconds are waited out, then the period is kept", async () => {
    const bench = new Bench();
    void bench.run({ livenessProbe: { ...EXEC, initialDelaySeconds: 5 } }).catch(() => undefined);
    await bench.clock.advance(30_000);
    expect(bench.askedAt).toEqual([5_000, 15_000, 25_000]);
  });

  test("liveness fails for good after its threshold, and asks no more", async () => {
    const bench = new Bench();
    bench.answers = () => false;
    const done = bench.run({ livenessProbe: { ...EXEC, failureThreshold: 2 } });
    await settle();
    await bench.clock.advance(60_000);
    await done;
    expect(bench.askedAt).toEqual([0, 10_000]);
    expect(bench.verdicts.at(-1)).toBe("started unready failed liveness");
  });

  test("nothing else is probed before startup has passed", async () => {
    const bench = new Bench();
    bench.answers = () => bench.askedAt.length > 2;
    void bench.run({ startupProbe: EXEC, readinessProbe: EXEC }).catch(() => undefined);
    await settle();
    await bench.clock.advance(10_000);
    expect(bench.verdicts).toEqual(["starting unready"]);
    await bench.clock.advance(10_000);
    expect(bench.verdicts).toEqual(["starting unready", "started unready", "started ready"]);
  });

  test("a container that does not start in time has failed", async () => {
    const bench = new Bench();
    bench.answers = () => false;
    const done = bench.run({ startupProbe: EXEC });
    await settle();
    await bench.clock.advance(30_000);
    await done;
    expect(bench.verdicts.at(-1)).toBe("starting unready failed startup");
  });

  test("a container that was ready before stays ready until it fails", async () => {
    const bench = new Bench();
    bench.answers = () => false;
    void bench.run({ readinessProbe: EXEC }, { started: true, ready: true }).catch(() => undefined);
    await bench.clock.advance(10_000);
    expect(bench.verdicts).toEqual(["started ready"]);
    await bench.clock.advance(10_000);
    expect(bench.verdicts.at(-1)).toBe("started unready");
  });
});

describe("runProbe()", () => {
  const target = { container: container(), containerId: "c1", ip: "127.0.0.1" };

  /** A command that never answers, until the time-out. */
  async function hang(busy: number): Promise<unknown> {
    const bench = new Bench();
    bench.busy = busy;
    const runtime = new FakeRuntime(bench.clock);
    runtime.exec = () => new Promise(() => undefined);
    const result = runProbe(EXEC, target, bench.tools(runtime), new AbortController().signal);
    await settle();
    await bench.clock.advance(2_000);
    return await result;
  }

  test("no answer in time is a failure", async () => {
    expect(await hang(0.1)).toEqual({ kind: "failure", message: "command timed out after 1s" });
  });

  test("no answer in time says nothing when we ourselves were late", async () => {
    expect(await hang(0.9)).toEqual({ kind: "void" });
  });
});
