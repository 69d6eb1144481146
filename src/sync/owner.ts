import { chown, mkdir } from "node:fs/promises";
import type { Layout } from "./repository-layout.ts";

export type Owner = Layout["owner"];

/** Gives a file that root made to the repository's owner, whose `git` must be able to work with it. */
export async function giveTo(owner: Owner, path: string): Promise<void> {
  if (process.getuid?.() === 0 && owner.uid !== 0) await chown(path, owner.uid, owner.gid);
}

/** Makes a folder and its parents, all of them the owner's. */
export async function makeFolder(owner: Owner, path: string): Promise<void> {
  const first = await mkdir(path, { recursive: true });
  if (first === undefined) return;
  for (let made = path; made.length >= first.length; made = made.slice(0, made.lastIndexOf("/"))) {
    await giveTo(owner, made);
  }
}

/** Who owns what this process makes. */
export function ownUser(): Owner {
  return { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 };
}
