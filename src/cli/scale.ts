import { CliError } from "./cli-error.ts";
import type { DataDir } from "./data-dir.ts";
import { parseTarget, withWriter, type WriteFlags } from "./write-object.ts";

const SCALABLE: ReadonlySet<string> = new Set([
  "Deployment",
  "StatefulSet",
  "ReplicaSet",
  "ReplicationController",
]);

/** Commits another number of replicas. */
export async function scale(
  dir: DataDir,
  options: WriteFlags & { readonly target: string; readonly replicas: number },
  print: (line: string) => void,
  signal: AbortSignal,
): Promise<void> {
  const ref = parseTarget(options.target, options.namespace);
  if (!SCALABLE.has(ref.kind)) throw new CliError(`Cannot scale a ${ref.kind}: it has no replicas`);
  const body = { spec: { replicas: options.replicas } };
  await withWriter(
    dir,
    "berth scale",
    options,
    async (writer) => print(await writer.write({ ref, method: "PATCH", body })),
    signal,
  );
}
