import { Command, CommanderError, InvalidArgumentError, Option } from "commander";
import { systemClock } from "../base/system-clock.ts";
import { CliError, formatCliError } from "./cli-error.ts";
import { dataDirAt } from "./data-dir.ts";
import type { SimulateFlags } from "./simulate.ts";
import { ROOT_APP } from "./root-app.ts";
import { fromSystemError } from "./system-error.ts";
import type { ValidateOptions } from "./validate.ts";
import { VERSION } from "./version.ts";

/*
 * The `berth` command. Each command's engine is loaded when it is called: `berth version` must not wait for it.
 * Exit codes: 0 done, 1 refused or failed, 2 (`plan` only) there are changes.
 */

const out = (line: string): void => void process.stdout.write(`${line}\n`);
const err = (line: string): void => void process.stderr.write(`${line}\n`);

interface Common {
  readonly dataDir?: string;
}

function buildProgram(signal: AbortSignal): Command {
  const program = new Command("berth")
    .description("Git says what should run; Berth keeps it running on your Docker hosts.")
    .version(VERSION, "-V, --version", "print the version")
    .exitOverride()
    .showHelpAfterError("(see `berth --help`, or --help after the command)")
    .configureOutput({ writeErr: (text) => void process.stderr.write(text) });

  clusterCommands(program, signal);
  releaseCommands(program, signal);
  manifestCommands(program, signal);
  schedulingCommands(program, signal);
  processCommands(program, signal);
  return program;
}

function clusterCommands(program: Command, signal: AbortSignal): void {
  withDataDir(program.command("up"))
    .summary("start the cluster on this machine, and follow a repository")
    .description(
      "Starts control plane and node in the background, or finds them running. Safe to repeat.",
    )
    .option("--repo <path|url>", "follow this Git repository")
    .option("--branch <name>", "branch of it", "main")
    .option("--path <folder>", "folder of it that has the manifests", ".")
    .option("--namespace <name>", "namespace of manifests that name none", "default")
    .option(
      "--interval <seconds>",
      "how often a remote repository is asked",
      wholeNumber(1, 86_400),
      15,
    )
    .option("--listen <address>", "address that the API listens on (default 127.0.0.1)")
    .option("--port <port>", "port that the API listens on (default 6443)", wholeNumber(1, 65_535))
    .option("--node-name <name>", "name of this node (default: the host's name)", nodeName)
    .option("--pod-cidr <cidr>", "network for pods (default: a free one)")
    .option("--service-cidr <cidr>", "network for services (default: a free one)")
    .option(
      "--foreground",
      "stay in the foreground and print the logs, for systemd and debugging",
      false,
    )
    .action(async (options: UpFlags) => {
      const { up } = await import("./up.ts");
      const { interval, dataDir, ...rest } = options;
      const flags = {
        repo: undefined,
        listen: undefined,
        port: undefined,
        nodeName: undefined,
        podCidr: undefined,
        serviceCidr: undefined,
        ...rest,
        intervalSeconds: interval,
      };
      await up(dataDirAt(dataDir), flags, out, signal);
    });

  withDataDir(program.command("down"))
    .summary("remove everything that Berth made on this machine")
    .description(
      "Ends the processes and removes containers, networks, rules and state. Volumes and the repository stay.",
    )
    .option("--volumes", "remove volumes too", false)
    .action(async ({ dataDir, volumes }: Common & { readonly volumes: boolean }) => {
      const { down } = await import("./down.ts");
      await down(dataDirAt(dataDir), { volumes }, out, systemClock, signal);
    });

  withOutput(withDataDir(program.command("status")))
    .summary("show Apps, their newest release, nodes and Deployments")
    .action(async ({ dataDir, output }: Common & OutputFlag) => {
      const { withClient } = await import("./connect.ts");
      const { readCluster } = await import("./cluster-view.ts");
      const { formatStatus } = await import("./status.ts");
      const view = await withClient(dataDirAt(dataDir), (client) => readCluster(client, signal));
      out(output === "json" ? JSON.stringify(view, null, 2) : formatStatus(view));
    });

  program
    .command("version")
    .summary("print the version")
    .action(() => out(`berth ${VERSION} (node ${process.versions.node})`));
}

