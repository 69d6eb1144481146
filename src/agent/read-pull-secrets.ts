import type { Secret } from "../model/kinds.gen.ts";
import { ConfigUnavailableError } from "./config-source.ts";
import type { PodHandle } from "./pod-services.ts";
import { matchCredentials, parsePullSecret } from "./pull-secrets.ts";
import type { RegistryAuth } from "./runtime.ts";

/** What the pod's imagePullSecrets have for an image. A Secret that is not there is told of, and done without. */
export async function readPullSecrets(
  handle: PodHandle,
  image: string,
): Promise<readonly RegistryAuth[]> {
  const { services, pod, making } = handle;
  const names = (pod.spec.imagePullSecrets ?? []).map(({ name }) => name ?? "");
  const secrets: Secret[] = [];
  const missing: string[] = [];
  for (const name of new Set(names)) {
    const ref = { kind: "Secret", name } as const;
    try {
      const found = await services.config.read(pod.metadata.namespace ?? "", ref, making);
      if (found?.kind === "Secret") secrets.push(found);
      else missing.push(name);
    } catch (error) {
      if (!(error instanceof ConfigUnavailableError)) throw error;
      missing.push(name);
    }
  }
  if (missing.length > 0) {
    const message =
      `Unable to retrieve some image pull secrets (${missing.join(", ")}); ` +
      "attempting to pull the image may not succeed.";
    handle.tell("Warning", "FailedToRetrieveImagePullSecret", message);
  }
  return matchCredentials(secrets.flatMap(parsePullSecret), image);
}
