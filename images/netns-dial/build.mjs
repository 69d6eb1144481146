// Compiles netns-dial.c for both architectures and writes the binaries, as text, into src/agent/streams/netns-dial.gen.ts.
//
//   apt-get install gcc gcc-aarch64-linux-gnu && node images/netns-dial/build.mjs

import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const HERE = fileURLToPath(new URL(".", import.meta.url));
const OUT = fileURLToPath(new URL("../../src/agent/streams/netns-dial.gen.ts", import.meta.url));
const MAX_BYTES = 8192;
const FLAGS = [
  ..."-Os -nostdlib -static -ffreestanding -fno-stack-protector -fno-asynchronous-unwind-tables".split(
    " ",
  ),
  ..."-fno-pie -no-pie -Wall -Wextra -Werror -s".split(" "),
  // One segment, no build id: nothing but the code, and the same bytes on every machine.
  "-Wl,--build-id=none,-z,noseparate-code,-z,noexecstack,-z,max-page-size=4096",
];
const COMPILERS = [
  { arch: "amd64", name: "NETNS_DIAL_AMD64", compiler: "x86_64-linux-gnu-gcc" },
  { arch: "arm64", name: "NETNS_DIAL_ARM64", compiler: "aarch64-linux-gnu-gcc" },
];

const work = mkdtempSync(join(tmpdir(), "berth-netns-dial-"));
try {
  const parts = COMPILERS.map(({ arch, name, compiler }) => {
    const elf = join(work, arch);
    const run = spawnSync(compiler, [...FLAGS, "-o", elf, join(HERE, "netns-dial.c")], {
      encoding: "utf8",
    });
    if (run.error !== undefined)
      throw new Error(`Cannot run "${compiler}": install it with apt-get`, { cause: run.error });
    if (run.status !== 0) throw new Error(`Cannot compile netns-dial for ${arch}:\n${run.stderr}`);
    const bytes = readFileSync(elf);
    if (bytes.length >= MAX_BYTES)
      throw new Error(
        `netns-dial for ${arch} has ${bytes.length} bytes, at most ${MAX_BYTES - 1} are wanted`,
      );
    console.log(`${arch}: ${bytes.length} bytes`);
    return `/** Static ELF of images/netns-dial/netns-dial.c, ${arch}, base64. */\nexport const ${name}: string =\n  "${bytes.toString("base64")}";\n`;
  });
  writeFileSync(OUT, `// Made by images/netns-dial/build.mjs; do not edit.\n\n${parts.join("\n")}`);
} finally {
  rmSync(work, { recursive: true });
}
