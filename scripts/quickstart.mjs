// Shows the loop: a repository made from examples/hello, a cluster that follows it, and what to try next.
import { parseArgs } from "node:util";
import { join } from "node:path";
import { checkPortIsFree, untilAnswers, untilHealthy } from "./lib/demo.mjs";
import { ensureRepository, nodePortOf } from "./lib/demo-repository.mjs";
import { IMAGES } from "./lib/images.mjs";
import { ROOT } from "./lib/paths.mjs";
import { main, seconds, step } from "./lib/progress.mjs";
import { berth, berthStatus } from "./lib/berth.mjs";

const REPOSITORY = join(ROOT, "berth-demo");

await main(async () => {
  const startedAt = performance.now();
  const { values } = parseArgs({
    options: {
      port: { type: "string" },
      "data-dir": { type: "string" },
      "node-port": { type: "string", default: "30080" },
    },
  });
  const place = values["data-dir"] === undefined ? [] : ["--data-dir", values["data-dir"]];
  const port = values.port === undefined ? [] : ["--port", values.port];

  await ensureRepository(REPOSITORY, Number(values["node-port"]));
  const nodePort = nodePortOf(REPOSITORY);
  if ((await berthStatus(place)) === undefined && nodePort !== undefined)
    await checkPortIsFree(nodePort, REPOSITORY);
  await step("Making the image berth.local/hello", IMAGES.hello);
  const kubeconfig = await step("Starting Berth", () => start([...place, ...port]));
  const status = await step("Waiting for the demo's pods", () => untilHealthy(REPOSITORY, place));
  const url = nodePort && (await step("Asking the demo", () => untilAnswers(status, nodePort)));
  console.log(nextSteps({ url, kubeconfig, took: seconds(startedAt) }));
});

/** Starts the cluster, or finds it running, and resolves with the line that lets kubectl use it. */
async function start(args) {
  const output = await berth(["up", "--repo", REPOSITORY, ...args]);
  return /^\s*(export KUBECONFIG=.*)$/m.exec(output)?.[1] ?? output.trim();
}

function nextSteps({ url, kubeconfig, took }) {
  const demo = "berth-demo";
  return `
Berth runs and follows ./${demo} (${took}).
${url === undefined ? "" : `\n  ${url.href}\n`}
  ${kubeconfig}

Try next:
  1. sed -i 's/value: from .*/value: from a commit/' ${demo}/deployment.yaml && git -C ${demo} commit -am "say it differently"
  2. npx berth status
  3. git -C ${demo} revert --no-edit HEAD

"npx berth down" takes everything away again, except ./${demo}.`;
}
