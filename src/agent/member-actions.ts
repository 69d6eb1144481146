import type { Millis } from "../base/clock.ts";
import { pinnedReference, readPins } from "../model/image-pins.ts";
import type { ConfigMap, Container, Pod, Secret } from "../model/kinds.gen.ts";
import { ConfigUnavailableError } from "./config-source.ts";
import { memberSpec, podLabels, rootProblem } from "./container-spec.ts";
import { serviceVariables } from "./service-links.ts";
import { envReferences, resolveEnv, type ConfigReference } from "./env.ts";
import { MountError, MountRefusedError, resolveMounts } from "./host-mounts.ts";
import { ephemeralContainers, findRunning, judgedPod, targetOf } from "./ephemeral.ts";
import { logProblem } from "./log-config.ts";
import { mountFailure } from "./nfs-volume.ts";
import { userRefusal } from "./node-policy.ts";
import { POLICY_REASON } from "./node-policy-file.ts";
import type { Action } from "./plan-pod.ts";
import { ClaimError, type ClaimVolume } from "./pod-claims.ts";
import { ActionError, START_PRIORITY, type PodHandle, type TellAbout } from "./pod-services.ts";
import { toPodContainer, type ContainerRole } from "./pod-view.ts";
import { containerMounts, podVolumes } from "./pod-volumes.ts";
import { runHandler } from "./probe.ts";
import { RuntimeError, type MountSpec, type VolumeSpec } from "./runtime.ts";
import { readPullSecrets } from "./read-pull-secrets.ts";
import { readSecurityProfiles } from "./security-profiles.ts";
import { makeTerminationLog, podFolder } from "./termination-log.ts";

/** A hook has no time-out of its own: it must end within this. */
const POST_START_LIMIT_MS: Millis = 120_000;

/** The container of the spec, with its role. */
export function findContainer(
  pod: Pod,
  name: string,
): { readonly container: Container; readonly role: ContainerRole } | undefined {
  const main = pod.spec.containers.find((candidate) => candidate.name === name);
  if (main !== undefined) return { container: main, role: "main" };
  const init = pod.spec.initContainers?.find((candidate) => candidate.name === name);
  if (init !== undefined) return { container: init, role: "init" };
  const added = ephemeralContainers(pod).find((candidate) => candidate.name === name);
  return added === undefined ? undefined : { container: added, role: "ephemeral" };
}

/** Looks for the image, pulls it if need be, and notes what came of it. */
export async function prepareImage(handle: PodHandle, name: string): Promise<void> {
  const { services, pod, making } = handle;
  const found = findContainer(pod, name);
  if (found === undefined) return;
  const about = { container: name, role: found.role };
  const result = await services.images.ensure(found.container, making, {
    tell: (type, reason, message) => handle.tell(type, reason, message, about),
    readAuths: () => readPullSecrets(handle, found.container.image),
    pinned: pinnedReference(found.container.image, readPins(pod.metadata)),
  });
  if (result.kind === "present") handle.imageDetails.set(name, result.details);
  handle.images.set(name, result.kind === "present" ? { kind: "present" } : result);
}

/** Makes a container; it does not run yet. */
export async function createMember(
  handle: PodHandle,
  action: Action & { readonly kind: "create" },
): Promise<void> {
  const { services, pod, making, signal } = handle;
  const found = findContainer(pod, action.container);
  if (found === undefined) return;
  const { container } = found;
  const image = handle.imageDetails.get(container.name);
  await refuseByPolicy(handle, container, image?.user ?? "");
  const refused = rootProblem(pod, container, image?.user ?? "");
  if (refused !== undefined) throw new ActionError("CreateContainerConfigError", refused);
  const env = await readEnv(handle, container);
  const { node, runtime, clock, stateDir } = services;
  const [mounts, profiles] = await Promise.all([
    findMounts(handle, { container, env, attempt: action.attempt }),
    readSecurityProfiles({ pod, container, stateDir, hasAppArmor: node.hasAppArmor }),
  ]);
  const spec = memberSpec({
    pod,
    node,
    container,
    role: action.role,
    attempt: action.attempt,
    crashes: action.crashes,
    sandboxId: action.sandboxId,
    targetId: joinedContainer(handle, container.name),
    env,
    mounts,
    profiles,
    imageUser: image?.user ?? "",
    imageDigests: image?.digests ?? [],
  });
  const about = { container: container.name, role: action.role };
  try {
    const { id } = await services.starts.run(START_PRIORITY.createMember, making, () =>
      runtime.create(spec, signal),
    );
    const made = {
      id,
      name: spec.name,
      labels: spec.labels,
      image: spec.image,
      imageId: image?.id ?? "",
    };
    handle.put(toPodContainer({ ...made, state: "created" }, clock.now()));
    handle.tell("Normal", "Created", `Created container: ${container.name}`, about);
  } catch (error) {
    if (error instanceof RuntimeError && error.code === "image-not-found")
      handle.images.delete(container.name);
    if (!(error instanceof RuntimeError)) throw error;
    handle.tell("Warning", "Failed", `Error: ${error.message}`, about);
    throw new ActionError("CreateContainerError", error.message, { cause: error });
  }
}

