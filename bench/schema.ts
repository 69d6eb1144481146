import { createHash } from "node:crypto";
import { parse } from "yaml";
import { FileCache } from "../src/schema/file-cache.ts";
import { loadManifests } from "../src/schema/load-manifests.ts";
import type { LoadOptions, SourceFile } from "../src/schema/manifest.ts";
import { compared, median } from "./harness.ts";
import type { Bar, BenchOptions, Metric } from "./harness.ts";
import { makeManifests } from "./manifests.ts";

/*
 * From the bytes of a tree to its manifests: parsed, validated, defaulted, checked against each other and hashed. The
 * baseline is what the `yaml` package takes to parse the same files to plain values, and nothing else.
 */
const MANIFESTS = 10_000;
const ROUNDS = 5;
const SINGLES = 200;

const COLD = "10,000 manifests of 40 lines: load a tree";
const WARM = "10,000 manifests of 40 lines: load a tree of known blobs";
const ONE_CHANGED = "10,000 manifests of 40 lines: load a tree with one new blob";
const SINGLE = "one manifest of 40 lines: load it";

export const bars: readonly Bar[] = [
  { metric: COLD, of: "ratio", below: 0.5 },
  { metric: WARM, of: "ratio", below: 0.05 },
  { metric: ONE_CHANGED, of: "ratio", below: 0.05 },
  { metric: SINGLE, of: "value", below: 5 },
];

export async function run({ say, signal }: BenchOptions): Promise<Metric[]> {
  const files = makeManifests(MANIFESTS).map(withId);
  const times: Record<string, number[]> = {};
  const timed = (name: string, task: () => void): void => {
    signal.throwIfAborted();
    const startedAt = performance.now();
    task();
    (times[name] ??= []).push(performance.now() - startedAt);
  };
  const decoder = new TextDecoder();
  for (let round = 1; round <= ROUNDS; round += 1) {
    // Each is the first one in every other round: neither has the warmer machine.
    const tasks = [
      (): void => timed(COLD, () => expectAll(files, {})),
      (): void =>
        timed("yaml", () => files.forEach(({ content }) => parse(decoder.decode(content)))),
    ];
    for (const task of round % 2 === 1 ? tasks : tasks.toReversed()) task();
    const cache = new FileCache();
    expectAll(files, { known: cache });
    timed(WARM, () => expectAll(files, { known: cache }));
    const changed = changeOne(files, round);
    timed(ONE_CHANGED, () => expectAll(changed, { known: cache }));
    say(`round ${round} of ${ROUNDS}: ${describe(times)}`);
  }
  for (const file of files.slice(0, SINGLES)) {
    timed(SINGLE, () => void loadManifests([file], { namespace: "shop" }));
  }
  const yaml = times["yaml"] ?? [];
  const singles = times[SINGLE] ?? [];
  return [
    ...[COLD, WARM, ONE_CHANGED].map((name) => compared(name, "ms", times[name] ?? [], yaml)),
    { name: SINGLE, value: Number(median(singles).toPrecision(4)), unit: "ms" },
  ];
}

/** Loads files, and makes sure that all of them were taken. */
function expectAll(files: readonly SourceFile[], options: Partial<LoadOptions>): void {
  const { manifests, problems } = loadManifests(files, { namespace: "shop", ...options });
  if (manifests.length === files.length) return;
  throw new Error(`${manifests.length} of ${files.length} manifests: ${problems[0]?.message}`);
}

function withId(file: SourceFile): SourceFile {
  return { ...file, id: createHash("sha1").update(file.content).digest("hex") };
}

function changeOne(files: readonly SourceFile[], round: number): readonly SourceFile[] {
  const text = new TextDecoder().decode(files[round]?.content);
  const content = new TextEncoder().encode(`${text}# changed in round ${round}\n`);
  return files.map((file, index) => (index === round ? withId({ ...file, content }) : file));
}

function describe(times: Readonly<Record<string, readonly number[]>>): string {
  return Object.entries(times)
    .map(([name, values]) => `${name.split(": ").at(-1)} ${Math.round(values.at(-1) ?? 0)} ms`)
    .join(", ");
}
