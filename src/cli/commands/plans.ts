import { Option } from "commander";
import type { Command } from "commander";
import type { ForgeKind } from "../../sync/forge/forge.ts";
import { dataDirAt } from "../data-dir.ts";
import { ROOT_APP } from "../root-app.ts";
import { collect, err, out, wholeNumber, withDataDir, withOutput } from "./options.ts";
import type { Common, OutputFlag } from "./options.ts";

interface PlanFlags extends Common {
  readonly app: readonly string[];
  readonly snapshot?: string;
  readonly repo?: string;
  readonly output: "text" | "markdown" | "json";
  readonly name: string;
}

/** `plan`, `snapshot`, `pr-check`, `history`, `blame`. */
export function planCommands(program: Command, signal: AbortSignal): void {
  withDataDir(program.command("plan"))
    .summary("show what a folder or a Git revision would change in the cluster")
    .description(
      "Runs the very planner and scheduler of the control plane. Exit code 0: no change, 2: changes, 1: it would be Rejected, or an error.",
    )
    .argument(
      "[target]",
      "BASE..HEAD, a revision, or a folder (default: the work tree of the App's repository)",
    )
    .option(
      "--app <name>",
      "only this App; repeatable (default: all that the change touches)",
      collect,
      [],
    )
    .option("--snapshot <file>", "plan against this file of `berth snapshot`, not the cluster")
    .option("--repo <folder>", "read revisions from this checkout of the App's repository")
    .option("--name <name>", "tells the comments of several clusters apart", "default")
    .addOption(
      new Option("-o, --output <form>", "how to print")
        .choices(["text", "markdown", "json"])
        .default("text"),
    )
    .action(async (target: string | undefined, flags: PlanFlags) => {
      const { plan } = await import("../plan.ts");
      const { dataDir, app, snapshot, repo, output, name } = flags;
      const options = {
        target,
        apps: app,
        snapshot,
        output,
        name,
        isColoured: isColoured(),
        ...(repo === undefined ? {} : { repo }),
      };
      process.exitCode = await plan(dataDirAt(dataDir), options, { out, err }, signal);
    });

  withDataDir(program.command("snapshot"))
    .summary("print what plans need of the cluster, to plan elsewhere")
    .description("Values of Secrets are left out; digests stand in their place.")
    .action(async ({ dataDir }: Common) => {
      const { printSnapshot } = await import("../plan.ts");
      await printSnapshot(dataDirAt(dataDir), out, signal);
    });

  prCheckCommand(program, signal);
  historyCommand(program, signal);
  blameCommand(program, signal);
}

interface HistoryFlags extends Common {
  readonly output: "text" | "wide" | "json";
  readonly object?: string;
  readonly namespace: string;
}

function historyCommand(program: Command, signal: AbortSignal): void {
  withDataDir(program.command("history"))
    .summary("list the releases of an App with their outcome, newest first")
    .argument("[app]", "name of the App", ROOT_APP)
    .option("--object <object>", "only releases that changed it: deploy/web")
    .option("-n, --namespace <name>", "namespace of the object", "default")
    .addOption(
      new Option("-o, --output <form>", "how to print")
        .choices(["text", "wide", "json"])
        .default("text"),
    )
    .action(async (app: string, { dataDir, output, object, namespace }: HistoryFlags) => {
      const { formatHistory } = await import("../history.ts");
      const { historyOf } = await import("../history-object.ts");
      const target = object === undefined ? undefined : { target: object, namespace };
      const releases = await historyOf(dataDirAt(dataDir), app, target, signal);
      out(
        output === "json"
          ? JSON.stringify(releases, null, 2)
          : formatHistory(releases, output === "wide"),
      );
    });
}

function blameCommand(program: Command, signal: AbortSignal): void {
  withOutput(withDataDir(program.command("blame")))
    .summary("say which commit, line and release an object, a field or a pod is from")
    .description(
      "Follows each field back to the commit that gave it its value. Of a pod it says too why it was made anew.",
    )
    .argument("<object>", "POD, or KIND/NAME, with a field: deploy/web.spec.replicas")
    .option("-n, --namespace <name>", "namespace of the object", "default")
    .action(async (target: string, flags: Common & OutputFlag & { readonly namespace: string }) => {
      const { blame } = await import("../blame.ts");
      const { formatBlame } = await import("../format-blame.ts");
      const { dataDir, namespace, output } = flags;
      const found = await blame(dataDirAt(dataDir), { target, namespace }, signal);
      out(output === "json" ? JSON.stringify(found, null, 2) : formatBlame(found));
    });
}

interface PrCheckFlags extends Common {
  readonly base?: string;
  readonly head?: string;
  readonly number?: number;
  readonly forge?: ForgeKind;
  readonly forgeUrl?: string;
  readonly project?: string;
  readonly repo: string;
  readonly app: readonly string[];
  readonly snapshot?: string;
  readonly name: string;
  readonly strict: boolean;
  readonly path: readonly string[];
  readonly namespace: string;
}

function prCheckCommand(program: Command, signal: AbortSignal): void {
  withDataDir(program.command("pr-check"))
    .summary("plan what merging a pull request would do, and comment on it; for CI")
    .description(
      "Knows GitHub Actions, GitLab CI and Gitea Actions; elsewhere say --base. Writes a comment and a commit status where there is a token (BERTH_FORGE_TOKEN, or the CI's own). Plans against --snapshot, the cluster of BERTH_KUBECONFIG or --data-dir; without any it only validates. Exit code 0: it may be merged, 1: it would be Rejected, does not merge, or an error.",
    )
    .option("--base <revision>", "what it is merged into (default: as the CI says)")
    .option("--head <revision>", "what is merged (default: as the CI says, else HEAD)")
    .option("--number <number>", "of the pull request", wholeNumber(1, 1_000_000_000))
    .addOption(
      new Option("--forge <kind>", "the repository's server").choices([
        "github",
        "gitlab",
        "gitea",
      ]),
    )
    .option("--forge-url <url>", "address of its API")
    .option("--project <path>", "the repository on it: owner/name")
    .option("--repo <folder>", "the checkout", ".")
    .option("--app <name>", "only this App; repeatable", collect, [])
    .option("--snapshot <file>", "plan against this file of `berth snapshot` (or $BERTH_SNAPSHOT)")
    .option("--name <name>", "tells the comments of several clusters apart", "default")
    .option(
      "--strict",
      "fail too when somebody should look at it: Held, pods without a node",
      false,
    )
    .option("--path <folder>", "folder to validate without a cluster; repeatable", collect, [])
    .option(
      "--namespace <name>",
      "namespace of manifests that name none, without a cluster",
      "default",
    )
    .action(async (flags: PrCheckFlags) => {
      const { prCheck } = await import("../pr-check.ts");
      const { dataDir, app, path, snapshot, ...rest } = flags;
      const paths = path.length === 0 ? ["."] : path;
      const options = { ...rest, apps: app, paths, snapshot };
      const context = { env: process.env, output: { out, err } };
      process.exitCode = await prCheck(dataDirAt(dataDir), options, context, signal);
    });
}

/** Only on a terminal, and unless the user wants none: no-color.org. */
function isColoured(): boolean {
  const { NO_COLOR: refused = "" } = process.env;
  return process.stdout.isTTY && refused === "";
}
