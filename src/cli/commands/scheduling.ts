import type { Command } from "commander";
import { dataDirAt } from "../data-dir.ts";
import type { SimulateFlags } from "../simulate.ts";
import { collect, out, withDataDir, withOutput } from "./options.ts";
import type { Common, OutputFlag } from "./options.ts";

/** `explain-scheduling`, `simulate`. */
export function schedulingCommands(program: Command, signal: AbortSignal): void {
  withOutput(withDataDir(program.command("explain-scheduling")))
    .summary("say why a pod has no node, node by node, and what would help")
    .description("Exit code 0: it has a node or would get one, 1: no node takes it.")
    .argument("<pod>", "name of the pod")
    .option("-n, --namespace <name>", "namespace of the pod", "default")
    .action(async (pod: string, flags: Common & OutputFlag & { readonly namespace: string }) => {
      const { explainScheduling } = await import("../explain-scheduling.ts");
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
      const { simulate } = await import("../simulate.ts");
      process.exitCode = await simulate(dataDirAt(flags.dataDir), flags, out, signal);
    });
}
