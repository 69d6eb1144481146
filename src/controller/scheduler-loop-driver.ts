import { setImmediate as nextTurn } from "node:timers/promises";
import { unreachable } from "../base/assert.ts";
import type { Clock, Millis } from "../base/clock.ts";
import type { Logger } from "../base/logger.ts";
import type { Pod } from "../model/kinds.gen.ts";
import { refOf } from "../model/meta.ts";
import { RESOURCES } from "../model/resources.ts";
import type { BindDecision, Decision } from "../scheduler/decision.ts";
import type { Scheduler } from "../scheduler/scheduler.ts";
import type { ObjectEvent, ObjectStore } from "../store/object-store.ts";
import type { EventWriter } from "./event-writer.ts";
import {
  bindChanges,
  displaceChange,
  evictChange,
  gatedChange,
  refuseChange,
} from "./scheduler-loop-changes.ts";
import { BatchWriter, MAX_CHANGES } from "./scheduler-loop-writer.ts";

export interface SchedulerDriverOptions {
  readonly scheduler: Scheduler;
  readonly objects: ObjectStore;
  readonly events: EventWriter;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** How long the loop decides before it lets others have the thread. */
const SLICE_MS: Millis = 5;
const MAX_TURNS = 256;
/** Objects taken in at the start before others have the thread. */
const LOAD_OBJECTS = 200;
/** Writes that may wait; beyond that the loop waits for them. */
const MAX_WAITING = 4000;
/** What placements look at, Pods last: they are judged against the rest. */
const KINDS = [
  "Namespace",
  "Node",
  "PersistentVolume",
  "PersistentVolumeClaim",
  "StorageClass",
  "PodDisruptionBudget",
  "Service",
  "ReplicationController",
  "ReplicaSet",
  "StatefulSet",
  "Pod",
];

/** Feeds the scheduler with the store's changes, slice by slice, and the store with its decisions, batch by batch. */
export class SchedulerDriver {
  readonly #options: SchedulerDriverOptions;
  readonly #scheduler: Scheduler;
  readonly #writer: BatchWriter;
  #wake: () => void = () => undefined;

  constructor(options: SchedulerDriverOptions) {
    this.#options = options;
    this.#scheduler = options.scheduler;
    this.#writer = new BatchWriter(options.objects, options.logger);
  }

  observe(event: ObjectEvent): void {
    this.#scheduler.observe(event, this.#options.clock.now());
    this.#wake();
  }

  /** Takes in what is there. What changes meanwhile is observed, so it is not taken from the old list. */
  async load(signal: AbortSignal): Promise<void> {
    const { objects, clock } = this.#options;
    let count = 0;
    for (const kind of KINDS) {
      const resource = RESOURCES.find((item) => item.kind === kind);
      if (resource === undefined) continue;
      for (const item of objects.list(resource).items) {
        if (signal.aborted) return;
        if (objects.get(refOf(item.object)) !== item) continue;
        this.#scheduler.observe({ kind: "added", object: item.object }, clock.now());
        count += 1;
        if (count % LOAD_OBJECTS === 0) await nextTurn();
      }
    }
  }

  async run(signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const isIdle = this.#slice();
      const isSending = this.#writer.flush();
      if (this.#writer.waiting > MAX_WAITING) await this.#writer.settled();
      else if (isIdle && !isSending) await this.#idle(signal);
      else await nextTurn();
    }
  }

  settled(): Promise<void> {
    return this.#writer.settled();
  }

  /** Whether there is nothing more to do. */
  #slice(): boolean {
    const { clock } = this.#options;
    const endsAt = clock.monotonic() + SLICE_MS;
    for (let turn = 0; turn < MAX_TURNS && clock.monotonic() < endsAt; turn += 1) {
      const decisions = this.#scheduler.turn(clock.now());
      if (decisions === undefined) return true;
      for (const decision of decisions) this.#carryOut(decision);
    }
    return false;
  }

