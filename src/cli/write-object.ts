import { ApiError } from "../client/client.ts";
import { readKubeconfig } from "../client/kubeconfig.ts";
import { objectPath } from "../client/paths.ts";
import { Transport } from "../client/transport.ts";
import type { ApiObject, ObjectRef } from "../model/meta.ts";
import { apiVersionOf, RESOURCES, type Resource } from "../model/resources.ts";
import { CliError } from "./cli-error.ts";
import { readIfThere, type DataDir } from "./data-dir.ts";

/** Flags of all commands that write. */
export interface WriteFlags {
  readonly namespace: string;
  /** The commit's message, in place of one made from the change. */
  readonly message?: string;
  /** The App to write to, where that is not plain. */
  readonly app?: string;
  readonly dryRun: boolean;
}

/** One request that becomes a commit. */
export interface CliWrite {
  readonly ref: ObjectRef;
  readonly method: "PATCH" | "DELETE";
  readonly body?: unknown;
}

export interface Writer {
  get(ref: ObjectRef): Promise<ApiObject>;
  /** Resolves with what to print. */
  write(write: CliWrite): Promise<string>;
}

/** Gives `work` what it needs to write through the API as the cluster's administrator. */
export async function withWriter(
  dir: DataDir,
  command: string,
  flags: WriteFlags,
  work: (writer: Writer) => Promise<void>,
  signal: AbortSignal,
): Promise<void> {
  const text = await readIfThere(dir.kubeconfig);
  if (text === undefined) {
    throw new CliError(`Cannot find a cluster in "${dir.root}"`, {
      cure: "start one: berth up --repo PATH, or name its data directory: --data-dir DIR",
    });
  }
  const transport = new Transport(readKubeconfig(text));
  try {
    await work(makeWriter(transport, command, flags, signal));
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    if (error.code === 0) {
      throw new CliError(`Cannot reach the control plane of "${dir.root}": ${error.message}`, {
        cure: "start it: berth up; its log is in the folder log/ of the data directory",
        cause: error,
      });
    }
    throw new CliError(error.message, { cause: error });
  } finally {
    transport.close();
  }
}

function makeWriter(
  transport: Transport,
  command: string,
  { message, app, dryRun }: WriteFlags,
  signal: AbortSignal,
): Writer {
  const headers = {
    "Berth-Command": command,
    ...(message === undefined ? {} : { "Berth-Message": encodeURIComponent(message) }),
    ...(app === undefined ? {} : { "Berth-App": app }),
  };
  return {
    get: (ref) => transport.call<ApiObject>({ method: "GET", path: objectPath(ref) }, signal),
    async write({ ref, method, body }) {
      const warnings: string[] = [];
      const path = `${objectPath(ref)}${dryRun ? "?dryRun=All" : ""}`;
      const onWarning = (text: string): void => void warnings.push(text);
      const contentType =
        method === "PATCH" ? "application/strategic-merge-patch+json" : "application/json";
      await transport.call(
        { method, path, body: body ?? {}, contentType, headers, onWarning },
        signal,
      );
      const what = `${ref.kind.toLowerCase()} ${ref.name}`;
      if (dryRun) return [`${what}: would be committed (dry run)`, ...warnings].join("\n");
      const isWritten = warnings.some((text) => text.startsWith("committed "));
      return (isWritten ? warnings : [`${what}: nothing to change`, ...warnings]).join("\n");
    },
  };
}

/** The object that `deployment/web` names; kinds by any of their names. Throws `CliError`. */
export function parseTarget(text: string, namespace: string): ObjectRef {
  const [word = "", name = "", ...rest] = text.split("/");
  const resource = findByWord(word.toLowerCase());
  if (rest.length > 0 || name === "")
    throw new CliError(`Cannot read "${text}": it must be KIND/NAME, for instance deployment/web`);
  if (resource === undefined)
    throw new CliError(`Cannot find a kind "${word}"`, {
      cure: "kubectl api-resources lists them",
    });
  const kind = { apiVersion: apiVersionOf(resource), kind: resource.kind, name };
  return resource.namespaced ? { ...kind, namespace } : kind;
}

function findByWord(word: string): Resource | undefined {
  return RESOURCES.find(
    ({ singular, plural, shortNames }) =>
      singular === word || plural === word || shortNames.includes(word),
  );
}
