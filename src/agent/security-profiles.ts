import { readFile } from "node:fs/promises";
import { join, normalize } from "node:path";
import type { Container, Pod } from "../model/kinds.gen.ts";
import type { SecurityProfiles } from "./container-spec.ts";
import { ActionError } from "./pod-services.ts";

export interface ProfileQuestion {
  readonly pod: Pod;
  readonly container: Container;
  readonly stateDir: string;
  /** Whether the node's kernel and Engine have AppArmor. */
  readonly hasAppArmor: boolean;
}

const UNCONFINED = "unconfined";
/** Below the agent's own folder: where `localhostProfile` of a seccompProfile is looked up. */
const SECCOMP_FOLDER = "seccomp";

/** Reads what a container's profiles come to on this node. Throws `ActionError` when one cannot be had. */
export async function readSecurityProfiles({
  pod,
  container,
  stateDir,
  hasAppArmor,
}: ProfileQuestion): Promise<SecurityProfiles> {
  const seccomp =
    container.securityContext?.seccompProfile ?? pod.spec.securityContext?.seccompProfile;
  const appArmor =
    container.securityContext?.appArmorProfile ?? pod.spec.securityContext?.appArmorProfile;
  if (appArmor?.type === "Localhost" && !hasAppArmor) {
    throw new ActionError(
      "CreateContainerError",
      "Cannot enforce AppArmor: AppArmor is not enabled on the host",
    );
  }
  return {
    ...(seccomp?.type === "Unconfined" ? { seccomp: UNCONFINED } : {}),
    ...(seccomp?.type === "Localhost"
      ? { seccomp: await readSeccomp(stateDir, seccomp.localhostProfile ?? "") }
      : {}),
    ...(appArmor?.type === "Unconfined" ? { appArmor: UNCONFINED } : {}),
    ...(appArmor?.type === "Localhost" ? { appArmor: appArmor.localhostProfile ?? "" } : {}),
  };
}

async function readSeccomp(stateDir: string, profile: string): Promise<string> {
  const folder = join(stateDir, SECCOMP_FOLDER);
  const path = join(folder, normalize(`/${profile}`));
  const refuse = (why: string, cause?: unknown): ActionError =>
    new ActionError("CreateContainerError", `Cannot load seccomp profile "${path}": ${why}`, {
      cause,
    });
  let text: string;
  try {
    text = await readFile(path, "utf8");
  } catch (error) {
    const isAbsent = error instanceof Error && "code" in error && error.code === "ENOENT";
    throw refuse(
      isAbsent ? "there is no such file on this node; put it there" : String(error),
      error,
    );
  }
  try {
    return JSON.stringify(JSON.parse(text));
  } catch (error) {
    throw refuse("it is not JSON", error);
  }
}
