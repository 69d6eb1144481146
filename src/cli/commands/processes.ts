import { InvalidArgumentError, type Command } from "commander";
import { systemClock } from "../../base/system-clock.ts";
import { dataDirAt } from "../data-dir.ts";
import { wholeNumber, withDataDir } from "./options.ts";
import type { Common } from "./options.ts";
import type { HollowOptions } from "../hollow.ts";

interface NodeOptions extends Common {
  readonly joinDir?: string;
  readonly disableExec?: boolean;
}

/** What the supervisor starts; hidden from help. */
export function processCommands(program: Command, signal: AbortSignal): void {
  withDataDir(program.command("supervise", { hidden: true })).action(
    async ({ dataDir }: Common) => {
      const { supervise } = await import("../supervise.ts");
      const { foregroundLogger } = await import("../process-logger.ts");
      const logger = foregroundLogger("supervisor");
      await supervise(
        { dir: dataDirAt(dataDir), foreground: false, clock: systemClock, logger },
        signal,
      );
    },
  );
  withDataDir(program.command("control-plane", { hidden: true })).action(
    async ({ dataDir }: Common) => {
      const { runControlPlane } = await import("../control-plane.ts");
      await runControlPlane(dataDirAt(dataDir), signal);
    },
  );
  withDataDir(program.command("node", { hidden: true }))
    .option(
      "--join-dir <folder>",
      "a node of another machine: cluster.json, ca.crt, node.crt, node.key",
    )
    .option("--disable-exec", "refuse exec, attach and port-forward on this node")
    .action(async ({ dataDir, joinDir, disableExec }: NodeOptions) => {
      const { runNode } = await import("../node.ts");
      const { readLocalNode } = await import("../node-setup.ts");
      const { readJoinDir } = await import("../join-dir.ts");
      const setup =
        joinDir === undefined
          ? await readLocalNode(dataDirAt(dataDir))
          : await readJoinDir(joinDir);
      await runNode({ ...setup, refuseExec: disableExec === true }, signal);
    });
  hollowCommand(program, signal);
}

/** Nodes without containers, to measure a control plane with. */
function hollowCommand(program: Command, signal: AbortSignal): void {
  const share = numberWithin(0, 1);
  withDataDir(program.command("hollow", { hidden: true }))
    .option("--nodes <count>", "how many", wholeNumber(1, 10_000), 1)
    .option("--from <number>", "the number of the first", wholeNumber(0, 100_000), 0)
    .option("--prefix <text>", "what their names begin with", "hollow-")
    .option("--cpus <count>", "of each", wholeNumber(1, 1_024), 8)
    .option("--memory-gib <count>", "of each", wholeNumber(1, 16_384), 32)
    .option("--seed <number>", "of times and failures", wholeNumber(0, 2 ** 31), 1)
    .option("--per-second <count>", "how many join in a second", wholeNumber(1, 1_000), 50)
    .option("--pull-fails <share>", "of pulls, from 0 to 1", share, 0)
    .option("--start-fails <share>", "of starts, from 0 to 1", share, 0)
    .option("--probe-fails <share>", "of probes, from 0 to 1", share, 0)
    .option("--crashes-per-hour <number>", "of each container", numberWithin(0, 3_600), 0)
    .action(async ({ dataDir, ...options }: Common & HollowOptions) => {
      const { runHollow } = await import("../hollow.ts");
      await runHollow(dataDirAt(dataDir), options, signal);
    });
}

function numberWithin(least: number, most: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (text.trim() !== "" && value >= least && value <= most) return value;
    throw new InvalidArgumentError(`it must be a number from ${least} to ${most}`);
  };
}
