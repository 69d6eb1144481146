import { silentLogger } from "../base/logger.ts";
import { formatTime, type Clock } from "../base/clock.ts";
import type { ApiClient, Informer } from "../client/client.ts";
import { createInformer } from "../client/informer.ts";
import type { App, Deployment, Node, Release } from "../model/kinds.gen.ts";
import type { ApiObject } from "../model/meta.ts";
import { resourceOf } from "../model/resources.ts";
import { viewCluster, type ClusterView } from "./cluster-view.ts";
import { newsOf } from "./status-news.ts";

/** Where a live view is shown. */
export interface Screen {
  /** What a terminal can show; `undefined` for a file or a pipe. */
  readonly size: () => { readonly rows: number; readonly columns: number } | undefined;
  /** Prints as it is. */
  readonly write: (text: string) => void;
}

export interface WatchStatusOptions {
  readonly output: "text" | "json";
  readonly format: (view: ClusterView) => string;
  readonly screen: Screen;
  readonly clock: Clock;
}

/** Changes come in bursts: one picture shows all of them. */
const SETTLE_MS = 150;
const HOME_AND_CLEAR = "\u001b[H\u001b[J";

/**
 * Shows the cluster until `signal` aborts: on a terminal the view, drawn anew after every change; elsewhere a line per
 * change; as JSON a view per line. What changed while the API was away is told when it is back.
 */
export async function watchStatus(
  client: ApiClient,
  { output, format, screen, clock }: WatchStatusOptions,
  signal: AbortSignal,
): Promise<void> {
  const options = { clock, logger: silentLogger, signal };
  const informer = <T extends ApiObject>(apiVersion: string, kind: string): Informer<T> =>
    createInformer<T>(client, resourceOf({ apiVersion, kind }), undefined, options);
  const apps = informer<App>("berth.dev/v1", "App");
  const releases = informer<Release>("berth.dev/v1", "Release");
  const nodes = informer<Node>("v1", "Node");
  const deployments = informer<Deployment>("apps/v1", "Deployment");
  const all = [apps, releases, nodes, deployments] as const;
  await Promise.all(all.map((each) => each.ready(signal)));
  let wake = Promise.withResolvers<void>();
  for (const each of all) each.subscribe(() => wake.resolve());
  let before: ClusterView | undefined;
  while (!signal.aborted) {
    const view = viewCluster({
      apps: apps.list(),
      releases: releases.list(),
      nodes: nodes.list(),
      deployments: deployments.list(),
    });
    const time = formatTime(clock.now());
    if (output === "json") {
      if (JSON.stringify(view) !== JSON.stringify(before))
        screen.write(`${JSON.stringify(view)}\n`);
    } else show(before, view, time);
    before = view;
    await untilChanged(wake.promise, signal);
    if (signal.aborted) return;
    wake = Promise.withResolvers();
    await clock.sleep(SETTLE_MS, signal).catch(() => undefined);
  }

  function show(old: ClusterView | undefined, view: ClusterView, time: string): void {
    const size = screen.size();
    if (size === undefined) for (const line of newsOf(old, view)) screen.write(`${time} ${line}\n`);
    else screen.write(`${HOME_AND_CLEAR}${fit(`${time}\n\n${format(view)}`, size)}`);
  }
}

/** As much of a text as fits, its last line saying what does not; all on a terminal that tells no size. Pure. */
export function fit(
  text: string,
  { rows, columns }: { readonly rows: number; readonly columns: number },
): string {
  if (rows === 0 || columns === 0) return `${text}\n`;
  const lines = text.split("\n").map((line) => line.slice(0, columns));
  if (lines.length < rows) return `${lines.join("\n")}\n`;
  const shown = lines.slice(0, Math.max(rows - 2, 1));
  return `${[...shown, `… ${lines.length - shown.length} more lines`].join("\n")}\n`;
}

async function untilChanged(changed: Promise<void>, signal: AbortSignal): Promise<void> {
  const aborted = Promise.withResolvers<void>();
  const end = (): void => aborted.resolve();
  signal.addEventListener("abort", end, { once: true });
  if (signal.aborted) end();
  try {
    await Promise.race([changed, aborted.promise]);
  } finally {
    signal.removeEventListener("abort", end);
  }
}
