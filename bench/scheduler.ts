import { compared, median, type Bar, type BenchOptions, type Metric } from "./harness.ts";
import { placeCold } from "./scheduler-cold.ts";
import { placeDurably } from "./scheduler-durable.ts";
import { decideAll } from "./scheduler-decide.ts";
import { scanNodes } from "./scheduler-scan.ts";
import { WORKLOADS, type WorkloadPlan } from "./scheduler-workloads.ts";

/*
 * Pods placed per second in kube-scheduler's own workloads, every feasible node scored. "decided": queue, filters,
 * scores and counting, up to the decision. "bound": with the bindings written to LMDB by the control plane's own loop.
 * The baseline is a bare scan of all nodes in typed arrays, in the same run: ratios travel between machines, figures do
 * not. kube-scheduler's thresholds are published floors, with its API server in the loop.
 *
 * `npm run bench -- scheduler` runs all; a WORD that a workload's name contains, only those; `cold` and `sizes` the
 * placement of 150,000 pods and the cost at other numbers of nodes. BERTH_BENCH_SECONDS is how long a run lasts at
 * least, BERTH_BENCH_RUNS how many there are.
 */
const NODES = 5000;
const SIZES = [500, 5000, 50_000];
const RUNS = Number(process.env["BERTH_BENCH_RUNS"] ?? 5);
const SECONDS = Number(process.env["BERTH_BENCH_SECONDS"] ?? 5);

const decided = (name: string): string => `${name}: decided`;
const bound = (name: string): string => `${name}: bound in LMDB`;

export const bars: readonly Bar[] = WORKLOADS.flatMap(({ name, bar }) =>
  bar === undefined ? [] : [{ metric: decided(name), of: "value" as const, above: bar }],
);

export async function run({ say, signal, args = [] }: BenchOptions): Promise<Metric[]> {
  const isChosen = (name: string): boolean =>
    args.length === 0 || args.some((word) => name.toLowerCase().includes(word.toLowerCase()));
  const metrics: Metric[] = [];
  say("kube-scheduler's thresholds are published floors, with its API server in the loop.");
  for (const plan of WORKLOADS) {
    signal.throwIfAborted();
    if (isChosen(plan.name)) metrics.push(...(await measure(plan, say, signal)));
  }
  if (isChosen("cold")) metrics.push(...placeCold(NODES, say));
  if (isChosen("sizes")) metrics.push(...measureSizes(say));
  return metrics;
}

async function measure(
  plan: WorkloadPlan,
  say: BenchOptions["say"],
  signal: AbortSignal,
): Promise<Metric[]> {
  const scans: number[] = [];
  const decisions: number[] = [];
  const bindings: number[] = [];
  for (let round = 0; round <= RUNS; round += 1) {
    signal.throwIfAborted();
    const scan = scanNodes(NODES, Math.min(1, SECONDS / 5));
    const decision = repeat(() => decideAll(plan.make(NODES, 1)));
    const workload = plan.make(NODES, 1);
    const binding =
      workload.churn === undefined && !plan.name.startsWith("Preemption")
        ? await placeDurably(workload, signal)
        : undefined;
    // The first round warms up.
    if (round === 0) continue;
    scans.push(scan);
    decisions.push(decision);
    if (binding !== undefined) bindings.push(binding);
  }
  const floor = plan.threshold === undefined ? "none" : String(plan.threshold);
  const durable = bindings.length === 0 ? "" : `, bound ${Math.round(median(bindings))}`;
  say(`${plan.name}: decided ${Math.round(median(decisions))} pods/s${durable}, floor ${floor}`);
  return [
    compared(decided(plan.name), "pods/s", decisions, scans),
    ...(bindings.length === 0 ? [] : [compared(bound(plan.name), "pods/s", bindings, scans)]),
  ];
}

/** Pods per second over as many repetitions as a run lasts. */
function repeat(once: () => { readonly pods: number; readonly ms: number }): number {
  let pods = 0;
  let ms = 0;
  while (ms < SECONDS * 1000) {
    const measured = once();
    pods += measured.pods;
    ms += measured.ms;
  }
  return (pods * 1000) / ms;
}

function measureSizes(say: BenchOptions["say"]): Metric[] {
  const [plan] = WORKLOADS;
  if (plan === undefined) return [];
  return SIZES.map((nodes) => {
    const scale = Math.min(1, nodes / 1000);
    const once = (): number => 1e6 / repeat(() => decideAll(plan.make(nodes, scale)));
    once();
    const value = median(Array.from({ length: RUNS }, once));
    say(`${nodes} nodes: ${value.toFixed(1)} us per pod`);
    return {
      name: `cost per pod at ${nodes} nodes`,
      value: Number(value.toPrecision(3)),
      unit: "us",
    };
  });
}
