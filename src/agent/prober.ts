import type { Millis } from "../base/clock.ts";
import type { Probe } from "../model/kinds.gen.ts";
import { runProbe, type ProbeTarget, type ProbeTools } from "./probe.ts";
import { countResult, firstTally, type ProbeKind, type ProbeTally } from "./probe-tally.ts";
import type { ProbeVerdict } from "./pod-view.ts";

export interface ProbedContainer extends ProbeTarget {
  readonly startedAt: Millis;
  /** What was known before: a container that was ready stays so until it fails. */
  readonly known?: Pick<ProbeVerdict, "started" | "ready">;
  readonly report: (verdict: ProbeVerdict) => void;
  /** Told of each failure that counts. */
  readonly unhealthy: (kind: ProbeKind, message: string) => void;
}

/**
 * Until its first success, a container that shall become started or ready is asked again after so long, doubled each
 * time up to the period: it does not wait out a whole period when it came up just after the first look. These looks
 * never count as failures.
 */
const EAGER_MS: Millis = 20;

/** Probes a running container until `signal` aborts or it has failed for good. */
export async function probeContainer(
  target: ProbedContainer,
  tools: ProbeTools,
  signal: AbortSignal,
): Promise<void> {
  const { startupProbe, livenessProbe, readinessProbe } = target.container;
  let verdict: ProbeVerdict = {
    started: startupProbe === undefined || target.known?.started === true,
    ready: false,
  };
  verdict = {
    ...verdict,
    ready: verdict.started && (readinessProbe === undefined || target.known?.ready === true),
  };
  const publish = (change: Partial<ProbeVerdict>): void => {
    verdict = { ...verdict, ...change };
    target.report(verdict);
  };
  publish({});
  const fail = (probe: "liveness" | "startup", spec: Probe): void => {
    const graceSeconds = spec.terminationGracePeriodSeconds;
    const grace = graceSeconds === undefined ? {} : { graceMs: graceSeconds * 1000 };
    publish({ ready: false, failed: { probe, ...grace } });
  };
  if (startupProbe !== undefined && !verdict.started) {
    const loop = { kind: "startup", probe: startupProbe } as const;
    const started = await runLoop(target, tools, loop, signal, (tally) => {
      if (tally.passes) return { value: true };
      return tally.failures >= startupProbe.failureThreshold ? { value: false } : undefined;
    });
    if (!started) {
      fail("startup", startupProbe);
      return;
    }
    publish({ started: true, ready: readinessProbe === undefined });
  }
  const live = async (): Promise<void> => {
    if (livenessProbe === undefined) return;
    const loop = { kind: "liveness", probe: livenessProbe } as const;
    await runLoop(target, tools, loop, signal, (tally) =>
      tally.passes ? undefined : { value: false },
    );
    fail("liveness", livenessProbe);
  };
  const ready = async (): Promise<void> => {
    if (readinessProbe === undefined) return;
    const loop = { kind: "readiness", probe: readinessProbe, passes: verdict.ready } as const;
    await runLoop(target, tools, loop, signal, (tally) => {
      const isReady = tally.passes && verdict.failed === undefined;
      if (isReady !== verdict.ready) publish({ ready: isReady });
      return undefined;
    });
  };
  await Promise.all([live(), ready()]);
}

interface Loop {
  readonly kind: ProbeKind;
  readonly probe: Probe;
  readonly passes?: boolean;
}

/** Probes in its period until `decide` gives a value. */
async function runLoop<T>(
  target: ProbedContainer,
  tools: ProbeTools,
  { kind, probe, passes }: Loop,
  signal: AbortSignal,
  decide: (tally: ProbeTally) => { readonly value: T } | undefined,
): Promise<T> {
  const { clock } = tools;
  const periodMs = probe.periodSeconds * 1000;
  const firstAt = target.startedAt + (probe.initialDelaySeconds ?? 0) * 1000;
  if (firstAt > clock.now()) await clock.sleep(firstAt - clock.now(), signal);
  let tally: ProbeTally = { ...firstTally(kind), ...(passes === undefined ? {} : { passes }) };
  let eagerMs = isEager(kind, probe) && !tally.passes ? EAGER_MS : undefined;
  let dueAt = clock.monotonic() + (eagerMs === undefined ? 0 : periodMs);
  for (;;) {
    const isDue = clock.monotonic() >= dueAt;
    if (isDue) dueAt = clock.monotonic() + periodMs;
    const result = await runProbe(probe, target, tools, signal);
    const succeeded = result.kind === "success";
    if (succeeded || (isDue && result.kind === "failure")) {
      tally = countResult(tally, succeeded, probe);
      if (result.kind === "failure") target.unhealthy(kind, result.message);
      const decision = decide(tally);
      if (decision !== undefined) return decision.value;
    }
    if (succeeded) eagerMs = undefined;
    const untilDue = Math.max(0, dueAt - clock.monotonic());
    await clock.sleep(eagerMs === undefined ? untilDue : Math.min(eagerMs, untilDue), signal);
    if (eagerMs !== undefined) eagerMs *= 2;
  }
}

/** Commands are too dear for extra looks, and a row of successes keeps its period. */
function isEager(kind: ProbeKind, probe: Probe): boolean {
  return kind !== "liveness" && probe.exec === undefined && probe.successThreshold <= 1;
}
