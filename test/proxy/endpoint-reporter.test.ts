import { describe, expect, test } from "vitest";
import { silentLogger } from "../../src/base/logger.ts";
import type { ApiClient } from "../../src/client/client.ts";
import { EndpointReporter } from "../../src/proxy/endpoint-reporter.ts";
import { ManualClock, settle } from "../support/manual-clock.ts";

interface Bench extends AsyncDisposable {
  readonly clock: ManualClock;
  readonly reporter: EndpointReporter;
  /** What was posted, as `path node@revision`. */
  readonly posted: string[];
  /** How many of the next posts fail. */
  failures: number;
}

async function start(): Promise<Bench> {
  const clock = new ManualClock();
  const ending = new AbortController();
  const posted: string[] = [];
  const request = (method: string, path: string, body: unknown): Promise<void> => {
    if (bench.failures > 0) {
      bench.failures -= 1;
      return Promise.reject(new Error("no answer"));
    }
    const { node, revision } = body as { node: string; revision: number };
    posted.push(`${method} ${path} ${node}@${revision}`);
    return Promise.resolve();
  };
  const client = { request } as unknown as ApiClient;
  const reporter = new EndpointReporter({ client, nodeName: "a", clock, logger: silentLogger });
  const running = reporter.run(ending.signal);
  const bench: Bench = {
    clock,
    reporter,
    posted,
    failures: 0,
    [Symbol.asyncDispose]: async () => {
      ending.abort();
      await running;
    },
  };
  await settle();
  return bench;
}

const REPORT = "POST /apis/berth.dev/v1/endpoint-reports";

describe("EndpointReporter", () => {
  test("reports at once when an endpoint went", async () => {
    await using bench = await start();
    bench.reporter.applied(7, true);
    await settle();
    expect(bench.posted).toEqual([`${REPORT} a@7`]);
  });

  test("makes one report of a burst that nobody waits for", async () => {
    await using bench = await start();
    for (const revision of [7, 8, 9]) bench.reporter.applied(revision, false);
    await settle();
    await bench.clock.advance(99);
    expect(bench.posted).toEqual([]);
    await bench.clock.advance(1);
    expect(bench.posted).toEqual([`${REPORT} a@9`]);
  });

  test("does not hold back an urgent number behind one that is not", async () => {
    await using bench = await start();
    bench.reporter.applied(7, false);
    await settle();
    await bench.clock.advance(10);
    bench.reporter.applied(8, true);
    await settle();
    expect(bench.posted).toEqual([`${REPORT} a@8`]);
  });

  test("does not report a number twice soon, but repeats it for a control plane that forgot", async () => {
    await using bench = await start();
    bench.reporter.applied(7, true);
    await settle();
    bench.reporter.applied(7, true);
    await bench.clock.advance(5000);
    expect(bench.posted).toHaveLength(1);
    await bench.clock.advance(5000);
    expect(bench.posted).toEqual([`${REPORT} a@7`, `${REPORT} a@7`]);
  });

  test("tries again until the report got through, with the newest number", async () => {
    await using bench = await start();
    bench.failures = 2;
    bench.reporter.applied(7, true);
    await settle();
    await bench.clock.advance(99);
    bench.reporter.applied(8, true);
    await bench.clock.advance(300);
    expect(bench.posted).toEqual([`${REPORT} a@8`]);
  });

  test("has nothing to say before the first number", async () => {
    await using bench = await start();
    await bench.clock.advance(60_000);
    expect(bench.posted).toEqual([]);
  });
});
