import { existsSync } from "node:fs";
import { readdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { parseArgs } from "node:util";
import { type Bench, describeMachine, formatMetrics, missedBars } from "./harness.ts";

const FOLDER = dirname(fileURLToPath(import.meta.url));
const USAGE = "Usage: npm run bench -- NAME [WORD ...] [--json FILE] [--check]";

const say = (line: string): void => void process.stdout.write(`${line}\n`);

async function main(): Promise<number> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { json: { type: "string" }, check: { type: "boolean", default: false } },
  });
  const [name = "", ...args] = positionals;
  const file = join(FOLDER, `${name}.ts`);
  const bench = /^[a-z][a-z0-9-]*$/.test(name) && existsSync(file) ? await load(file) : undefined;
  if (bench === undefined) {
    say(`${USAGE}\nNAME is one of: ${(await benchNames()).join(", ")}`);
    return 1;
  }
  const stop = new AbortController();
  for (const signal of ["SIGINT", "SIGTERM"] as const)
    process.on(signal, () => stop.abort(new Error(`ended by ${signal}`)));
  const metrics = await bench.run({ say, signal: stop.signal, args });
  const machine = await describeMachine();
  // A run of a part answers to the bars of that part.
  const bars = bench.bars.filter(
    ({ metric }) => args.length === 0 || metrics.some(({ name }) => name === metric),
  );
  say(`\n${formatMetrics(metrics, bars)}\n`);
  say(`${machine.cpus} x ${machine.cpuModel}, Docker ${machine.docker}, Node ${machine.node}`);
  if (values.json !== undefined)
    await writeFile(values.json, `${JSON.stringify({ name, machine, metrics }, null, 2)}\n`);
  const missed = missedBars(metrics, bars);
  for (const sentence of missed) say(`missed: ${sentence}`);
  return values.check && missed.length > 0 ? 1 : 0;
}

/** The benchmark in a file, or `undefined` when the file is a part of others. */
async function load(file: string): Promise<Bench | undefined> {
  const found = (await import(pathToFileURL(file).href)) as Partial<Bench>;
  return found.run === undefined || found.bars === undefined
    ? undefined
    : { run: found.run, bars: found.bars };
}

async function benchNames(): Promise<string[]> {
  const files = (await readdir(FOLDER)).filter(
    (name) => name.endsWith(".ts") && name !== "main.ts",
  );
  const found = await Promise.all(
    files.map(async (name) =>
      (await load(join(FOLDER, name))) === undefined ? [] : [name.slice(0, -3)],
    ),
  );
  return found.flat().toSorted();
}

try {
  process.exitCode = await main();
} catch (error) {
  const text = error instanceof Error ? error.message : String(error);
  process.stderr.write(`${process.env["BERTH_DEBUG"] ? ((error as Error).stack ?? text) : text}\n`);
  process.exitCode = 1;
}
