import { readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import type { Clock, Millis } from "../base/clock.ts";
import type { Logger } from "../base/logger.ts";
import type { EventRecorder } from "../client/event-recorder.ts";
import type { Pod } from "../model/kinds.gen.ts";
import { NodePolicyError, podRefusal, toNodePolicy, type NodePolicy } from "./node-policy.ts";
import type { Eviction } from "./pod-view.ts";

/** In the node's own folder, where neither control plane nor repository reaches. */
export const NODE_POLICY_FILE = "agent-policy.yaml";
/** Why a pod has failed, or a container waits, when its node's policy forbids it. */
export const POLICY_REASON = "NodePolicyRefused";
/** Bytes of the file: a policy is short. */
const MAX_BYTES = 256 * 1024;
const LOOK_EVERY_MS: Millis = 5_000;
/** Pods that are made at the same time share a look. */
const FRESH_MS: Millis = 500;

/** The node's policy as its file says now. */
export interface NodePolicySource {
  /** As read last. */
  readonly current: NodePolicy;
  /** What the node has against a pod; `undefined`: nothing. */
  refuse(pod: Pod): string | undefined;
  /** Looks at the file, unless it was looked at just now. */
  refresh(): Promise<void>;
  /** Looks at the file every few seconds until the signal aborts. */
  follow(signal: AbortSignal): Promise<void>;
}

export interface NodePolicyOptions {
  readonly stateDir: string;
  readonly clock: Clock;
  readonly logger: Logger;
}

/**
 * Reads the node's policy. No file: everything is allowed. A file that cannot be read leaves what was read before in
 * force; when nothing was, all new pods are refused: a mistake must not open what was closed.
 */
export async function openNodePolicy(options: NodePolicyOptions): Promise<NodePolicySource> {
  const { clock, logger } = options;
  const path = join(options.stateDir, NODE_POLICY_FILE);
  let policy: NodePolicy = {};
  /** Why nothing is let in. */
  let broken: string | undefined;
  let isFirst = true;
  let seen = "";

  let lookedAt = Number.NEGATIVE_INFINITY;

  async function refresh(): Promise<void> {
    if (clock.monotonic() - lookedAt < FRESH_MS) return;
    lookedAt = clock.monotonic();
    const version = await versionOf(path);
    if (version === seen) return;
    try {
      policy = await readPolicy(path, version);
      broken = undefined;
      if (!isFirst) logger.info({ path }, "The node's policy has changed");
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      const what = isFirst ? "all new pods are refused" : "what it said before stays in force";
      logger.error({ path, why }, `Cannot use the node's policy: ${what}; correct the file`);
      if (isFirst) broken = `Cannot use "${path}": ${why}`;
    }
    isFirst = isFirst && broken !== undefined;
    seen = version;
  }
  await refresh();
  return {
    get current() {
      return broken === undefined ? policy : { exec: false };
    },
    refuse: (pod) => broken ?? podRefusal(policy, pod),
    refresh,
    async follow(signal) {
      while (!signal.aborted) {
        await clock.sleep(LOOK_EVERY_MS, signal).catch(() => undefined);
        if (!signal.aborted) await refresh();
      }
    },
  };
}

/** Why a node does not take a new pod, as its policy says, and tells so; `undefined` when it does. */
export function refuseByPolicy(
  pod: Pod,
  policy: Pick<NodePolicySource, "refuse">,
  events: EventRecorder,
): Eviction | undefined {
  const why = policy.refuse(pod);
  if (why === undefined) return undefined;
  const message = `Pod was rejected: ${why}`;
  events.record(pod, { type: "Warning", reason: POLICY_REASON, message });
  return { reason: POLICY_REASON, message, graceMs: 0 };
}

/** Differs whenever the file does; empty when there is none. */
async function versionOf(path: string): Promise<string> {
  try {
    const { mtimeNs, ctimeNs, size, ino } = await stat(path, { bigint: true });
    return [mtimeNs, ctimeNs, size, ino].join("/");
  } catch (error) {
    const isAbsent = error instanceof Error && "code" in error && error.code === "ENOENT";
    return isAbsent ? "" : String(error);
  }
}

async function readPolicy(path: string, version: string): Promise<NodePolicy> {
  if (version === "") return {};
  const text = await readFile(path, "utf8");
  if (text.length > MAX_BYTES) throw new NodePolicyError(`it is longer than ${MAX_BYTES} bytes`);
  const { parse } = await import("yaml");
  return toNodePolicy(parse(text));
}