/** Id of the container whose processes it is to see; `undefined` where it asks for none. */
function joinedContainer(handle: PodHandle, name: string): string | undefined {
  const target = targetOf(handle.pod, name);
  if (target === undefined) return undefined;
  const found = findRunning(handle.containers(), target);
  if (found !== undefined) return found.id;
  throw new ActionError("CreateContainerError", `unable to find target container ${target}`);
}

/** Starts it and runs its postStart hook. */
export async function startMember(
  handle: PodHandle,
  action: Action & { readonly kind: "start" },
): Promise<void> {
  const found = findContainer(handle.pod, action.container);
  if (found === undefined) return;
  const { container } = found;
  const about = { container: action.container, role: found.role };
  // Noted before it runs, so that nobody ever sees it run without.
  if (container.lifecycle?.postStart !== undefined) handle.inPostStart.add(action.id);
  try {
    await launch(handle, action, about);
    await runPostStart(handle, container, action.id);
  } finally {
    handle.inPostStart.delete(action.id);
  }
}

async function launch(
  handle: PodHandle,
  action: Action & { readonly kind: "start" },
  about: TellAbout,
): Promise<void> {
  const { services, making, signal } = handle;
  try {
    await services.starts.run(START_PRIORITY.startMember, making, () =>
      services.runtime.start(action.id, signal),
    );
  } catch (error) {
    if (!(error instanceof RuntimeError)) throw error;
    const mount = mountFailure(error.message);
    if (mount !== undefined)
      handle.tell("Warning", "FailedMount", `MountVolume.SetUp failed: ${mount}`);
    handle.tell(
      "Warning",
      "Failed",
      `Error: failed to start container "${action.container}": ${error.message}`,
      about,
    );
    const after = await handle.observe(action.id);
    if (error.code === "cannot-run" && after?.error !== undefined) return;
    throw new ActionError("RunContainerError", error.message, { cause: error });
  } finally {
    handle.images.delete(action.container);
  }
  await handle.observe(action.id);
  handle.tell("Normal", "Started", `Started container ${action.container}`, about);
}

async function runPostStart(handle: PodHandle, container: Container, id: string): Promise<void> {
  const { services, signal } = handle;
  const hook = container.lifecycle?.postStart;
  if (hook === undefined || handle.isOver(id)) return;
  const target = { container, containerId: id, ip: handle.ip ?? services.hostIp };
  try {
    await runHandler(hook, target, services.probes, { timeoutMs: POST_START_LIMIT_MS, signal });
  } catch (error) {
    signal.throwIfAborted();
    const why = error instanceof Error ? error.message : String(error);
    handle.tell("Warning", "FailedPostStartHook", `PostStartHook failed: ${why}`, {
      container: container.name,
      role: "main",
    });
    await services.runtime.kill(id, "SIGKILL", signal);
  }
}

/** The node's policy once more, right before the container is made: the last who can say no. */
async function refuseByPolicy(
  handle: PodHandle,
  container: Container,
  imageUser: string,
): Promise<void> {
  const { services, pod } = handle;
  await services.policy?.refresh();
  const policy = services.policy?.current ?? {};
  const asked = container.securityContext?.runAsUser ?? pod.spec.securityContext?.runAsUser;
  const user = asked === undefined ? imageUser : String(asked);
  const why =
    services.policy?.refuse(judgedPod(pod, container)) ??
    userRefusal(policy, user, `container "${container.name}"`);
  if (why !== undefined) throw forbidden(handle, container, why);
  const log = logProblem(pod, policy.logDrivers);
  if (log !== undefined) throw new ActionError("CreateContainerConfigError", log);
}

