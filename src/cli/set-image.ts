import { CliError } from "./cli-error.ts";
import type { DataDir } from "./data-dir.ts";
import { patchTemplate, podSpecOf } from "./pod-template.ts";
import { parseTarget, withWriter, type WriteFlags } from "./write-object.ts";

/** Commits other images of containers: `CONTAINER=IMAGE`, or `IMAGE` alone where there is one container. */
export async function setImage(
  dir: DataDir,
  options: WriteFlags & { readonly target: string; readonly images: readonly string[] },
  print: (line: string) => void,
  signal: AbortSignal,
): Promise<void> {
  const ref = parseTarget(options.target, options.namespace);
  await withWriter(
    dir,
    "berth set image",
    options,
    async (writer) => {
      const { containers, initContainers = [] } = podSpecOf(await writer.get(ref));
      const own = containers.map(({ name }) => name);
      const init = initContainers.map(({ name }) => name);
      const images = options.images.map((text) => parseImage(text, own));
      const unknown = images.find(({ name }) => !own.includes(name) && !init.includes(name));
      if (unknown !== undefined) {
        const names = [...own, ...init].join(", ");
        throw new CliError(`Cannot find a container "${unknown.name}" in ${options.target}`, {
          cure: `its containers are: ${names}`,
        });
      }
      const of = (names: readonly string[]) => images.filter(({ name }) => names.includes(name));
      const spec = {
        ...(of(own).length > 0 ? { containers: of(own) } : {}),
        ...(of(init).length > 0 ? { initContainers: of(init) } : {}),
      };
      print(await writer.write({ ref, method: "PATCH", body: patchTemplate(ref.kind, { spec }) }));
    },
    signal,
  );
}

function parseImage(
  text: string,
  containers: readonly string[],
): { readonly name: string; readonly image: string } {
  const cut = text.indexOf("=");
  if (cut > 0) return { name: text.slice(0, cut), image: text.slice(cut + 1) };
  const [only] = containers;
  if (only !== undefined && containers.length === 1 && cut < 0) return { name: only, image: text };
  throw new CliError(`Cannot tell which container gets image "${text}"`, {
    cure: `write CONTAINER=IMAGE, with one of: ${containers.join(", ")}`,
  });
}
