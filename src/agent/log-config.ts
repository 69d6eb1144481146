import type { Pod } from "../model/kinds.gen.ts";
import type { StringMap } from "../model/meta.ts";
import { LABELS } from "../model/instance.ts";

/** On a pod: the Docker logging driver of its containers, and before the name of each option of the driver. */
export const LOG_DRIVER_ANNOTATION = "berth.dev/log-driver";
export const LOG_OPTION_PREFIX = "berth.dev/log-opt-";

/** Where a container's log goes beside what the node keeps of it. */
export interface LogConfig {
  readonly driver: string;
  readonly options: StringMap;
}

/** The Engine's own drivers that work on Linux. Others are plugins, which a node's policy may name. */
export const LOG_DRIVERS: readonly string[] = [
  "awslogs",
  "fluentd",
  "gcplogs",
  "gelf",
  "journald",
  "json-file",
  "local",
  "splunk",
  "syslog",
];
/** What the Engine keeps itself, and reads back as it is: kubelet's ten megabytes in five files. */
const KEPT: StringMap = { "max-size": "10m", "max-file": "5" };
const KEEPING: ReadonlySet<string> = new Set(["json-file", "local"]);
/** A collector that does not answer must not stop the program, and `kubectl logs` reads what the Engine keeps besides. */
const SHIPPED: StringMap = {
  mode: "non-blocking",
  "max-buffer-size": "4m",
  "cache-max-size": "10m",
  "cache-max-file": "5",
};
/** Drivers that take these options; another one would be refused with them. */
const TAGGED: ReadonlySet<string> = new Set(["fluentd", "gelf", "journald", "splunk", "syslog"]);
const LABELLED: ReadonlySet<string> = new Set([
  "fluentd",
  "gcplogs",
  "gelf",
  "journald",
  "json-file",
  "splunk",
  "syslog",
]);
const TOLD_LABELS = [LABELS.podNamespace, LABELS.podName, LABELS.container].join(",");

/** What the pod's annotations ask for; `undefined`: what every pod gets. Pure. */
export function readLogConfig(annotations: StringMap = {}): LogConfig | undefined {
  const driver = annotations[LOG_DRIVER_ANNOTATION];
  const options = Object.entries(annotations)
    .filter(([key]) => key.startsWith(LOG_OPTION_PREFIX))
    .map(([key, value]) => [key.slice(LOG_OPTION_PREFIX.length), value] as const);
  if (driver === undefined && options.length === 0) return undefined;
  return { driver: driver ?? "json-file", options: Object.fromEntries(options) };
}

/** Why a node does not log as the pod asks; `undefined` when it does. `allowed` is what its policy names. Pure. */
export function logProblem(pod: Pod, allowed: readonly string[] = LOG_DRIVERS): string | undefined {
  const wanted = readLogConfig(pod.metadata.annotations);
  if (wanted === undefined || allowed.includes(wanted.driver)) return undefined;
  return (
    `annotation ${LOG_DRIVER_ANNOTATION} names the log driver "${wanted.driver}", and this node has ` +
    `${allowed.join(", ")}; choose one of them, or name it under logDrivers in the node's policy`
  );
}

/** The log of one container, with what the pod leaves out; `undefined`: what every pod gets. Pure. */
export function containerLog(pod: Pod, container: string): LogConfig | undefined {
  const wanted = readLogConfig(pod.metadata.annotations);
  if (wanted === undefined) return undefined;
  const { driver, options } = wanted;
  const { name, namespace = "" } = pod.metadata;
  const isBuiltIn = LOG_DRIVERS.includes(driver);
  const usual: StringMap = {
    ...(KEEPING.has(driver) ? KEPT : isBuiltIn ? SHIPPED : {}),
    ...(TAGGED.has(driver) ? { tag: `${namespace}.${name}.${container}` } : {}),
    ...(LABELLED.has(driver) ? { labels: TOLD_LABELS } : {}),
    ...(driver === "fluentd" ? { "fluentd-async": "true" } : {}),
  };
  return { driver, options: { ...usual, ...options } };
}
