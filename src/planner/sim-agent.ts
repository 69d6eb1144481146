import { formatTime, type Millis } from "../base/clock.ts";
import { formatIpv4 } from "../model/cidr.ts";
import { isTrue, setCondition } from "../model/condition.ts";
import type { ContainerStatus, Node, Pod, PodStatus } from "../model/kinds.gen.ts";
import { refOf, type ApiObject } from "../model/meta.ts";
import { isPod } from "./owned-pods.ts";
import { isFinished } from "../model/pod-phase.ts";
import { isTerminating } from "./pod-state.ts";
import type { SimWorld } from "./sim-world.ts";

/** What becomes of a pod once its containers run. */
export type PodFate = "serves" | "never-ready" | "crashes" | "succeeds" | "fails";

/** How long things take on a modelled node. */
export interface AgentPace {
  /** From its placement until a pod runs and, if it will, serves. */
  readonly startMs: Millis;
  /** From the wish to end a pod until it is gone. */
  readonly stopMs: Millis;
  /** What a pod that comes to an end by itself takes for its work. */
  readonly workMs: Millis;
}

export interface AgentOptions extends AgentPace {
  readonly fateOf: (pod: Pod) => PodFate;
  /** How long things take for one pod, unless as for all. */
  readonly paceOf?: (pod: Pod) => AgentPace;
  /** Whether the node and the control plane hear of each other; a node that is not Ready never does. */
  readonly isReachable?: (node: string) => boolean;
}

/** A pod's next change by its node. */
interface Due {
  readonly at: Millis;
  readonly pod: ApiObject;
  readonly change: "start" | "end" | "remove";
}

/** 10.255.0.0: addresses that nobody else in a forecast has. */
const FIRST_ADDRESS = 0x0aff_0001;

/** The agents of all nodes of a modelled cluster: pods start, serve, end and go, each in its time. */
export class SimAgents {
  readonly #world: SimWorld;
  readonly #options: AgentOptions;
  /** By uid: a pod has at most one change coming. */
  readonly #due = new Map<string, Due>();
  #addresses = 0;

  constructor(world: SimWorld, options: AgentOptions) {
    this.#world = world;
    this.#options = options;
  }

  /** Takes note of a change. */
  see(object: ApiObject | undefined): void {
    if (object === undefined || !isPod(object)) return;
    const uid = object.metadata.uid ?? "";
    const change = this.#nextChange(object);
    if (change === undefined) {
      this.#due.delete(uid);
      return;
    }
    if (this.#due.get(uid)?.change === change) return;
    this.#due.set(uid, { at: this.#world.now + this.#takes(change, object), pod: object, change });
  }

  forget(object: ApiObject): void {
    this.#due.delete(object.metadata.uid ?? "");
  }

  /** When the next change is due; `undefined` when none is. */
  nextAt(): Millis | undefined {
    let next: Millis | undefined;
    for (const { at, pod } of this.#due.values())
      if ((next === undefined || at < next) && this.#isAlive(pod as Pod)) next = at;
    return next;
  }

  /** Carries out what is due by now. */
  act(): void {
    const due = [...this.#due].filter(
      ([, { at, pod }]) => at <= this.#world.now && this.#isAlive(pod as Pod),
    );
    for (const [uid, { pod, change }] of due) {
      this.#due.delete(uid);
      const current = this.#world.get(refOf(pod));
      if (current === undefined || current.metadata.uid !== uid || !isPod(current)) continue;
      if (change === "remove") this.#world.remove(refOf(current));
      else
        this.#world.report(
          refOf(current),
          change === "start" ? this.#started(current) : this.#ended(current),
        );
    }
  }

  #nextChange(pod: Pod): Due["change"] | undefined {
    if (pod.spec.nodeName === undefined) return undefined;
    if (isTerminating(pod)) return "remove";
    if (isFinished(pod)) return undefined;
    const fate = this.#options.fateOf(pod);
    if (pod.status?.phase !== "Running") return "start";
    return fate === "succeeds" || fate === "fails" ? "end" : undefined;
  }

  #takes(change: Due["change"], pod: Pod): Millis {
    const { startMs, stopMs, workMs } = this.#options.paceOf?.(pod) ?? this.#options;
    return change === "start" ? startMs : change === "remove" ? stopMs : workMs;
  }

  /** A silent node changes nothing. */
  #isAlive({ spec }: Pod): boolean {
    const { nodeName: name = "" } = spec;
    if (this.#options.isReachable?.(name) === false) return false;
    const ref = { apiVersion: "v1", kind: "Node", name };
    const node = this.#world.get(ref) as Node | undefined;
    return node !== undefined && isTrue(node.status?.conditions, "Ready");
  }

  #started(pod: Pod): PodStatus {
    const fate = this.#options.fateOf(pod);
    const serves = fate !== "never-ready" && fate !== "crashes";
    const ip = pod.status?.podIP ?? formatIpv4(FIRST_ADDRESS + this.#addresses++);
    const time = formatTime(this.#world.now);
    return {
      ...pod.status,
      phase: "Running",
      startTime: time,
      podIP: ip,
      podIPs: [{ ip }],
      ...(fate === "crashes" ? { containerStatuses: crashLoopOf(pod) } : {}),
      conditions: setCondition(
        pod.status?.conditions,
        { type: "Ready", status: serves ? "True" : "False" },
        time,
      ),
    };
  }

  #ended(pod: Pod): PodStatus {
    const time = formatTime(this.#world.now);
    const hasFailed = this.#options.fateOf(pod) === "fails";
    return {
      ...pod.status,
      phase: hasFailed ? "Failed" : "Succeeded",
      conditions: setCondition(pod.status?.conditions, { type: "Ready", status: "False" }, time),
    };
  }
}

/** Containers that have crashed so often that it is no accident. */
function crashLoopOf({ spec }: Pod): readonly ContainerStatus[] {
  return spec.containers.map(({ name, image }) => ({
    name,
    image,
    imageID: "",
    ready: false,
    restartCount: 5,
    state: { waiting: { reason: "CrashLoopBackOff" } },
    lastState: {},
  }));
}
