import type { DataDir } from "./data-dir.ts";
import { parseTarget, withWriter, type WriteFlags } from "./write-object.ts";

/** Commits the end of objects: all of one App in one commit. */
export async function deleteObjects(
  dir: DataDir,
  options: WriteFlags & { readonly targets: readonly string[] },
  print: (line: string) => void,
  signal: AbortSignal,
): Promise<void> {
  const refs = options.targets.map((target) => parseTarget(target, options.namespace));
  await withWriter(
    dir,
    "berth delete",
    options,
    async (writer) => {
      const said = await Promise.all(refs.map((ref) => writer.write({ ref, method: "DELETE" })));
      for (const line of new Set(said)) print(line);
    },
    signal,
  );
}
