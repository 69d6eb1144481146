import type { Command } from "commander";
import { dataDirAt } from "../data-dir.ts";
import { out, wholeNumber, withDataDir } from "./options.ts";
import type { Common } from "./options.ts";
import type { WriteFlags } from "../write-object.ts";

const MAX_REPLICAS = 1_000_000;

/** `scale`, `set image`, `restart`, `delete`: each makes one commit. */
export function writeCommands(program: Command, signal: AbortSignal): void {
  withWriteFlags(program.command("scale"))
    .summary("commit another number of replicas")
    .argument("<target>", "KIND/NAME, for instance deployment/web")
    .requiredOption("--replicas <count>", "how many pods", wholeNumber(0, MAX_REPLICAS))
    .action(async (target: string, flags: Common & WriteFlags & { readonly replicas: number }) => {
      const { scale } = await import("../scale.ts");
      await scale(dataDirAt(flags.dataDir), { ...flags, target }, out, signal);
    });

  const set = program.command("set").summary("commit another value of something");
  withWriteFlags(set.command("image"))
    .summary("commit other images of containers")
    .argument("<target>", "KIND/NAME, for instance deployment/web")
    .argument("<image...>", "CONTAINER=IMAGE; IMAGE alone where there is one container")
    .action(async (target: string, images: readonly string[], flags: Common & WriteFlags) => {
      const { setImage } = await import("../set-image.ts");
      await setImage(dataDirAt(flags.dataDir), { ...flags, target, images }, out, signal);
    });

  withWriteFlags(program.command("restart"))
    .summary("commit a mark that has all pods of a workload made anew")
    .argument("<target>", "KIND/NAME, for instance deployment/web")
    .action(async (target: string, flags: Common & WriteFlags) => {
      const { restart } = await import("../restart.ts");
      await restart(dataDirAt(flags.dataDir), { ...flags, target }, out, signal);
    });

  withWriteFlags(program.command("delete"))
    .summary("commit the end of objects")
    .argument("<target...>", "KIND/NAME, for instance deployment/web")
    .action(async (targets: readonly string[], flags: Common & WriteFlags) => {
      const { deleteObjects } = await import("../delete-objects.ts");
      await deleteObjects(dataDirAt(flags.dataDir), { ...flags, targets }, out, signal);
    });
}

function withWriteFlags(command: Command): Command {
  return withDataDir(command)
    .option("-n, --namespace <name>", "namespace of the object", "default")
    .option("-m, --message <text>", "message of the commit, in place of one made from the change")
    .option("--app <name>", "the App to write to, where several could be meant")
    .option("--dry-run", "check the commit and make none", false);
}
