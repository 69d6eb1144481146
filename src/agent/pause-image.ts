import { sha256 } from "../base/hash.ts";
import { imageArchive } from "./image-archive.ts";
import { PAUSE_AMD64, PAUSE_ARM64 } from "./pause-image.gen.ts";
import { RuntimeError, type ContainerRuntime } from "./runtime.ts";

/** Node's names of architectures → Docker's, and the binary. */
const BINARIES: Readonly<Record<string, { readonly architecture: string; readonly elf: string }>> =
  {
    x64: { architecture: "amd64", elf: PAUSE_AMD64 },
    arm64: { architecture: "arm64", elf: PAUSE_ARM64 },
  };

/** The reference of the sandbox image, imported first when the host lacks it. No registry is asked. */
export async function ensurePauseImage(
  runtime: ContainerRuntime,
  arch: string,
  signal: AbortSignal,
): Promise<string> {
  const binary = BINARIES[arch];
  if (binary === undefined) {
    throw new RuntimeError(
      "unsupported",
      `Cannot make the sandbox image: there is no binary for the architecture "${arch}", only for ${Object.keys(BINARIES).join(" and ")}`,
    );
  }
  const elf = new Uint8Array(Buffer.from(binary.elf, "base64"));
  const reference = `berth.local/pause:${sha256(elf).slice(0, 12)}`;
  if ((await runtime.image(reference, signal)) !== undefined) return reference;
  const archive = imageArchive({
    reference,
    architecture: binary.architecture,
    files: [{ kind: "file", path: "pause", content: elf, mode: 0o555 }],
    entrypoint: ["/pause"],
  });
  await runtime.loadImage(archive, signal);
  return reference;
}
