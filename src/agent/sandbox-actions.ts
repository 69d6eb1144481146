import { BERTH_PATHS, ApiError, type Withdrawal } from "../client/client.ts";
import { LABELS } from "../model/instance.ts";
import { refOf } from "../model/meta.ts";
import { podLabels, sandboxProblem, sandboxSpec } from "./container-spec.ts";
import { POLICY_REASON } from "./node-policy-file.ts";
import { ActionError, START_PRIORITY, type PodHandle } from "./pod-services.ts";
import { toPodContainer } from "./pod-view.ts";
import { podVolumes } from "./pod-volumes.ts";
import { removePodFolder } from "./termination-log.ts";
import { readVolumeContents } from "./volume-contents.ts";
import { writeVolumes } from "./volume-writer.ts";

/** The proxies have this long to take the pod out. */
const WITHDRAWAL_LIMIT_MS = 2_000;
/** Beyond it the API is taken to be away. */
const WITHDRAWAL_ANSWER_MS = 3_000;

/** Waits, at most two seconds, until no node sends to the pod any more. Never fails: nobody there, nobody sends. */
export async function withdraw(handle: PodHandle): Promise<void> {
  const { services, pod, gone, signal } = handle;
  if (gone || pod.status?.podIP === undefined) return;
  const query = new URLSearchParams({
    namespace: pod.metadata.namespace ?? "",
    pod: pod.metadata.name,
    uid: pod.metadata.uid ?? "",
    timeoutMs: String(WITHDRAWAL_LIMIT_MS),
  });
  try {
    const answer = await services.client.request<Withdrawal>(
      "GET",
      `${BERTH_PATHS.withdrawal}?${query.toString()}`,
      undefined,
      AbortSignal.any([signal, AbortSignal.timeout(WITHDRAWAL_ANSWER_MS)]),
    );
    if (!answer.withdrawn) {
      services.logger.info(
        { pod: pod.metadata.name, waitingFor: answer.waitingFor },
        "Not all nodes have taken the pod out of their Services: going on",
      );
    }
  } catch (error) {
    signal.throwIfAborted();
    services.logger.debug({ error, pod: pod.metadata.name }, "Cannot ask for withdrawal: going on");
  }
}

/** Makes the sandbox and its volumes; it does not run yet. */
export async function createSandbox(handle: PodHandle, attempt: number): Promise<void> {
  const { services, pod, making, signal } = handle;
  const { node, runtime } = services;
  const uid = pod.metadata.uid ?? "";
  const refused = sandboxProblem(pod, node);
  if (refused !== undefined) throw new ActionError("FailedCreatePodSandBox", refused);
  await services.policy?.refresh();
  const forbidden = services.policy?.refuse(pod);
  if (forbidden !== undefined) throw new ActionError(POLICY_REASON, forbidden);
  const network = pod.spec.hostNetwork === true ? undefined : await services.network(making);
  const ip = network?.reserve(uid, pod.status?.podIP);
  const volumes = podVolumes(pod, node.clusterId, podLabels(pod, node));
  await Promise.all(volumes.map((volume) => runtime.createVolume(volume, signal)));
  const spec = sandboxSpec({ pod, node, attempt, ip });
  const { id } = await services.starts.run(START_PRIORITY.sandbox, making, () =>
    runtime.create(spec, signal),
  );
  const { name, labels, image } = spec;
  const made = { id, name, labels, image, imageId: "", state: "created" } as const;
  handle.put(toPodContainer(made, services.clock.now()));
}

export async function startSandbox(handle: PodHandle, id: string): Promise<void> {
  const { services, making, signal } = handle;
  try {
    await services.starts.run(START_PRIORITY.sandbox, making, () =>
      services.runtime.start(id, signal),
    );
  } finally {
    if (!signal.aborted) await handle.observe(id);
  }
}

/** Wires the running sandbox and fills its volumes. */
export async function setUpSandbox(handle: PodHandle, id: string): Promise<void> {
  const { services, pod, making, signal } = handle;
  const pid = handle.get(id)?.pid;
  if (pid === undefined) {
    await handle.observe(id);
    return;
  }
  const uid = pod.metadata.uid ?? "";
  const wire = async (): Promise<string> => {
    if (pod.spec.hostNetwork === true) return services.hostIp;
    const network = await services.network(making);
    const ip = network.reserve(uid, handle.get(id)?.labels[LABELS.podIp]);
    await network.attach(uid, pid, signal);
    return ip;
  };
  const [ip] = await Promise.all([wire(), fillVolumes(handle, { id, pid })]);
  handle.setUp(id, ip);
}

/** Brings the volumes that are made from objects up to date. Throws `ActionError` FailedMount when one is missing. */
export async function fillVolumes(
  handle: PodHandle,
  sandbox: { readonly id: string; readonly pid: number },
): Promise<void> {
  const contents = await readVolumeContents(handle);
  if (contents.length > 0) {
    await writeVolumes(handle.services.runtime, sandbox, contents, handle.signal);
  }
}

/** The pod has finished: what it held goes, its dead containers stay. */
export async function releaseSandbox(
  handle: PodHandle,
  sandboxIds: readonly string[],
): Promise<void> {
  const { services, signal } = handle;
  await Promise.all(sandboxIds.map((id) => services.runtime.remove(id, signal)));
  await releaseAddress(handle);
  await removeVolumes(handle);
  for (const id of sandboxIds) handle.drop(id);
}

/** Removes all that the node has of the pod, then the pod itself. */
export async function removePod(handle: PodHandle): Promise<void> {
  const { services, pod, signal } = handle;
  const { runtime, client, node } = services;
  const uid = pod.metadata.uid ?? "";
  await handle.othersSettled();
  const status = handle.flushStatus();
  const labels = { [LABELS.cluster]: node.clusterId, [LABELS.podUid]: uid };
  const containers = await runtime.list(labels, signal);
  await Promise.all([
    ...containers.map(({ id }) => runtime.remove(id, signal)),
    releaseAddress(handle),
  ]);
  await removeVolumes(handle);
  await removePodFolder(services.stateDir, uid);
  await status;
  if (handle.gone) return;
  try {
    await client.delete(refOf(pod), { graceSeconds: 0, uid }, signal);
  } catch (error) {
    // Gone already, or another pod has the name now.
    if (!(error instanceof ApiError && (error.code === 404 || error.code === 409))) throw error;
  }
}

async function releaseAddress({ services, pod, signal }: PodHandle): Promise<void> {
  if (pod.spec.hostNetwork === true) return;
  const network = await services.network(signal);
  await network.detach(pod.metadata.uid ?? "", signal);
  network.release(pod.metadata.uid ?? "");
}

async function removeVolumes({ services, pod, signal }: PodHandle): Promise<void> {
  const { runtime, node } = services;
  const labels = { [LABELS.cluster]: node.clusterId, [LABELS.podUid]: pod.metadata.uid ?? "" };
  // Of a pod that only its containers tell of, the volumes are not known. Else nothing is listed: one volume plugin
  // that does not answer would make each listing take a quarter of a minute.
  const volumes =
    pod.spec.containers.length === 0
      ? await runtime.listVolumes(labels, signal)
      : podVolumes(pod, node.clusterId, labels);
  await Promise.all(volumes.map(({ name }) => runtime.removeVolume(name, signal)));
}