  async #idle(signal: AbortSignal): Promise<void> {
    const { clock } = this.#options;
    const cancel = new AbortController();
    const woken = new Promise<void>((resolve) => {
      this.#wake = resolve;
      signal.addEventListener("abort", () => resolve(), { once: true, signal: cancel.signal });
    });
    const nextAt = this.#scheduler.nextAt();
    const waits = [woken];
    if (nextAt !== undefined) {
      const waitMs = Math.max(1, nextAt - clock.now());
      waits.push(clock.sleep(waitMs, cancel.signal).catch(() => undefined));
    }
    if (!signal.aborted) await Promise.race(waits);
    cancel.abort();
  }

  #carryOut(decision: Decision): void {
    switch (decision.kind) {
      case "bind":
        this.#bind(decision.bindings);
        return;
      case "refuse":
        this.#refuse(decision.pod, decision.message, undefined);
        return;
      case "gated":
        this.#writer.add({
          changes: [gatedChange(decision.pod, this.#options.clock.now())],
          done: () => undefined,
        });
        return;
      case "preempt":
        this.#preempt(decision);
        return;
      default:
        unreachable(decision);
    }
  }

  #bind(bindings: readonly BindDecision[]): void {
    const { clock } = this.#options;
    for (const group of grouped(bindings, clock.now())) {
      this.#writer.add({
        changes: group.flatMap(({ changes }) => changes),
        done: (isWritten) => {
          for (const { binding } of group) this.#answer(binding, isWritten);
          this.#wake();
        },
      });
    }
  }

  #answer({ pod, node }: BindDecision, isWritten: boolean): void {
    const { clock, events, logger } = this.#options;
    const { uid = "", namespace = "", name } = pod.metadata;
    if (!isWritten) {
      this.#scheduler.failed(uid, clock.now());
      return;
    }
    this.#scheduler.bound(uid, clock.now());
    logger.info({ pod: `${namespace}/${name}`, node }, "placed");
    const message = `Successfully assigned ${namespace}/${name} to ${node}`;
    events.write({ about: pod, type: "Normal", reason: "Scheduled", message });
  }

  #refuse(pod: Pod, message: string, nominated: { readonly node: string } | undefined): void {
    const { clock, events } = this.#options;
    let said: Pod | undefined;
    const change = refuseChange(pod, message, clock.now(), nominated, (next) => (said = next));
    this.#writer.add({
      changes: [change],
      done: (isWritten) => {
        if (!isWritten || said === undefined) return;
        events.write({ about: said, type: "Warning", reason: "FailedScheduling", message });
      },
    });
  }

  #preempt(decision: Decision & { readonly kind: "preempt" }): void {
    const { clock, events, logger } = this.#options;
    const { pod, node, victims, displaced, message } = decision;
    const now = clock.now();
    for (const victim of victims) {
      const { uid = "", namespace = "", name } = victim.metadata;
      this.#writer.add({
        changes: [evictChange(victim, pod, now)],
        done: (isWritten) => {
          if (!isWritten) {
            this.#scheduler.spared(uid);
            return;
          }
          logger.info({ pod: `${namespace}/${name}`, node, by: pod.metadata.name }, "preempted");
          const says = `Preempted by pod ${pod.metadata.uid ?? ""} on node ${node}`;
          events.write({ about: victim, type: "Normal", reason: "Preempted", message: says });
        },
      });
    }
    for (const other of displaced)
      this.#writer.add({ changes: [displaceChange(other)], done: () => undefined });
    this.#refuse(pod, message, { node });
  }
}

/** Pods that are bound together are written together, as far as one transaction takes them. */
function grouped(
  bindings: readonly BindDecision[],
  now: Millis,
): { readonly binding: BindDecision; readonly changes: ReturnType<typeof bindChanges> }[][] {
  const groups: ReturnType<typeof grouped> = [];
  let room = 0;
  for (const binding of bindings) {
    const changes = bindChanges(binding, now);
    if (changes.length > room) {
      groups.push([]);
      room = MAX_CHANGES;
    }
    groups.at(-1)?.push({ binding, changes });
    room -= changes.length;
  }
  return groups;
}
