import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { closeSync, openSync } from "node:fs";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openDockerRuntime } from "../../src/agent/docker-runtime.ts";
import { eventually } from "./eventually.ts";
import { Namespace } from "./netns.ts";
import { runCommand } from "./command.ts";

/** Ends dockerd with this process, however that dies. */
const LAUNCHER = "setpriv";
const START_MS = 90_000;
const STOP_MS = 30_000;

/**
 * A Docker Engine of one test, to be restarted and killed: it has a network namespace of its own, and else the
 * machine's, so that an agent of this process can wire its containers.
 */
export class OwnEngine implements AsyncDisposable {
  readonly socketPath: string;
  readonly namespace: Namespace;
  readonly #folder: string;
  #daemon: ChildProcess | undefined;

  private constructor(folder: string, namespace: Namespace) {
    this.#folder = folder;
    this.namespace = namespace;
    this.socketPath = join(folder, "docker.sock");
  }

  static async start(...flags: readonly string[]): Promise<OwnEngine> {
    const folder = await mkdtemp(join(tmpdir(), "berth-engine-"));
    const engine = new OwnEngine(folder, await Namespace.create());
    await engine.start(...flags);
    return engine;
  }

  /** Starts dockerd, with these options too, and waits until it answers. */
  async start(...flags: readonly string[]): Promise<void> {
    const options = [
      ["--data-root", join(this.#folder, "data")],
      ["--exec-root", join(this.#folder, "exec")],
      ["--pidfile", join(this.#folder, "docker.pid")],
      ["--host", `unix://${this.socketPath}`],
      ["--log-level", "error"],
    ];
    await rm(join(this.#folder, "docker.pid"), { force: true });
    const net = `--net=/run/netns/${this.namespace.name}`;
    const command = ["--pdeathsig", "TERM", "nsenter", net, "--", "dockerd"];
    const log = openSync(join(this.#folder, "dockerd.log"), "a");
    // As systemd does, when it ends by itself: after a crash it may stumble over what that has left.
    const launch = (): void => {
      this.#daemon = spawn(LAUNCHER, [...command, ...options.flat(), ...flags], {
        stdio: ["ignore", log, log],
      });
    };
    launch();
    try {
      await eventually(
        "the Engine answers",
        () => {
          if (this.#daemon?.exitCode !== null) launch();
          return this.#answers();
        },
        START_MS,
      );
    } catch (error) {
      const text = await readFile(join(this.#folder, "dockerd.log"), "utf8");
      throw new Error(`The Engine does not start: ${text.slice(-2_000)}`, { cause: error });
    } finally {
      closeSync(log);
    }
  }

  /** By default in order, with its containers unless it has `--live-restore`; SIGKILL leaves them as they are. */
  async stop(signal: NodeJS.Signals = "SIGTERM"): Promise<void> {
    const daemon = this.#daemon;
    this.#daemon = undefined;
    if (daemon === undefined || daemon.exitCode !== null || daemon.signalCode !== null) return;
    const gone = once(daemon, "exit");
    daemon.kill(signal);
    const timer = setTimeout(() => daemon.kill("SIGKILL"), STOP_MS);
    await gone;
    clearTimeout(timer);
  }

  /** The machine goes down without a word: daemon, its containerd and all containers at once. */
  async crash(): Promise<void> {
    await this.stop("SIGKILL");
    await this.#killRest();
    // No mount outlives its machine: networks and what was in memory are gone.
    await unmountBelow(this.#folder);
    await rm(join(this.#folder, "exec"), { recursive: true, force: true });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
    await this.#killRest();
    await unmountBelow(this.#folder);
    await this.namespace[Symbol.asyncDispose]();
    await rm(this.#folder, { recursive: true, force: true, maxRetries: 5 });
  }

  async #answers(): Promise<boolean> {
    try {
      const runtime = await openDockerRuntime(
        { socketPath: this.socketPath },
        AbortSignal.timeout(2_000),
      );
      runtime.close();
      return true;
    } catch {
      return false;
    }
  }

  /** What is left of it by its command line or its working directory: containerd, shims, and their containers. */
  async #killRest(): Promise<void> {
    const { stdout } = await runCommand("pgrep", ["-f", this.#folder]);
    const pids = stdout
      .split("\n")
      .map(Number)
      .filter((pid) => pid > 1 && pid !== process.pid);
    const children = await Promise.all(pids.map((pid) => childrenOf(pid)));
    for (const pid of [...children.flat(), ...pids]) {
      try {
        process.kill(pid, "SIGKILL");
      } catch {
        // It has ended by itself.
      }
    }
  }
}

async function childrenOf(pid: number): Promise<readonly number[]> {
  const text = await readFile(`/proc/${pid}/task/${pid}/children`, "utf8").catch(() => "");
  return text
    .trim()
    .split(" ")
    .filter((one) => one !== "")
    .map(Number);
}

async function unmountBelow(folder: string): Promise<void> {
  const mounts = await readFile("/proc/self/mountinfo", "utf8");
  const points = mounts
    .split("\n")
    .map((line) => line.split(" ")[4] ?? "")
    .filter((point) => point.startsWith(`${folder}/`))
    .toSorted((a, b) => b.length - a.length);
  for (const point of points) await runCommand("umount", ["--lazy", point]);
}
