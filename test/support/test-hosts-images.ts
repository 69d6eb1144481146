import { randomUUID } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdir, rename } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { mustRun } from "./command.ts";

const FOLDER = join(tmpdir(), "berth-test-images");
const ENV = { ...process.env, DOCKER_API_VERSION: "1.41" };

/** An archive of an image that the machine's Engine has; written once for each version of it. */
export async function imageArchiveFile(reference: string): Promise<string> {
  const inspect = ["image", "inspect", "--format", "{{.Id}}", reference];
  const id = (await mustRun("docker", inspect, { env: ENV })).trim().replace("sha256:", "");
  const name = reference.replaceAll(/[^A-Za-z0-9.]+/g, "-");
  const file = join(FOLDER, `${name}-${id.slice(0, 12)}.tar`);
  if (existsSync(file)) return file;
  await mkdir(FOLDER, { recursive: true });
  const draft = `${file}.${randomUUID()}`;
  await mustRun("docker", ["save", "--output", draft, reference], { env: ENV });
  await rename(draft, file);
  return file;
}
