import { systemClock } from "../base/system-clock.ts";
import type { Pod } from "../model/kinds.gen.ts";
import { explainPod, type PodExplanation } from "../scheduler/explain-pod.ts";
import { CliError } from "./cli-error.ts";
import { withClient } from "./connect.ts";
import type { DataDir } from "./data-dir.ts";
import { readObjects, toPlacement } from "./read-objects.ts";
import { formatTable } from "./table.ts";

export interface ExplainOptions {
  readonly pod: string;
  readonly namespace: string;
  readonly output: "text" | "json";
}

/** Nodes of one reason, and fitting nodes, that are named; the rest is counted. */
const MAX_NODES = 5;

/** Prints why a pod has no node, or where it would go. Resolves with the exit code: 1 when it has none to go to. */
export async function explainScheduling(
  dir: DataDir,
  options: ExplainOptions,
  out: (line: string) => void,
  signal: AbortSignal,
): Promise<number> {
  const { namespace, output } = options;
  const name = options.pod.replace(/^pods?\//, "");
  return withClient(dir, async (client) => {
    const objects = await readObjects(client, signal);
    const pods = objects.filter((object): object is Pod => object.kind === "Pod");
    const pod = pods.find(
      ({ metadata }) => metadata.name === name && metadata.namespace === namespace,
    );
    if (pod === undefined) throw unknownPod(name, namespace, pods);
    const explanation = explainPod(pod, toPlacement(objects, systemClock.now()));
    out(
      output === "json"
        ? JSON.stringify({ namespace, name, ...explanation }, null, 2)
        : formatExplanation(`${namespace}/${name}`, explanation),
    );
    return explanation.state === "refused" ? 1 : 0;
  });
}

/** What `berth explain-scheduling` shows. Pure. */
export function formatExplanation(pod: string, explanation: PodExplanation): string {
  const { message, fitting, refused, nearest, cures } = explanation;
  const parts = [`Pod ${pod}: ${message}`];
  if (refused.length > 0) {
    const rows = refused.map(({ filter, reason, nodes }) => [
      String(nodes.length),
      filter,
      reason,
      limited(nodes),
    ]);
    parts.push(formatTable(["REFUSED", "BY", "BECAUSE", "NODES"], rows));
  }
  if (fitting.length > 0) {
    const rows = fitting.slice(0, MAX_NODES).map(({ node, points }) => [node, String(points)]);
    const more = fitting.length - rows.length;
    const table = formatTable(["WOULD TAKE IT", "POINTS"], rows);
    parts.push(more > 0 ? `${table}\n… and ${more} more` : table);
  }
  if (nearest !== undefined)
    parts.push(
      `Nearest is ${nearest.node}. It lacks\n${nearest.lacking.map((item) => `  ${item}`).join("\n")}`,
    );
  if (cures.length > 0)
    parts.push(`What would help:\n${cures.map((cure) => `  - ${cure}`).join("\n")}`);
  return parts.join("\n\n");
}

function limited(nodes: readonly string[]): string {
  const more = nodes.length - MAX_NODES;
  return `${nodes.slice(0, MAX_NODES).join(", ")}${more > 0 ? ` and ${more} more` : ""}`;
}

function unknownPod(name: string, namespace: string, pods: readonly Pod[]): CliError {
  const elsewhere = pods.filter(({ metadata }) => metadata.name === name);
  const [other] = elsewhere;
  return new CliError(`Cannot find a pod "${name}" in namespace "${namespace}"`, {
    cure:
      other === undefined
        ? "see what there is: kubectl get pods --all-namespaces"
        : `there is one in namespace "${other.metadata.namespace ?? ""}": say --namespace`,
  });
}