function releaseCommands(program: Command, signal: AbortSignal): void {
  withOutput(withDataDir(program.command("history")))
    .summary("list the releases of an App with their outcome, newest first")
    .argument("[app]", "name of the App", ROOT_APP)
    .action(async (app: string, { dataDir, output }: Common & OutputFlag) => {
      const { withClient } = await import("./connect.ts");
      const { formatHistory, readHistory } = await import("./history.ts");
      const releases = await withClient(dataDirAt(dataDir), (client) =>
        readHistory(client, app, signal),
      );
      out(output === "json" ? JSON.stringify(releases, null, 2) : formatHistory(releases));
    });

  withDataDir(program.command("rollback"))
    .summary("make and push the commit that undoes the last release")
    .description(
      "Makes the revert commit of the App's newest commit, or the one back to --to. Git stays the truth.",
    )
    .argument("[app]", "name of the App", ROOT_APP)
    .option("--to <commit>", "go back to the content of this commit")
    .option("--dry-run", "only say what the commit would change", false)
    .action(
      async (app: string, flags: Common & { readonly to?: string; readonly dryRun: boolean }) => {
        const { rollback } = await import("./rollback.ts");
        await rollback(
          dataDirAt(flags.dataDir),
          { app, to: flags.to, dryRun: flags.dryRun },
          out,
          signal,
        );
      },
    );

  withDataDir(program.command("approve"))
    .summary("let a held release go on")
    .argument("[app]", "name of the App", ROOT_APP)
    .action(async (app: string, { dataDir }: Common) => {
      const { approve } = await import("./approve.ts");
      await approve(dataDirAt(dataDir), app, out, signal);
    });
}

function manifestCommands(program: Command, signal: AbortSignal): void {
  program
    .command("validate")
    .summary("check manifests; needs no cluster")
    .description("Exit code 0: all are valid, 1: there are problems, or with --strict warnings.")
    .argument("[paths...]", 'files and folders; "-" is the standard input (default: ".")')
    .option("--namespace <name>", "namespace of manifests that name none", "default")
    .option("--strict", "let warnings fail as well", false)
    .addOption(
      new Option("-o, --output <form>", "how to print")
        .choices(["text", "json", "sarif", "github"])
        .default("text"),
    )
    .action(async (given: readonly string[], flags: Omit<ValidateOptions, "paths">) => {
      const { validate } = await import("./validate.ts");
      const paths = given.length === 0 ? ["."] : given;
      const { stdin } = process;
      process.exitCode = await validate({ ...flags, paths }, { out, err }, { stdin, signal });
    });

  program
    .command("explain")
    .summary("say what a kind or one of its fields is; needs no cluster")
    .argument("<kind>", "kind, plural or short name, with fields: deploy.spec.replicas")
    .option("--api-version <version>", "where a kind is in several versions")
    .option("--recursive", "print all fields below, without descriptions", false)
    .action(
      async (
        target: string,
        flags: { readonly apiVersion?: string; readonly recursive: boolean },
      ) => {
        const { explain } = await import("./explain.ts");
        await explain({ target, ...flags }, out);
      },
    );

  withOutput(withDataDir(program.command("plan")))
    .summary("show what a folder or a Git revision would change in the cluster")
    .description(
      "Runs the very planner and scheduler of the control plane. Exit code 0: no change, 2: changes, 1: error.",
    )
    .argument(
      "[target]",
      "a folder, or a revision of the App's repository (default: its working tree)",
    )
    .option("--app <name>", "name of the App", ROOT_APP)
    .action(
      async (target: string | undefined, flags: Common & OutputFlag & { readonly app: string }) => {
        const { plan } = await import("./plan.ts");
        const options = { target, app: flags.app, output: flags.output };
        process.exitCode = await plan(dataDirAt(flags.dataDir), options, { out, err }, signal);
      },
    );
}

