import { InvalidArgumentError, Option } from "commander";
import type { Command } from "commander";
import { systemClock } from "../../base/system-clock.ts";
import { NETWORK_DRIVERS, type NetworkDriverChoice } from "../../proxy/network/driver.ts";
import { dataDirAt } from "../data-dir.ts";
import { VERSION } from "../version.ts";
import type { AccessFlags } from "../git-access.ts";
import { collect, out, wholeNumber, withDataDir, withOutput } from "./options.ts";
import type { Common, OutputFlag } from "./options.ts";

/** `up`, `down`, `status`, `version`. */
export function clusterCommands(program: Command, signal: AbortSignal): void {
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
    .option("--allow-plain-secrets", "take Secrets that stand in it as plain text")
    .option("--git-secret <name>", "Secret in berth-system with what the repository asks for")
    .option("--git-username <name>", "user at the repository's server")
    .option("--git-password-file <file>", "file with the password or token for it")
    .option("--ssh-key <file>", "private deploy key, for a repository over SSH")
    .option("--known-hosts <file>", "the SSH server's host keys; no other server is talked to")
    .option("--git-ca <file>", "certificate of the authority of the repository's server")
    .option("--listen <address>", "address that the API listens on (default 127.0.0.1)")
    .option("--port <port>", "port that the API listens on (default 6443)", wholeNumber(1, 65_535))
    .option("--node-name <name>", "name of this node (default: the host's name)", nodeName)
    .option("--pod-cidr <cidr>", "network for pods (default: a free one)")
    .option("--service-cidr <cidr>", "network for services (default: a free one)")
    .addOption(
      new Option(
        "--network-driver <name>",
        "how nodes reach each other's pods (default auto: as fits each pair)",
      ).choices(NETWORK_DRIVERS),
    )
    .option(
      "--foreground",
      "stay in the foreground and print the logs, for systemd and debugging",
      false,
    )
    .action(async (options: UpFlags) => {
      const { up } = await import("../up.ts");
      const { interval, dataDir, ...rest } = options;
      const flags = {
        repo: undefined,
        listen: undefined,
        port: undefined,
        nodeName: undefined,
        podCidr: undefined,
        serviceCidr: undefined,
        networkDriver: undefined,
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
      const { down } = await import("../down.ts");
      await down(dataDirAt(dataDir), { volumes }, out, systemClock, signal);
    });

  withOutput(withDataDir(program.command("status")))
    .summary("show Apps, their newest release, nodes and Deployments")
    .option("--plan-id <id>", "say whether this plan is what ran; repeatable", collect, [])
    .option(
      "-w, --watch",
      "go on showing it: drawn anew on a terminal, a line per change elsewhere",
    )
    .action(async ({ dataDir, output, planId, watch }: StatusFlags) => {
      const { withClient } = await import("../connect.ts");
      const { readCluster } = await import("../cluster-view.ts");
      const { formatStatus } = await import("../status.ts");
      const { watchStatus } = await import("../watch-status.ts");
      const { readNotedRecipient } = await import("../secret-recipient.ts");
      const dir = dataDirAt(dataDir);
      await withClient(dir, async (client) => {
        const secretsRecipient = await readNotedRecipient(dir);
        const more = secretsRecipient === undefined ? {} : { secretsRecipient };
        const view = { ...(await readCluster(client, signal)), ...more };
        if (watch !== true)
          return out(
            output === "json" ? JSON.stringify(view, null, 2) : formatStatus(view, planId),
          );
        const screen = {
          size: () =>
            process.stdout.isTTY
              ? { rows: process.stdout.rows, columns: process.stdout.columns }
              : undefined,
          write: (text: string) => void process.stdout.write(text),
        };
        const format = (now: typeof view): string => formatStatus(now, planId);
        await watchStatus(client, { output, format, screen, clock: systemClock }, signal);
      });
    });

  program
    .command("version")
    .summary("print the version")
    .action(() => out(`berth ${VERSION} (node ${process.versions.node})`));
}

interface StatusFlags extends Common, OutputFlag {
  readonly planId: readonly string[];
  readonly watch?: true;
}

interface UpFlags extends Common, AccessFlags {
  readonly repo?: string;
  readonly branch: string;
  readonly path: string;
  readonly namespace: string;
  readonly interval: number;
  readonly allowPlainSecrets?: boolean;
  readonly listen?: string;
  readonly port?: number;
  readonly nodeName?: string;
  readonly podCidr?: string;
  readonly serviceCidr?: string;
  readonly networkDriver?: NetworkDriverChoice;
  readonly foreground: boolean;
}

function nodeName(text: string): string {
  if (/^[a-z0-9]([-a-z0-9.]{0,61}[a-z0-9])?$/.test(text)) return text;
  throw new InvalidArgumentError(
    "It must be lower-case letters, digits, '-' and '.', at most 63 characters.",
  );
}
