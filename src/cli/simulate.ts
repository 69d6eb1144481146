import { systemClock } from "../base/system-clock.ts";
import { compare } from "../base/order.ts";
import { isTrue } from "../model/condition.ts";
import type { Node, Pod } from "../model/kinds.gen.ts";
import { refKey, refOf, type ApiObject } from "../model/meta.ts";
import { simulateRollout, type SimulatedRollout } from "../planner/simulate.ts";
import { SimWorld } from "../planner/sim-world.ts";
import { placeAll } from "../scheduler/queue-forecast.ts";
import { CliError } from "./cli-error.ts";
import { withClient } from "./connect.ts";
import type { DataDir } from "./data-dir.ts";
import { readObjects } from "./read-objects.ts";
import { formatTable } from "./table.ts";

export interface SimulateFlags {
  /** `NAME[:like=NODE,cpu=4,memory=8Gi,pods=110,LABEL=VALUE]` */
  readonly addNode: readonly string[];
  readonly loseNode: readonly string[];
  /** `KIND/NAME=COUNT` or `KIND/NAME=+COUNT`. */
  readonly scale: readonly string[];
  readonly namespace: string;
  readonly output: "text" | "json";
}

/** What becomes of the cluster. JSON. */
export interface Simulation {
  readonly changes: readonly string[];
  readonly rollout: SimulatedRollout;
  /** Pods per node, before and after. */
  readonly nodes: readonly {
    readonly name: string;
    readonly before: number;
    readonly after: number;
  }[];
}

/** Plans, placements and moves of the clock at most. */
const MAX_ROUNDS = 20_000;
const MAX_LINES = 50;
const RESOURCES: ReadonlySet<string> = new Set(["cpu", "memory", "pods", "ephemeral-storage"]);
const SCALED: Readonly<Record<string, string>> = {
  deployment: "Deployment",
  deploy: "Deployment",
  statefulset: "StatefulSet",
  sts: "StatefulSet",
  replicaset: "ReplicaSet",
  rs: "ReplicaSet",
};

/** Prints what would happen; nothing is touched. Resolves with the exit code: 1 when a pod would have no node. */
export async function simulate(
  dir: DataDir,
  flags: SimulateFlags,
  out: (line: string) => void,
  signal: AbortSignal,
): Promise<number> {
  if (flags.addNode.length + flags.loseNode.length + flags.scale.length === 0) {
    throw new CliError("Cannot simulate nothing", {
      cure: "say --add-node NAME, --lose-node NAME or --scale deployment/NAME=COUNT, each as often as you like",
    });
  }
  return withClient(dir, async (client) => {
    const objects = await readObjects(client, signal);
    const simulation = simulateChanges(objects, flags, systemClock.now());
    out(
      flags.output === "json" ? JSON.stringify(simulation, null, 2) : formatSimulation(simulation),
    );
    return simulation.rollout.unplaced.length === 0 ? 0 : 1;
  });
}

/** What the planners and the scheduler would make of changed nodes and numbers. Pure. */
export function simulateChanges(
  objects: readonly ApiObject[],
  flags: SimulateFlags,
  now: number,
): Simulation {
  const world = new SimWorld(objects, now);
  const before = countPods(world);
  const changes = [
    ...flags.addNode.map((text) => addNode(world, text)),
    ...flags.loseNode.map((name) => loseNode(world, name)),
    ...flags.scale.map((text) => scale(world, text, flags.namespace)),
  ];
  world.takeChanges();
  const keys = world.all().map((object) => refKey(refOf(object)));
  const rollout = simulateRollout(world, { schedule: placeAll, maxRounds: MAX_ROUNDS, keys });
  return { changes, rollout, nodes: compareNodes(world, before, rollout) };
}

/** What `berth simulate` shows. Pure. */
export function formatSimulation({ changes, rollout, nodes }: Simulation): string {
  const { bindings, unplaced, isSettled } = rollout;
  const lines = [...changes.map((change) => `If ${change}:`), ""];
  if (bindings.length === 0 && unplaced.length === 0) lines.push("No pod is placed anew.");
  lines.push(
    ...limited(
      bindings.map(({ namespace, name, node }) => `  + ${namespace}/${name} on node ${node}`),
    ),
  );
  lines.push(
    ...limited(
      unplaced.map(
        ({ namespace, name, message }) => `  ! ${namespace}/${name} has no node: ${message}`,
      ),
    ),
  );
  if (nodes.length > 0) {
    const rows = nodes.map(({ name, before, after }) => [name, String(before), String(after)]);
    lines.push("", formatTable(["NODE", "PODS NOW", "PODS THEN"], rows));
  }
  if (!isSettled)
    lines.push(
      "",
      "It did not come to rest: pods wait for something that does not happen by itself.",
    );
  return lines.join("\n");
}

function limited(lines: readonly string[]): readonly string[] {
  if (lines.length <= MAX_LINES) return lines;
  return [...lines.slice(0, MAX_LINES), `  … and ${lines.length - MAX_LINES} more`];
}

function nodesOf(world: SimWorld): readonly Node[] {
  return world.list("v1", "Node") as readonly Node[];
}

