import { formatTime } from "../base/clock.ts";
import { systemClock } from "../base/system-clock.ts";
import type { DataDir } from "./data-dir.ts";
import { patchTemplate } from "./pod-template.ts";
import { parseTarget, withWriter, type WriteFlags } from "./write-object.ts";

/** Commits an annotation of the pods, so that all of them are made anew, as `kubectl rollout restart` does. */
export async function restart(
  dir: DataDir,
  options: WriteFlags & { readonly target: string },
  print: (line: string) => void,
  signal: AbortSignal,
): Promise<void> {
  const ref = parseTarget(options.target, options.namespace);
  const annotations = { "kubectl.kubernetes.io/restartedAt": formatTime(systemClock.now()) };
  const body = patchTemplate(ref.kind, { metadata: { annotations } });
  await withWriter(
    dir,
    "berth restart",
    options,
    async (writer) => print(await writer.write({ ref, method: "PATCH", body })),
    signal,
  );
}
