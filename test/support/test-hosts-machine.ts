import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { closeSync, openSync } from "node:fs";
import { mkdir, readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import Docker from "dockerode";
import { mustRun, runCommand, type CommandOptions, type CommandResult } from "./command.ts";
import { eventually } from "./eventually.ts";
import { imageArchiveFile } from "./test-hosts-images.ts";

/** A program that goes on until it is stopped. */
export interface Running {
  readonly log: string;
  /** SIGTERM, then SIGKILL; resolves when it is gone. */
  stop(signal?: NodeJS.Signals): Promise<void>;
}

const ENTER = "nsenter";
/** Ends its program when the process that started it ends. */
const GUARD = "setpriv";
const STOP_MS = 10_000;
const START_MS = 20_000;
/** The Engine of Debian 12, the oldest that Berth knows. */
const API_VERSION = "1.41";
/**
 * What process 1 of a machine does: the set-up, then nothing but reaping, until its input ends with the test process.
 * The kernel ends all others of its PID namespace after it: no crash of a test leaves a process.
 */
const INIT = `set -e
hostname "$1"
ip link set lo up
echo 0 > /proc/sys/net/ipv4/ip_forward
echo 0 > /proc/sys/net/ipv4/icmp_ratelimit
mount -t tmpfs tmpfs /run
mkdir -p /run/lock /run/netns
echo up
while read -r line; do :; done`;

/**
 * A machine as far as its programs can tell: network, processes, mounts, `/run` and host name of its own. Processor,
 * memory and disk are those of the real one.
 */
export class Machine {
  readonly name: string;
  readonly dir: string;
  /** Of its process 1, as seen from outside. */
  readonly pid: number;
  readonly #owner: ChildProcess;

  protected constructor(name: string, dir: string, pid: number, owner: ChildProcess) {
    this.name = name;
    this.dir = dir;
    this.pid = pid;
    this.#owner = owner;
  }

  static async boot(name: string, dir: string): Promise<Machine> {
    return new Machine(name, dir, ...(await boot(name, dir)));
  }

  /** Runs a program in it to its end; the caller looks at the exit code. */
  run(command: readonly string[], options: CommandOptions = {}): Promise<CommandResult> {
    return runCommand(ENTER, [...this.#enter(options.cwd), ...command], {
      ...options,
      env: { ...this.env, ...options.env },
    });
  }

  /** Runs a program in it that must succeed; resolves with what it prints. */
  mustRun(command: readonly string[], options: CommandOptions = {}): Promise<string> {
    return mustRun(ENTER, [...this.#enter(options.cwd), ...command], {
      ...options,
      env: { ...this.env, ...options.env },
    });
  }

  /** Starts a program in it that goes on. What it prints is added to `<name>.log` in the machine's folder. */
  spawn(name: string, command: readonly string[]): Running {
    const log = join(this.dir, `${name}.log`);
    const output = openSync(log, "a");
    const child = spawn(ENTER, [...this.#enter(), ...command], {
      stdio: ["ignore", output, output],
      env: { ...this.env },
    });
    closeSync(output);
    return { log, stop: (signal = "SIGTERM") => stopInside(child, signal) };
  }

  /** Lines for `ip -batch` in its network, but with the pids of the outside. */
  async batchOutside(lines: readonly string[]): Promise<void> {
    const input = lines.join("\n");
    await mustRun(ENTER, [`--target=${this.pid}`, "--net", "--", "ip", "-batch", "-"], {
      input,
    });
  }

  /** What programs in it find in their environment. */
  get env(): NodeJS.ProcessEnv {
    return process.env;
  }

  /** Ends everything in it. */
  async close(): Promise<void> {
    // Process 1 is gone only after all others; then its parent ends too.
    process.kill(this.pid, "SIGKILL");
    await ended(this.#owner);
    await rm(this.dir, { recursive: true, force: true, maxRetries: 5 });
  }

  #enter(cwd?: string): readonly string[] {
    return [
      `--target=${this.pid}`,
      "--net",
      "--pid",
      "--mount",
      "--uts",
      ...(cwd === undefined ? [] : [`--wdns=${cwd}`]),
      "--",
    ];
  }
}

/** A machine with a Docker Engine, as fresh from the installer: no bridge is used, FORWARD drops. */
export class EngineMachine extends Machine {
  readonly dockerSocket: string;
  readonly docker: Docker;
  readonly cgroup: string;
  #engine: Running | undefined;

  private constructor(name: string, dir: string, pid: number, owner: ChildProcess) {
    super(name, dir, pid, owner);
    this.dockerSocket = join(dir, "docker.sock");
    this.docker = new Docker({ socketPath: this.dockerSocket });
    this.cgroup = `/${dir.split("/").slice(-2).join("-")}`;
  }

  static override async boot(name: string, dir: string): Promise<EngineMachine> {
    return new EngineMachine(name, dir, ...(await boot(name, dir)));
  }

  override get env(): NodeJS.ProcessEnv {
    return {
      ...process.env,
      DOCKER_HOST: `unix://${this.dockerSocket}`,
      DOCKER_API_VERSION: API_VERSION,
    };
  }

  /** Starts dockerd, with these options too, and waits until it answers. */
  async startEngine(...options: readonly string[]): Promise<void> {
    const flags = [
      ["--data-root", join(this.dir, "data")],
      ["--exec-root", "/run/docker"],
      ["--pidfile", "/run/docker.pid"],
      ["--host", `unix://${this.dockerSocket}`],
      ["--bridge", "none"],
      ["--cgroup-parent", this.cgroup],
    ];
    this.#engine = this.spawn("dockerd", ["dockerd", ...flags.flat(), ...options]);
    const answers = async (): Promise<boolean> => (await this.docker.ping()) !== undefined;
    await eventually(`the Engine of ${this.name} answers`, answers, START_MS);
  }

  /** Ends dockerd: by default in order, with its containers; with SIGKILL they run on. */
  async stopEngine(signal: NodeJS.Signals = "SIGTERM"): Promise<void> {
    await this.#engine?.stop(signal);
    this.#engine = undefined;
    // A killed one could not.
    await this.run(["rm", "-f", "/run/docker.pid"]);
  }

  /** Brings an image of the machine's own Engine in. */
  async loadImages(references: readonly string[]): Promise<void> {
    for (const reference of references) {
      await this.mustRun(["docker", "load", "--input", await imageArchiveFile(reference)]);
    }
  }

  override async close(): Promise<void> {
    await super.close();
    await removeCgroup(this.cgroup);
  }
}

/** Deletes the empty groups that an Engine which was killed has left. */
export async function removeCgroup(cgroup: string): Promise<void> {
  await runCommand("sh", [
    "-c",
    'for d in /sys/fs/cgroup/*"$1" /sys/fs/cgroup"$1"; do [ -d "$d" ] && find "$d" -depth -type d -exec rmdir {} +; done; true',
    "sh",
    cgroup,
  ]);
}

async function boot(
  name: string,
  dir: string,
): Promise<readonly [pid: number, owner: ChildProcess]> {
  await mkdir(dir, { recursive: true });
  const isolated = ["--net", "--pid", "--fork", "--kill-child", "--mount", "--uts", "--mount-proc"];
  const owner = spawn(
    GUARD,
    ["--pdeathsig", "KILL", "unshare", ...isolated, "--", "bash", "-c", INIT, "init", name],
    { stdio: ["pipe", "pipe", "ignore"] },
  );
  owner.stdin.on("error", () => undefined);
  const [line] = (await Promise.race([
    once(owner.stdout, "data"),
    once(owner, "exit").then(() => ["nothing"]),
  ])) as [unknown];
  if (String(line) !== "up\n") throw new Error(`Cannot boot the machine "${name}"`);
  const pid = await childOf(owner.pid ?? 0);
  if (pid === undefined) throw new Error(`The machine "${name}" ended at once`);
  return [pid, owner];
}

/** The process that `nsenter` or `unshare` forked into the namespace. */
async function childOf(pid: number): Promise<number | undefined> {
  const text = await readFile(`/proc/${pid}/task/${pid}/children`, "utf8").catch(() => "");
  const [child] = text.trim().split(" ");
  return child === undefined || child === "" ? undefined : Number(child);
}

/** `nsenter` hands no signals on, so they go to its child. */
async function stopInside(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  const gone = ended(child);
  const inside = await childOf(child.pid ?? 0);
  const tell = (name: NodeJS.Signals): void => {
    try {
      if (inside !== undefined) process.kill(inside, name);
    } catch {
      // It has ended by itself.
    }
  };
  tell(signal);
  const timer = setTimeout(() => tell("SIGKILL"), STOP_MS);
  await gone;
  clearTimeout(timer);
}

async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode === null && child.signalCode === null) await once(child, "exit");
}
