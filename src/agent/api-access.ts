import type { Container, Pod, Volume } from "../model/kinds.gen.ts";

/** The volume by which a pod reaches the API as its account. */
export const API_ACCESS_VOLUME = "kube-api-access";
/** Where clients of every language look for it. */
const MOUNT_PATH = "/var/run/secrets/kubernetes.io/serviceaccount";
/** As Kubernetes asks for it: an hour, and a little that tells it apart from one that somebody asked for. */
const TOKEN_SECONDS = 3607;
/** The file with the certificate of the API's CA, beside `token` and `namespace`. */
export const CA_FILE = "ca.crt";

const VOLUME: Volume = {
  name: API_ACCESS_VOLUME,
  projected: {
    defaultMode: 0o644,
    sources: [
      { serviceAccountToken: { path: "token", expirationSeconds: TOKEN_SECONDS } },
      {
        downwardAPI: {
          items: [
            { path: "namespace", fieldRef: { apiVersion: "v1", fieldPath: "metadata.namespace" } },
          ],
        },
      },
    ],
  },
};

/**
 * The pod with the token of its account, the CA and its namespace mounted, where it has an account and does not refuse
 * them. It is the agent that adds them: 150,000 pods need not carry the same words. Pure.
 *
 * Source: kubernetes.io, "Managing Service Accounts", "Bound service account token volume mechanism".
 */
export function withApiAccess(pod: Pod): Pod {
  const { spec } = pod;
  const {
    serviceAccountName: account = "",
    automountServiceAccountToken: isWanted,
    volumes = [],
  } = spec;
  if (account === "" || isWanted === false) return pod;
  if (volumes.some(({ name }) => name === API_ACCESS_VOLUME)) return pod;
  const containers = spec.containers.map(mounted);
  const initContainers = spec.initContainers?.map(mounted);
  const ephemeralContainers = spec.ephemeralContainers?.map(mounted);
  const changed = [...containers, ...(initContainers ?? [])].some((container) =>
    container.volumeMounts?.some(({ name }) => name === API_ACCESS_VOLUME),
  );
  if (!changed) return pod;
  return {
    ...pod,
    spec: {
      ...spec,
      containers,
      ...(initContainers === undefined ? {} : { initContainers }),
      ...(ephemeralContainers === undefined ? {} : { ephemeralContainers }),
      volumes: [...volumes, VOLUME],
    },
  };
}

/** A container that mounts something of its own there keeps it. */
function mounted<T extends Pick<Container, "volumeMounts">>(container: T): T {
  const { volumeMounts = [] } = container;
  if (volumeMounts.some(({ mountPath }) => mountPath === MOUNT_PATH)) return container;
  const mount = { name: API_ACCESS_VOLUME, mountPath: MOUNT_PATH, readOnly: true };
  return { ...container, volumeMounts: [...volumeMounts, mount] };
}
