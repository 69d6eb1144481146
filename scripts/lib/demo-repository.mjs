import {
  chownSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { basename, join } from "node:path";
import { ROOT } from "./paths.mjs";
import { Stop, step } from "./progress.mjs";
import { attempt, run } from "./run.mjs";

const EXAMPLE = join(ROOT, "examples", "hello");
const NODE_PORT = /^(\s*nodePort:\s*)(\d+)/m;

/** Makes a Git repository from the example, with its first commit. One that is there is left as it is. */
export async function ensureRepository(folder, nodePort) {
  if (!existsSync(folder)) {
    await step(`Making the repository ./${basename(folder)}`, () =>
      makeRepository(folder, nodePort),
    );
    return;
  }
  const { code } = await attempt("git", ["-C", folder, "rev-parse", "--verify", "-q", "main"]);
  if (code === 0 && existsSync(join(folder, ".git"))) return;
  throw new Stop(
    `${folder} is there, but it is not a Git repository with a branch "main". Move it away; the next run makes a new one`,
  );
}

/** The node port that the repository's Service asks for, if there is one. */
export function nodePortOf(folder) {
  const path = join(folder, "service.yaml");
  const text = existsSync(path) ? readFileSync(path, "utf8") : "";
  const port = NODE_PORT.exec(text)?.[2];
  return port === undefined ? undefined : Number(port);
}

/** Made beside its place and moved there when complete, so that an interrupted run leaves nothing half-done. */
async function makeRepository(folder, nodePort) {
  const draft = `${folder}.${process.pid}.tmp`;
  try {
    mkdirSync(draft);
    cpSync(EXAMPLE, draft, { recursive: true });
    const service = join(draft, "service.yaml");
    writeFileSync(service, readFileSync(service, "utf8").replace(NODE_PORT, `$1${nodePort}`));
    await run("git", ["-C", draft, "init", "-q", "-b", "main"]);
    await ensureIdentity(draft);
    await run("git", ["-C", draft, "add", "--all"]);
    await run("git", ["-C", draft, "commit", "-q", "-m", "say hello"]);
    giveToUser(draft);
    renameSync(draft, folder);
  } finally {
    rmSync(draft, { recursive: true, force: true });
  }
}

/** Commits need an author; where the user has not said who he is, this repository does. */
async function ensureIdentity(folder) {
  for (const [key, value] of [
    ["user.name", "Berth demo"],
    ["user.email", "demo@berth.invalid"],
  ]) {
    const { code } = await attempt("git", ["-C", folder, "config", key]);
    if (code !== 0) await run("git", ["-C", folder, "config", key, value]);
  }
}

/** Under sudo the repository belongs to the user who asked for it, who is to commit in it. */
function giveToUser(folder) {
  const uid = Number(process.env.SUDO_UID ?? 0);
  const gid = Number(process.env.SUDO_GID ?? 0);
  if (uid === 0) return;
  chownSync(folder, uid, gid);
  for (const name of readdirSync(folder, { recursive: true }))
    chownSync(join(folder, name), uid, gid);
}
