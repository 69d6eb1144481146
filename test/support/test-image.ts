import { readFileSync, statSync } from "node:fs";
import { sha256 } from "../../src/base/hash.ts";
import { imageArchive } from "../../src/agent/image-archive.ts";
import type { ContainerRuntime } from "../../src/agent/runtime.ts";
import type { TarEntry } from "../../src/agent/tar.ts";

const BUSYBOX = "/bin/busybox";
const APPLETS =
  "sh cat echo sleep ls ps id env httpd wget nc ping ip true false test kill touch rm mkdir mv ln stat head tail grep sed awk date hostname mount df chmod readlink seq od wc trap printf";

export const TEST_IMAGE_COMMAND: readonly string[] = ["/bin/sh"];

/** An image with a static busybox, loaded without any registry. Gives its reference. */
export async function ensureTestImage(
  runtime: ContainerRuntime,
  signal: AbortSignal,
): Promise<string> {
  try {
    statSync(BUSYBOX);
  } catch (error) {
    throw new Error(
      `Cannot make the test image: there is no "${BUSYBOX}"; apt-get install busybox-static`,
      { cause: error },
    );
  }
  const binary = new Uint8Array(readFileSync(BUSYBOX));
  const reference = `berth.local/test-busybox:${sha256(binary).slice(0, 12)}`;
  if ((await runtime.image(reference, signal)) !== undefined) return reference;
  const encoder = new TextEncoder();
  const file = (path: string, text: string): TarEntry => ({
    kind: "file",
    path,
    content: encoder.encode(text),
  });
  const files: readonly TarEntry[] = [
    { kind: "directory", path: "bin" },
    { kind: "directory", path: "etc" },
    { kind: "directory", path: "tmp", mode: 0o1777 },
    { kind: "directory", path: "www" },
    { kind: "file", path: "bin/busybox", content: binary, mode: 0o755 },
    ...APPLETS.split(" ")
      .filter((name) => name !== "trap")
      .map((name): TarEntry => ({ kind: "symlink", path: `bin/${name}`, target: "busybox" })),
    file("etc/passwd", "root:x:0:0:root:/:/bin/sh\napp:x:1000:1000:app:/:/bin/sh\n"),
    file("etc/group", "root:x:0:\napp:x:1000:\n"),
    file("www/index.html", "hello from a pod\n"),
  ];
  await runtime.loadImage(
    imageArchive({
      reference,
      architecture: process.arch === "x64" ? "amd64" : process.arch,
      files,
      command: TEST_IMAGE_COMMAND,
      env: ["PATH=/bin"],
    }),
    signal,
  );
  return reference;
}
