import type { Pod, Service } from "../model/kinds.gen.ts";

/** The Service of the API: its variables are there also for pods that want no others. */
const MASTER = { namespace: "default", name: "kubernetes" };

/**
 * The variables by which pods find Services without DNS, as Kubernetes and Docker's links name them: those of the pod's
 * namespace, unless it does not want them, and that of the API. `services` may hold any others too. Pure.
 */
export function serviceVariables(
  pod: Pod,
  services: readonly Service[],
): ReadonlyMap<string, string> {
  const { namespace } = pod.metadata;
  const chosen = new Map<string, Service>();
  for (const service of services) {
    const { metadata } = service;
    if (!hasAddress(service)) continue;
    const isOwn = metadata.namespace === namespace;
    const isMaster = metadata.namespace === MASTER.namespace && metadata.name === MASTER.name;
    if (isOwn && pod.spec.enableServiceLinks !== false) chosen.set(metadata.name, service);
    else if (isMaster && !chosen.has(metadata.name)) chosen.set(metadata.name, service);
  }
  const names = [...chosen.keys()].toSorted();
  return new Map(
    names.flatMap((name) => {
      const service = chosen.get(name);
      return service === undefined ? [] : variablesOf(service);
    }),
  );
}

function hasAddress({ spec }: Service): boolean {
  return spec.clusterIP !== undefined && spec.clusterIP !== "" && spec.clusterIP !== "None";
}

function variablesOf({ metadata, spec }: Service): readonly (readonly [string, string])[] {
  const prefix = toVariable(metadata.name);
  const host = spec.clusterIP ?? "";
  const [first] = spec.ports;
  if (first === undefined) return [[`${prefix}_SERVICE_HOST`, host]];
  const url = (protocol: string, port: number): string =>
    `${protocol.toLowerCase()}://${host}:${port}`;
  return [
    [`${prefix}_SERVICE_HOST`, host],
    [`${prefix}_SERVICE_PORT`, `${first.port}`],
    ...spec.ports.flatMap(({ name, port }): readonly (readonly [string, string])[] =>
      name === undefined || name === ""
        ? []
        : [[`${prefix}_SERVICE_PORT_${toVariable(name)}`, `${port}`]],
    ),
    [`${prefix}_PORT`, url(first.protocol, first.port)],
    ...spec.ports.flatMap(({ protocol, port }): readonly (readonly [string, string])[] => {
      const start = `${prefix}_PORT_${port}_${protocol}`;
      return [
        [start, url(protocol, port)],
        [`${start}_PROTO`, protocol.toLowerCase()],
        [`${start}_PORT`, `${port}`],
        [`${start}_ADDR`, host],
      ];
    }),
  ];
}

function toVariable(name: string): string {
  return name.toUpperCase().replaceAll("-", "_");
}
