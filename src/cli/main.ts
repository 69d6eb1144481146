import { Command, CommanderError } from "commander";
import { CliError, formatCliError } from "./cli-error.ts";
import { accessCommands } from "./commands/access.ts";
import { clusterCommands } from "./commands/cluster.ts";
import { doctorCommands } from "./commands/doctor.ts";
import { manifestCommands } from "./commands/manifests.ts";
import { err } from "./commands/options.ts";
import { planCommands } from "./commands/plans.ts";
import { processCommands } from "./commands/processes.ts";
import { releaseCommands } from "./commands/releases.ts";
import { schedulingCommands } from "./commands/scheduling.ts";
import { secretCommands } from "./commands/secrets.ts";
import { serviceCommands } from "./commands/services.ts";
import { writeCommands } from "./commands/writes.ts";
import { fromSystemError } from "./system-error.ts";
import { VERSION } from "./version.ts";

/*
 * The `berth` command. Each command's engine is loaded when it is called: `berth version` must not wait for it.
 * Exit codes: 0 done, 1 refused or failed, 2 (`plan` only) there are changes.
 */

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
  planCommands(program, signal);
  schedulingCommands(program, signal);
  doctorCommands(program, signal);
  secretCommands(program, signal);
  serviceCommands(program, signal);
  writeCommands(program, signal);
  accessCommands(program, signal);
  processCommands(program, signal);
  return program;
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