function forbidden(handle: PodHandle, { name }: Container, why: string): ActionError {
  const role = findContainer(handle.pod, name)?.role ?? "main";
  handle.tell("Warning", POLICY_REASON, why, { container: name, role });
  return new ActionError(POLICY_REASON, why);
}

async function readEnv(
  handle: PodHandle,
  container: Container,
): Promise<ReadonlyMap<string, string>> {
  const { services, pod, making } = handle;
  const namespace = pod.metadata.namespace ?? "";
  const keyOf = (ref: ConfigReference): string => `${ref.kind}/${ref.name}`;
  const refs = new Map(envReferences(container).map((ref) => [keyOf(ref), ref]));
  const objects = new Map<string, ConfigMap | Secret>();
  try {
    await Promise.all(
      [...refs].map(async ([key, ref]) => {
        const object = await services.config.read(namespace, ref, making);
        if (object !== undefined) objects.set(key, object);
      }),
    );
  } catch (error) {
    if (!(error instanceof ConfigUnavailableError)) throw error;
    const reason = error.reason ?? "CreateContainerConfigError";
    throw new ActionError(reason, error.message, { cause: error });
  }
  const uid = pod.metadata.uid ?? "";
  const isHost = pod.spec.hostNetwork === true;
  const podIp = isHost
    ? services.hostIp
    : (await services.network(making)).reserve(uid, pod.status?.podIP);
  const result = resolveEnv(container, {
    pod,
    podIp,
    hostIp: services.hostIp,
    allocatable: services.node.allocatable,
    services: serviceVariables(pod, (await services.clusterServices?.()) ?? []),
    configMap: (name) => asKind(objects.get(`ConfigMap/${name}`), "ConfigMap"),
    secret: (name) => asKind(objects.get(`Secret/${name}`), "Secret"),
  });
  if (result.kind === "missing") {
    handle.tell("Warning", "Failed", `Error: ${result.message}`, {
      container: container.name,
      role: findContainer(pod, container.name)?.role ?? "main",
    });
    throw new ActionError("CreateContainerConfigError", result.message);
  }
  return result.env;
}

function asKind<K extends "ConfigMap" | "Secret">(
  object: ConfigMap | Secret | undefined,
  kind: K,
): Extract<ConfigMap | Secret, { readonly kind: K }> | undefined {
  return object?.kind === kind
    ? (object as Extract<ConfigMap | Secret, { readonly kind: K }>)
    : undefined;
}

async function findClaims({
  services,
  pod,
  making,
}: PodHandle): Promise<ReadonlyMap<string, ClaimVolume>> {
  try {
    return await services.claims.find(pod, making);
  } catch (error) {
    if (!(error instanceof ClaimError)) throw error;
    throw new ActionError("FailedMount", error.message, { cause: error });
  }
}

async function findMounts(
  handle: PodHandle,
  {
    container,
    env,
    attempt,
  }: {
    readonly container: Container;
    readonly env: ReadonlyMap<string, string>;
    readonly attempt: number;
  },
): Promise<readonly MountSpec[]> {
  const { services, pod, signal } = handle;
  const { node, runtime, stateDir } = services;
  const claims = await findClaims(handle);
  const wanted = containerMounts(pod, container, {
    clusterId: node.clusterId,
    labels: podLabels(pod, node),
    claims,
    env,
  });
  if (wanted.kind === "missing")
    throw new ActionError("CreateContainerConfigError", wanted.message);
  const findVolume = async (name: string): Promise<string> => {
    const spec = podVolumes(pod, node.clusterId, podLabels(pod, node)).find(
      (volume) => volume.name === name,
    );
    if (spec === undefined) throw new MountError(`volume "${name}" is not one of the pod's`);
    return (await runtime.createVolume(spec, signal)).mountpoint;
  };
  const makeVolume = async (volume: VolumeSpec): Promise<string> =>
    (await runtime.createVolume(volume, signal)).mountpoint;
  try {
    const [mounts, log] = await Promise.all([
      resolveMounts(wanted.mounts, { findVolume, makeVolume, policy: services.policy?.current }),
      makeTerminationLog(podFolder(stateDir, pod.metadata.uid ?? ""), container, attempt),
    ]);
    return [...mounts, log];
  } catch (error) {
    if (error instanceof MountRefusedError) throw forbidden(handle, container, error.message);
    if (!(error instanceof MountError)) throw error;
    throw new ActionError("CreateContainerConfigError", error.message, { cause: error });
  }
}
