import type { Command } from "commander";
import { systemClock } from "../../base/system-clock.ts";
import { dataDirAt } from "../data-dir.ts";
import { withDataDir } from "./options.ts";
import type { Common } from "./options.ts";

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
}
