import { readFileSync } from "node:fs";
import { createServer } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { createApiClient } from "../../src/client/http-client.ts";
import { readKubeconfig } from "../../src/client/kubeconfig.ts";
import { resourceOf } from "../../src/model/resources.ts";
import { berthStatus } from "./berth.mjs";
import { Stop } from "./progress.mjs";
import { run } from "./run.mjs";

const HEALTHY_TIMEOUT_MS = 90_000;
const ANSWER_TIMEOUT_MS = 20_000;
const REQUEST_TIMEOUT_MS = 2_000;
const POLL_MS = 200;
/** Ends of a commit that are not the one we wait for. */
const FAILURES = ["Rejected", "Failed", "Held", "RolledBack"];

/** Stops when another program listens on the demo's port. */
export async function checkPortIsFree(port, repository) {
  await new Promise((resolve, reject) => {
    const server = createServer().on("error", reject);
    server.listen(port, "0.0.0.0", () => server.close(resolve));
  }).catch((error) => {
    if (error.code !== "EADDRINUSE") throw error;
    throw new Stop(
      `Port ${port}, where the demo is to answer, is taken by another program. Stop that, or change "nodePort" in ${repository}/service.yaml, commit it, and run this again`,
    );
  });
}

/** Resolves once the repository's head is Healthy. */
export async function untilHealthy(repository, args) {
  const head = (await run("git", ["-C", repository, "rev-parse", "main"])).trim();
  const deadline = performance.now() + HEALTHY_TIMEOUT_MS;
  let release;
  while (performance.now() < deadline) {
    const status = await berthStatus(args);
    release = status?.apps?.[0]?.release;
    if (release?.commit === head && release.phase === "Healthy") return;
    if (release?.commit === head && FAILURES.includes(release.phase))
      throw new Stop(describe(release));
    await sleep(POLL_MS);
  }
  throw new Stop(
    `The demo's commit ${head.slice(0, 8)} was not Healthy within ${HEALTHY_TIMEOUT_MS / 1000} s (${release === undefined ? "it was not seen" : describe(release)}). "npx berth status" and "npx berth history" say more`,
  );
}

/** Resolves with the demo's URL once it answers there. */
export async function untilAnswers(kubeconfig, port) {
  const url = new URL(`http://${await nodeAddress(kubeconfig)}:${port}`);
  const deadline = performance.now() + ANSWER_TIMEOUT_MS;
  let cause;
  while (performance.now() < deadline) {
    try {
      const response = await fetch(url, { signal: AbortSignal.timeout(REQUEST_TIMEOUT_MS) });
      if (response.ok) return url;
      cause = `it answers ${response.status}`;
    } catch (error) {
      cause = error.cause?.message ?? error.message;
    }
    await sleep(POLL_MS);
  }
  throw new Stop(`The pods are Ready, but ${url.href} does not answer: ${cause}`);
}

function describe({ commit, phase, reason, message, problems = [] }) {
  const why = [reason, message].filter(Boolean).join(": ");
  return [`Commit ${commit.slice(0, 8)} is ${phase}${why && ` (${why})`}`, ...problems].join(
    "\n  ",
  );
}

/** Where node ports answer: the address of the cluster's node. */
async function nodeAddress(kubeconfig) {
  const client = createApiClient(readKubeconfig(readFileSync(kubeconfig, "utf8")));
  try {
    const { items } = await client.list(resourceOf({ apiVersion: "v1", kind: "Node" }));
    const addresses = items.flatMap((node) => node.status?.addresses ?? []);
    const found = addresses.find(({ type }) => type === "InternalIP");
    if (found === undefined) throw new Stop("The cluster's node has no address");
    return found.address;
  } finally {
    client.close();
  }
}
