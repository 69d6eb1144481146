import type { Millis } from "../base/clock.ts";

/** What something uses: CPU in billionths of a core over a window, memory in use without what could be dropped. */
export interface Usage {
  readonly cpuNanocores: number;
  readonly memoryBytes: number;
}

export interface ContainerUsage extends Usage {
  readonly name: string;
}

export interface PodUsage {
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  /** Its running main containers of which two readings exist. */
  readonly containers: readonly ContainerUsage[];
}

/** What a node tells every few seconds. */
export interface UsageReport {
  readonly node: string;
  /** Time between the two readings that the CPU figures are from. */
  readonly windowMs: Millis;
  readonly usage: Usage;
  readonly pods: readonly PodUsage[];
}

/** A node's figures as they are kept. */
export interface NodeSample extends Usage {
  readonly node: string;
  /** When they came in. */
  readonly at: Millis;
  readonly windowMs: Millis;
}

/** A pod's figures as they are kept. */
export interface PodSample extends PodUsage {
  readonly at: Millis;
  readonly windowMs: Millis;
}

/** The newest figures of the cluster; those that are too old are not there any more. */
export interface UsageView {
  podUsage(namespace: string, name: string): PodSample | undefined;
  nodeUsage(node: string): NodeSample | undefined;
}

/** How often a node reports. */
export const USAGE_REPORT_MS: Millis = 15_000;
/** Figures older than this tell nothing any more: four reports were missed. */
export const MAX_USAGE_AGE_MS: Millis = 60_000;
/** Pods in one report, and containers of one pod, at most. */
export const MAX_REPORTED_PODS: number = 2000;
export const MAX_REPORTED_CONTAINERS: number = 100;
