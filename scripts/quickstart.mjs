// Shows the loop: a repository made from examples/hello, a cluster that follows it, and what to try next.
import { parseArgs } from "node:util";
import { join } from "node:path";
import { checkPortIsFree, untilAnswers, untilHealthy } from "./lib/demo.mjs";
import { ensureRepository, nodePortOf } from "./lib/demo-repository.mjs";
import { IMAGES } from "./lib/images.mjs";
import { ROOT } from "./lib/paths.mjs";
import { main, seconds, step, Stop } from "./lib/progress.mjs";
import { berth, berthStatus } from "./lib/berth.mjs";

const REPOSITORY = join(ROOT, "berth-demo");

await main(async () => {
  const startedAt = performance.now();
  const values = readOptions();
  const place = values["data-dir"] === undefined ? [] : ["--data-dir", values["data-dir"]];
  const port = values.port === undefined ? [] : ["--port", values.port];

  await ensureRepository(REPOSITORY, Number(values["node-port"]));
  const nodePort = nodePortOf(REPOSITORY);
  if ((await berthStatus(place)) === undefined && nodePort !== undefined)
    await checkPortIsFree(nodePort, REPOSITORY);
  await step("Making the image berth.local/hello", IMAGES.hello);
  const kubeconfig = await step("Starting Berth", () => start([...place, ...port]));
  await step("Waiting for the demo's pods", () => untilHealthy(REPOSITORY, place));
  const url = nodePort && (await step("Asking the demo", () => untilAnswers(kubeconfig, nodePort)));
  console.log(nextSteps({ url, kubeconfig, place, took: seconds(startedAt) }));
});

function readOptions() {
  try {
    return parseArgs({
      options: {
        port: { type: "string" },
        "data-dir": { type: "string" },
        "node-port": { type: "string", default: "30080" },
      },
    }).values;
  } catch (error) {
    throw new Stop(
      `${error.message}\nUsage: npm run quickstart [-- [--port PORT] [--node-port PORT] [--data-dir DIR]]`,
    );
  }
}

/** Starts the cluster, or finds it running, and resolves with the path of its kubeconfig. */
async function start(args) {
  const output = await berth(["up", "--repo", REPOSITORY, ...args]);
  const kubeconfig = /^\s*export KUBECONFIG=(.+)$/m.exec(output)?.[1];
  if (kubeconfig === undefined)
    throw new Stop(`"berth up" did not say where its kubeconfig is:\n${output}`);
  return kubeconfig;
}

function nextSteps({ url, kubeconfig, place, took }) {
  const demo = "berth-demo";
  const berth = (command) => ["npx berth", command, ...place].join(" ");
  return `
Berth runs and follows ./${demo} (${took}).
${url === undefined ? "" : `\n  ${url.href}\n`}
  export KUBECONFIG=${kubeconfig}

Try next:
  1. sed -i 's/value: from .*/value: from a commit/' ${demo}/deployment.yaml && git -C ${demo} commit -am "say it differently"
  2. ${berth("status")}
  3. git -C ${demo} revert --no-edit HEAD

"${berth("down")}" takes everything away again, except ./${demo}.`;
}
