import type { PodSpec } from "./kinds.gen.ts";

/** A port of the host that a pod takes. */
export interface HostPort {
  readonly ip: string;
  readonly protocol: string;
  readonly port: number;
}

/** Stands for all addresses of a host. */
export const ANY_ADDRESS = "0.0.0.0";

/** The ports of the host that a pod takes: of its containers and sidecars, all when it is in the host's network. Pure. */
export function hostPortsOf(spec: PodSpec): readonly HostPort[] {
  const sidecars = (spec.initContainers ?? []).filter(
    ({ restartPolicy }) => restartPolicy === "Always",
  );
  return [...spec.containers, ...sidecars].flatMap(({ ports = [] }) =>
    ports.flatMap(({ containerPort, hostPort, hostIP = "", protocol }) => {
      const port = hostPort ?? (spec.hostNetwork === true ? containerPort : 0);
      return port > 0 ? [{ ip: hostIP === "" ? ANY_ADDRESS : hostIP, protocol, port }] : [];
    }),
  );
}

/** Whether two pods cannot have these ports on the same host. Pure. */
export function isSameHostPort(a: HostPort, b: HostPort): boolean {
  const isSameAddress = a.ip === b.ip || a.ip === ANY_ADDRESS || b.ip === ANY_ADDRESS;
  return a.protocol === b.protocol && a.port === b.port && isSameAddress;
}
