import type { Command } from "commander";
import { systemClock } from "../../base/system-clock.ts";
import { dataDirAt } from "../data-dir.ts";
import { out, withDataDir, withOutput } from "./options.ts";
import type { Common, OutputFlag } from "./options.ts";

/** `doctor network`. */
export function doctorCommands(program: Command, signal: AbortSignal): void {
  const doctor = program
    .command("doctor")
    .summary("look for what is wrong with the cluster, and say how to mend it");
  withOutput(withDataDir(doctor.command("network")))
    .summary("look at the network from every node: routes, MTU, firewalls, Services, DNS")
    .description(
      "Every Ready node looks at its host and sends to every other one. Ends with 1 when there is a problem.",
    )
    .action(async ({ dataDir, output }: Common & OutputFlag) => {
      const { withClient } = await import("../connect.ts");
      const { examineCluster, formatFindings } = await import("../doctor.ts");
      const findings = await withClient(dataDirAt(dataDir), (client) =>
        examineCluster(client, systemClock, signal),
      );
      out(output === "json" ? JSON.stringify(findings, null, 2) : formatFindings(findings));
      if (findings.some(({ status }) => status === "problem")) process.exitCode = 1;
    });
}
