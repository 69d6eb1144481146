import { readFileSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { ROOT } from "./paths.mjs";
import { Stop } from "./progress.mjs";
import { attempt, findProgram } from "./run.mjs";

const PASSWD = "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n";
const GROUP = "root:x:0:\nnogroup:x:65534:\n";
/** Programs of busybox that the tests use. */
const APPLETS =
  "cat chmod cp date echo env false grep head hostname httpd id kill ls mkdir mktemp mv nc nslookup ping ps rm sed sh sleep sort tail tee test touch true wc wget".split(
    " ",
  );

/** Files of the demo image: this machine's Node with the libraries that it loads, and the server. */
export async function helloLayer(node) {
  const libraries = await librariesOf(node);
  return withFolders([
    fromDisk("usr/local/bin/node", node, 0o755),
    ...libraries.map((path) => fromDisk(path.slice(1), path, 0o755)),
    { path: "app/server.mjs", content: readFileSync(join(ROOT, "images", "hello", "server.mjs")) },
    ...accounts(),
  ]);
}

/** Files of the test image: a static busybox under the names of its programs. */
export function busyboxLayer() {
  const busybox = findProgram("busybox");
  if (busybox === undefined)
    throw new Stop(
      "busybox was not found. Install it (Debian and Ubuntu: apt-get install busybox-static)",
    );
  return withFolders([
    fromDisk("bin/busybox", busybox, 0o755),
    ...APPLETS.map((name) => ({ path: `bin/${name}`, link: "busybox" })),
    ...accounts(),
  ]);
}

/** The shared libraries of a program and its loader, as paths of this machine. */
async function librariesOf(program) {
  const { code, output } = await attempt("ldd", [program]);
  const paths = output
    .split("\n")
    .map((line) => /(?:=> )?(\/\S+) \(0x/.exec(line)?.[1])
    .filter((path) => path !== undefined);
  if (code !== 0 || paths.length === 0)
    throw new Stop(`ldd could not list the libraries of ${program}:\n${output.trim()}`);
  return [...new Set(paths)].toSorted(byCodeUnit);
}

/** The same order on every machine, so that the same files give the same archive. */
function byCodeUnit(a, b) {
  return a < b ? -1 : 1;
}

function accounts() {
  return [
    { path: "etc/passwd", content: PASSWD },
    { path: "etc/group", content: GROUP },
    { path: "tmp", folder: true, mode: 0o1777 },
  ];
}

function fromDisk(path, file, mode) {
  return { path, file, mode, size: statSync(file).size };
}

/** The entries with the folders that hold them, each once and before its content. */
function withFolders(entries) {
  const folders = new Set();
  for (const { path } of entries)
    for (let folder = dirname(path); folder !== "."; folder = dirname(folder)) folders.add(folder);
  return [...[...folders].toSorted(byCodeUnit).map((path) => ({ path, folder: true })), ...entries];
}