function addNode(world: SimWorld, text: string): string {
  const [name = "", settings = ""] = text.split(/:(.*)/s);
  if (!/^[a-z0-9]([-a-z0-9.]{0,61}[a-z0-9])?$/.test(name))
    throw new CliError(`Cannot add the node "${name}"`, {
      cure: "name it in lower-case letters, digits, '-' and '.'",
    });
  if (nodesOf(world).some(({ metadata }) => metadata.name === name))
    throw new CliError(`Cannot add the node "${name}": there is one`, {
      cure: "choose another name",
    });
  const pairs = new Map<string, string>();
  for (const part of settings === "" ? [] : settings.split(",")) {
    const at = part.indexOf("=");
    if (at < 1)
      throw new CliError(`Cannot read "${part}" of --add-node`, {
        cure: "write NAME:cpu=4,memory=8Gi,like=NODE,LABEL=VALUE",
      });
    pairs.set(part.slice(0, at), part.slice(at + 1));
  }
  const model = modelNode(world, pairs.get("like"));
  pairs.delete("like");
  const sizes = [...pairs].filter(([key]) => RESOURCES.has(key));
  const labels = [...pairs].filter(([key]) => !RESOURCES.has(key));
  const allocatable = { ...model?.status?.allocatable, ...Object.fromEntries(sizes) };
  if (allocatable["cpu"] === undefined || allocatable["memory"] === undefined)
    throw new CliError(`Cannot add the node "${name}": its size is not known`, {
      cure: `write --add-node ${name}:cpu=4,memory=8Gi`,
    });
  const node = {
    apiVersion: "v1",
    kind: "Node",
    metadata: {
      name,
      labels: {
        ...model?.metadata.labels,
        "kubernetes.io/hostname": name,
        ...Object.fromEntries(labels),
      },
    },
    spec: {},
    status: {
      capacity: { pods: "110", ...allocatable },
      allocatable: { pods: "110", ...allocatable },
      conditions: [{ type: "Ready", status: "True" }],
    },
  } as Node;
  world.declare(node);
  return `node ${name} were there, with ${allocatable["cpu"]} cpu and ${allocatable["memory"]} memory`;
}

/** The node that is named, or the first that is ready. */
function modelNode(world: SimWorld, name: string | undefined): Node | undefined {
  const nodes = nodesOf(world);
  if (name === undefined)
    return nodes.find(({ status }) => isTrue(status?.conditions, "Ready")) ?? nodes[0];
  const found = nodes.find(({ metadata }) => metadata.name === name);
  if (found === undefined) throw noNode(world, name);
  return found;
}

function loseNode(world: SimWorld, name: string): string {
  const node = nodesOf(world).find(({ metadata }) => metadata.name === name);
  if (node === undefined) throw noNode(world, name);
  world.remove(refOf(node));
  const pods = (world.list("v1", "Pod") as readonly Pod[]).filter(
    ({ spec }) => spec.nodeName === name,
  );
  for (const pod of pods) world.remove(refOf(pod));
  return `node ${name} were lost, with its ${pods.length} pods`;
}

function scale(world: SimWorld, text: string, namespace: string): string {
  const match = /^([a-z]+)\/(?:([^/=]+)\/)?([^/=]+)=(\+?)(\d{1,6})$/.exec(text);
  const kind = SCALED[match?.[1] ?? ""];
  if (match === null || kind === undefined)
    throw new CliError(`Cannot read --scale "${text}"`, {
      cure: "write deployment/NAME=COUNT or deployment/NAME=+COUNT; kinds: deployment, statefulset, replicaset",
    });
  const [, , space = namespace, name = "", plus = "", digits = "0"] = match;
  const object = world.get({ apiVersion: "apps/v1", kind, namespace: space, name }) as
    | (ApiObject & { readonly spec: { readonly replicas?: number } })
    | undefined;
  if (object === undefined)
    throw new CliError(`Cannot find ${kind} ${space}/${name}`, {
      cure: "see what there is: kubectl get deployments,statefulsets --all-namespaces",
    });
  const now = object.spec.replicas ?? 1;
  const replicas = plus === "+" ? now + Number(digits) : Number(digits);
  world.declare({ ...object, spec: { ...object.spec, replicas } } as ApiObject);
  return `${kind} ${space}/${name} had ${replicas} replicas, not ${now}`;
}

function noNode(world: SimWorld, name: string): CliError {
  const names = nodesOf(world).map(({ metadata }) => `"${metadata.name}"`);
  return new CliError(`Cannot find a node "${name}"`, {
    cure: names.length === 0 ? "there is none" : `there is ${names.slice(0, 10).join(", ")}`,
  });
}

function countPods(world: SimWorld): Map<string, number> {
  const counts = new Map(nodesOf(world).map(({ metadata }) => [metadata.name, 0]));
  for (const pod of world.list("v1", "Pod") as readonly Pod[]) {
    const { nodeName = "" } = pod.spec;
    if (nodeName !== "" && counts.has(nodeName))
      counts.set(nodeName, (counts.get(nodeName) ?? 0) + 1);
  }
  return counts;
}

function compareNodes(
  world: SimWorld,
  before: ReadonlyMap<string, number>,
  { bindings, deleted }: SimulatedRollout,
): Simulation["nodes"] {
  const after = countPods(world);
  for (const { node } of bindings) after.set(node, (after.get(node) ?? 0) + 1);
  for (const { pod } of deleted) {
    const node = (world.get(pod) as Pod | undefined)?.spec.nodeName ?? "";
    if (after.has(node)) after.set(node, (after.get(node) ?? 0) - 1);
  }
  const names = [...new Set([...before.keys(), ...after.keys()])].toSorted(compare);
  return names.map((name) => ({
    name,
    before: before.get(name) ?? 0,
    after: after.get(name) ?? 0,
  }));
}
