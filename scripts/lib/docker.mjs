import { spawn } from "node:child_process";
import { closeSync, existsSync, fstatSync, mkdirSync, openSync, readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { installDebianPackages, isDebian, isRoot } from "./apt.mjs";
import { engineAddress, probeEngine } from "./engine.mjs";
import { Stop, step } from "./progress.mjs";
import { attempt, findProgram, tail } from "./run.mjs";

const LOG_FOLDER = "/var/log/berth";
const LOG_FILE = `${LOG_FOLDER}/dockerd.log`;
const START_TIMEOUT_MS = 60_000;
const POLL_MS = 100;

/** Programs that a node needs on its machine, with the Debian package of each. */
const NODE_TOOLS = [
  { program: "nft", package: "nftables" },
  { program: "ip", package: "iproute2" },
  { program: "iptables", package: "iptables" },
];

/** Sees to it that a Docker Engine answers and that the node's tools are there; `extra` are more Debian packages. */
export async function ensureDocker(extra = []) {
  if (process.platform !== "linux")
    throw new Stop(
      `Berth's nodes run on Linux; this is ${process.platform}. Use a Linux machine or virtual machine`,
    );
  const probe = await probeEngine();
  checkUsable(probe);
  const packages = missingPackages(probe, extra);
  if (!isRoot() || (packages.length > 0 && !isDebian())) throw new Stop(adviceFor(packages));
  if (packages.length > 0)
    await step(`Installing ${packages.join(", ")} (apt-get)`, () =>
      installDebianPackages(packages),
    );
  if (!probe.answers) await step("Starting the Docker Engine", startEngine);
}

/** Stops where neither an installation nor a start could help. */
function checkUsable(probe) {
  const { name } = engineAddress();
  if (probe.answers || (probe.why === "denied" && !isRoot())) return;
  if (probe.why === "denied")
    throw new Stop(
      `The Docker Engine at ${name} refuses root. Check the socket's permissions, then run this again`,
    );
  if (probe.why === "old")
    throw new Stop(
      `The Docker Engine at ${name} is too old (${probe.detail}). Berth needs Docker 20.10 or newer`,
    );
  if (probe.why === "broken")
    throw new Stop(
      `The Docker Engine at ${name} does not work: ${probe.detail}. Restart it, then run this again`,
    );
  if (process.env.DOCKER_HOST)
    throw new Stop(
      `DOCKER_HOST is "${name}", but no Docker Engine answers there. Start it, or unset DOCKER_HOST`,
    );
}

function missingPackages(probe, extra) {
  const engine = probe.answers || probe.why === "denied" || findProgram("dockerd") !== undefined;
  const tools = NODE_TOOLS.filter(({ program }) => findProgram(program) === undefined);
  return [...(engine ? [] : ["docker.io"]), ...tools.map((tool) => tool.package), ...extra];
}

function adviceFor(packages) {
  const [, , command = "quickstart"] = process.argv;
  const again = `sudo npm run ${command}`;
  const why = "Berth runs containers, network links and nftables rules, so it needs root";
  if (packages.length === 0) return `${why}. Run: ${again}`;
  if (isDebian())
    return `${why} and these packages: ${packages.join(", ")}. "${again}" installs them; or install them yourself: sudo apt-get install ${packages.join(" ")}`;
  const wanted = packages.map((name) =>
    name === "docker.io" ? "a Docker Engine (20.10 or newer)" : name,
  );
  return `${why} and, on this machine, still: ${wanted.join(", ")}. Install them with your system's package manager, start Docker, then run: ${isRoot() ? `npm run ${command}` : again}`;
}

async function startEngine() {
  const systemd = existsSync("/run/systemd/system");
  const started = systemd ? await startWithSystemd() : startInBackground();
  const deadline = performance.now() + START_TIMEOUT_MS;
  while (!started.ended() && performance.now() < deadline) {
    if ((await probeEngine()).answers) return;
    await sleep(POLL_MS);
  }
  if ((await probeEngine()).answers) return;
  throw new Stop(
    `The Docker Engine was started but does not answer. The end of its log:\n${tail(await started.log())}`,
  );
}

async function startWithSystemd() {
  const { code } = await attempt("systemctl", ["enable", "--now", "docker.service"]);
  const log = async () =>
    (await attempt("journalctl", ["-u", "docker.service", "-n", "15", "--no-pager"])).output;
  return { ended: () => code !== 0, log };
}

/** No systemd, as in a container: the daemon runs in a session of its own and logs to a file. */
function startInBackground() {
  mkdirSync(LOG_FOLDER, { recursive: true });
  const output = openSync(LOG_FILE, "a");
  const earlier = fstatSync(output).size;
  const child = spawn(findProgram("dockerd") ?? "dockerd", [], {
    detached: true,
    stdio: ["ignore", output, output],
  });
  closeSync(output);
  let ended = false;
  child.on("exit", () => (ended = true)).on("error", () => (ended = true));
  child.unref();
  return {
    ended: () => ended,
    log: async () => readFileSync(LOG_FILE).subarray(earlier).toString(),
  };
}
