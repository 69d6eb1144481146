import { createInterface } from "node:readline/promises";
import type { Command } from "commander";
import type { SecretContext } from "../secret-files.ts";
import { CliError } from "../cli-error.ts";
import { dataDirAt } from "../data-dir.ts";
import { collect, err, out, withDataDir } from "./options.ts";
import type { Common } from "./options.ts";

interface Recipients extends Common {
  readonly age: readonly string[];
}

/** What a new file begins as. */
const TEMPLATE = `apiVersion: v1
kind: Secret
metadata:
  name: NAME
stringData:
  KEY: VALUE
`;

/** `secret encrypt|decrypt|edit|rotate|recipient`. */
export function secretCommands(program: Command, signal: AbortSignal): void {
  const secret = program
    .command("secret")
    .summary("encrypt Secrets for Git, and change them there; needs no cluster")
    .description(
      "Files are in the format of SOPS, for age recipients. Private keys come from $SOPS_AGE_KEY, $SOPS_AGE_KEY_FILE,\n~/.config/sops/age/keys.txt and the cluster's data directory.",
    );

  withRecipients(secret.command("encrypt"))
    .summary("encrypt the values of plain manifests, in place")
    .argument("<files...>", "manifests (.yaml, .yml, .json)")
    .option("--stdout", "print instead of writing", false)
    .action(async (files: readonly string[], flags: Recipients & { readonly stdout: boolean }) => {
      const { encryptFile } = await import("../secret-files.ts");
      const context = contextOf(flags);
      for (const file of files) await put(file, await encryptFile(file, flags.age, context), flags);
    });

  withDataDir(secret.command("decrypt"))
    .summary("print a file in the clear")
    .argument("<file>", "encrypted manifest")
    .option("--in-place", "write it in the clear instead: never commit that", false)
    .action(async (file: string, flags: Common & { readonly inPlace: boolean }) => {
      const { decryptFile } = await import("../secret-files.ts");
      const text = await decryptFile(file, contextOf(flags));
      await put(file, text, { stdout: !flags.inPlace });
    });

  withDataDir(secret.command("edit"))
    .summary("change an encrypted file with $EDITOR; only what changed is encrypted anew")
    .argument("<file>", "encrypted manifest, or a new one")
    .action(async (file: string, flags: Common) => {
      await edit(file, contextOf(flags), signal);
    });

  withRecipients(secret.command("rotate"))
    .summary("encrypt files anew: with a new key, to other recipients")
    .description("Recipients are --age, else those of .sops.yaml, else the file's own.")
    .argument("<files...>", "encrypted manifests")
    .action(async (files: readonly string[], flags: Recipients) => {
      const { rotateFile } = await import("../secret-files.ts");
      const context = contextOf(flags);
      for (const file of files)
        await put(file, await rotateFile(file, flags.age, context), { stdout: false });
    });

  withDataDir(secret.command("recipient"))
    .summary("print the public key of the cluster on this machine")
    .action(async ({ dataDir }: Common) => {
      const { readClusterRecipient } = await import("../secret-key.ts");
      const dir = dataDirAt(dataDir);
      const recipient = await readClusterRecipient(dir);
      if (recipient === undefined)
        throw new CliError(`Cannot find a cluster's key in "${dir.pki}"`, {
          cure: "run this where `berth up` ran, as the same user; or make a key of your own with age-keygen",
        });
      out(recipient);
    });
}

function withRecipients(command: Command): Command {
  return withDataDir(command).option(
    "--age <recipient>",
    "public age key to encrypt to; repeatable",
    collect,
    [],
  );
}

function contextOf({ dataDir }: Common): SecretContext {
  return { dir: dataDirAt(dataDir), env: process.env, now: new Date() };
}

async function put(
  file: string,
  text: string,
  { stdout }: { readonly stdout: boolean },
): Promise<void> {
  const { replaceFile } = await import("../secret-files.ts");
  if (stdout) process.stdout.write(text);
  else await replaceFile(file, text);
}

async function edit(file: string, context: SecretContext, signal: AbortSignal): Promise<void> {
  const { openEditable } = await import("../secret-files.ts");
  const { editInMemory } = await import("../secret-edit.ts");
  const opened = await openEditable(file, TEMPLATE, context);
  const again = async ({ message, cure }: CliError): Promise<boolean> => {
    if (!process.stdin.isTTY) return false;
    err(`${message}\n  → ${cure ?? "mend it"}`);
    const lines = createInterface({ input: process.stdin, output: process.stderr });
    const answer = await lines.question("Edit again? [Y/n] ", { signal });
    lines.close();
    return !/^n/i.test(answer.trim());
  };
  const { env } = context;
  const close = (text: string): Promise<string> => opened.close(text);
  const options = { file, text: opened.text, env, close, again };
  await put(file, await editInMemory(options, signal), { stdout: false });
}
