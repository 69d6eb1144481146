import type { ContainerStatus, Pod, Secret } from "../model/kinds.gen.ts";
import type { Fault } from "../planner/revert-fault.ts";
import type { AppContext } from "./app-context.ts";

/** Whoever is taken back is not waited for: what has not come by then is left out. */
const LOGS_MS = 1500;
const MAX_CONTAINERS = 3;
const LINES = 20;
const LIMIT_BYTES = 16_384;
const MAX_LINE = 300;
/** Shorter values are too common to be told from other text. */
const MIN_SECRET = 4;
const MASK = "***";

/**
 * The last lines of containers that failed, without the values of Secrets of their namespace. They are read before the
 * pods go, and soon: a node that does not answer costs its lines.
 */
export async function readFailedLogs(
  faults: readonly Fault[],
  context: Pick<AppContext, "world" | "readLog">,
  signal: AbortSignal,
): Promise<readonly string[]> {
  const { readLog, world } = context;
  if (readLog === undefined) return [];
  const end = AbortSignal.any([signal, AbortSignal.timeout(LOGS_MS)]);
  const failed = faults.flatMap(({ pods }) => pods.flatMap(failedContainers));
  const logs = await Promise.all(
    failed.slice(0, MAX_CONTAINERS).map(async ({ pod, container, lastWords }) => {
      const { namespace = "", name, uid = "" } = pod.metadata;
      const request = {
        kind: "logs",
        namespace,
        pod: name,
        podUid: uid,
        container,
        follow: false,
        previous: false,
        timestamps: false,
        tailLines: LINES,
        limitBytes: LIMIT_BYTES,
      } as const;
      const text = await readLog(pod.spec.nodeName ?? "", request, end);
      const secrets = world.list("v1", "Secret", namespace) as readonly Secret[];
      // What never ran has no log, and its runtime's words tell why.
      const said = text.trim() === "" ? lastWords : text;
      const lines = toLines(maskSecrets(said, secrets));
      return lines.length === 0 ? [] : [`container ${container} of pod ${name}:`, ...lines];
    }),
  );
  return logs.flat();
}

interface FailedContainer {
  readonly pod: Pod;
  readonly container: string;
  /** What its end said of itself. */
  readonly lastWords: string;
}

/** Those that ended badly or are not ready, the failed ones first. */
function failedContainers(pod: Pod): readonly FailedContainer[] {
  const { initContainerStatuses = [], containerStatuses = [] } = pod.status ?? {};
  const all = [...initContainerStatuses, ...containerStatuses];
  const ended = all.filter(hasFailed);
  const found = ended.length > 0 ? ended : containerStatuses.filter(({ ready }) => !ready);
  return found.map(({ name, state, lastState }) => {
    const { message = "" } = state.terminated ?? lastState.terminated ?? {};
    return { pod, container: name, lastWords: message };
  });
}

function hasFailed({ state, lastState }: ContainerStatus): boolean {
  return [state.terminated, lastState.terminated].some(
    (ended) => ended !== undefined && ended.exitCode !== 0,
  );
}

/** Text without values of these Secrets, as they are and in base64. Pure. */
export function maskSecrets(text: string, secrets: readonly Secret[]): string {
  const values = secrets.flatMap(({ data = {} }) =>
    Object.values(data).flatMap((encoded) => {
      const plain = Buffer.from(encoded, "base64").toString();
      return [encoded, plain, plain.trim(), ...plain.split("\n")];
    }),
  );
  // The longest first: a value may be part of another one.
  const known = [...new Set(values.map((value) => value.trim()))]
    .filter((value) => value.length >= MIN_SECRET)
    .toSorted((a, b) => b.length - a.length);
  return known.reduce((masked, value) => masked.replaceAll(value, MASK), text);
}

function toLines(text: string): readonly string[] {
  return text
    .split(/\r?\n/)
    .map((line) => clean(line).trimEnd())
    .filter((line) => line !== "")
    .slice(-LINES)
    .map((line) => (line.length > MAX_LINE ? `${line.slice(0, MAX_LINE)}…` : line));
}

function clean(line: string): string {
  return line.replaceAll(COLOURS, "").replaceAll(CONTROLS, "");
}

// oxlint-disable-next-line no-control-regex -- terminals' colours are what must be kept out
const COLOURS = /\u001b\[[0-9;]*[A-Za-z]/g;
// oxlint-disable-next-line no-control-regex -- control characters are what must be kept out
const CONTROLS = /[\u0000-\u0008\u000b-\u001f\u007f]/g;
