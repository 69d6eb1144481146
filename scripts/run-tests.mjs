// Runs all tests, or those that the arguments name (as vitest takes them), and says how many passed.
import { rmSync } from "node:fs";
import { join } from "node:path";
import { IMAGES } from "./lib/images.mjs";
import { NODE_MODULES, ROOT } from "./lib/paths.mjs";
import { main, step } from "./lib/progress.mjs";
import { REPORT, skippedTests, summary } from "./lib/report.mjs";
import { runInForeground } from "./lib/run.mjs";

await main(async () => {
  const args = process.argv.slice(2);
  rmSync(REPORT, { force: true });
  for (const [name, make] of Object.entries(IMAGES))
    await step(`Making the image berth.local/${name}`, make);
  const vitest = join(NODE_MODULES, "vitest", "vitest.mjs");
  const reporters = ["--reporter=default", "--reporter=json", `--outputFile.json=${REPORT}`];
  const code = await runInForeground(process.execPath, [vitest, "run", ...reporters, ...args], {
    cwd: ROOT,
  });
  for (const name of skippedTests()) console.log(`skipped: ${name}`);
  console.log(summary());
  return code;
});