function schedulingCommands(program: Command, signal: AbortSignal): void {
  withOutput(withDataDir(program.command("explain-scheduling")))
    .summary("say why a pod has no node, node by node, and what would help")
    .description("Exit code 0: it has a node or would get one, 1: no node takes it.")
    .argument("<pod>", "name of the pod")
    .option("-n, --namespace <name>", "namespace of the pod", "default")
    .action(async (pod: string, flags: Common & OutputFlag & { readonly namespace: string }) => {
      const { explainScheduling } = await import("./explain-scheduling.ts");
      const { namespace, output } = flags;
      const options = { pod, namespace, output };
      process.exitCode = await explainScheduling(dataDirAt(flags.dataDir), options, out, signal);
    });

  withOutput(withDataDir(program.command("simulate")))
    .summary("show where pods would go if nodes came or went, or workloads grew")
    .description(
      "Runs the very planner and scheduler of the control plane on a copy; touches nothing. Exit code 1: a pod would have no node.",
    )
    .option(
      "--add-node <node>",
      "NAME[:like=NODE,cpu=4,memory=8Gi,LABEL=VALUE]; repeatable",
      collect,
      [],
    )
    .option("--lose-node <name>", "a node that is gone, with its pods; repeatable", collect, [])
    .option("--scale <workload>", "KIND/NAME=COUNT or KIND/NAME=+COUNT; repeatable", collect, [])
    .option("-n, --namespace <name>", "namespace of workloads that name none", "default")
    .action(async (flags: Common & SimulateFlags) => {
      const { simulate } = await import("./simulate.ts");
      process.exitCode = await simulate(dataDirAt(flags.dataDir), flags, out, signal);
    });
}

function processCommands(program: Command, signal: AbortSignal): void {
  withDataDir(program.command("supervise", { hidden: true })).action(
    async ({ dataDir }: Common) => {
      const { supervise } = await import("./supervise.ts");
      const { foregroundLogger } = await import("./process-logger.ts");
      const logger = foregroundLogger("supervisor");
      await supervise(
        { dir: dataDirAt(dataDir), foreground: false, clock: systemClock, logger },
        signal,
      );
    },
  );
  withDataDir(program.command("control-plane", { hidden: true })).action(
    async ({ dataDir }: Common) => {
      const { runControlPlane } = await import("./control-plane.ts");
      await runControlPlane(dataDirAt(dataDir), signal);
    },
  );
  withDataDir(program.command("node", { hidden: true })).action(async ({ dataDir }: Common) => {
    const { runNode } = await import("./node.ts");
    await runNode(dataDirAt(dataDir), signal);
  });
}

interface UpFlags extends Common {
  readonly repo?: string;
  readonly branch: string;
  readonly path: string;
  readonly namespace: string;
  readonly interval: number;
  readonly listen?: string;
  readonly port?: number;
  readonly nodeName?: string;
  readonly podCidr?: string;
  readonly serviceCidr?: string;
  readonly foreground: boolean;
}

interface OutputFlag {
  readonly output: "text" | "json";
}

function withDataDir(command: Command): Command {
  return command.option(
    "--data-dir <folder>",
    "where the cluster keeps its state (or $BERTH_DATA_DIR)",
  );
}

function withOutput(command: Command): Command {
  return command.addOption(
    new Option("-o, --output <form>", "how to print").choices(["text", "json"]).default("text"),
  );
}

/** For options that may be given more than once. */
function collect(value: string, before: readonly string[]): readonly string[] {
  return [...before, value];
}

function wholeNumber(least: number, most: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (Number.isInteger(value) && value >= least && value <= most) return value;
    throw new InvalidArgumentError(`It must be a whole number from ${least} to ${most}.`);
  };
}

function nodeName(text: string): string {
  if (/^[a-z0-9]([-a-z0-9.]{0,61}[a-z0-9])?$/.test(text)) return text;
  throw new InvalidArgumentError(
    "It must be lower-case letters, digits, '-' and '.', at most 63 characters.",
  );
}

/** Aborts at SIGINT, SIGTERM, and when the supervisor that forked this process is gone. */
function stopSignal(): AbortSignal {
  const stop = new AbortController();
  for (const name of ["SIGINT", "SIGTERM"] as const) process.on(name, () => stop.abort());
  if (process.channel !== undefined) process.on("disconnect", () => stop.abort());
  return stop.signal;
}

async function main(): Promise<void> {
  const signal = stopSignal();
  // Whoever reads on may have seen enough, as `head` has.
  process.stdout.on("error", (error: NodeJS.ErrnoException) => {
    if (error.code !== "EPIPE") throw error;
    process.exit(process.exitCode ?? 0);
  });
  try {
    await buildProgram(signal).parseAsync(process.argv);
  } catch (error) {
    if (error instanceof CommanderError) {
      process.exitCode = error.exitCode;
      return;
    }
    if (signal.aborted) {
      process.exitCode = 130;
      return;
    }
    const told = fromSystemError(error);
    if (!(told instanceof CliError)) throw error;
    err(formatCliError(told));
    process.exitCode = told.exitCode;
  }
}

await main();
if (process.channel !== undefined) process.disconnect();
