import { shortHash } from "../base/hash.ts";
import { addressAt, parseCidr, parseIpv4 } from "../model/cidr.ts";
import type { Service, ServicePort } from "../model/kinds.gen.ts";
import { formatRef, refOf } from "../model/meta.ts";

/** Kubernetes' range of node ports. */
export const NODE_PORT_MIN = 30_000;
export const NODE_PORT_MAX = 32_767;

/** Looks up who holds something. */
export interface Holders {
  get(key: string): string | undefined;
}

/** What Services hold, each with the name of its holder: `Service shop/web`. */
export interface UsedByServices {
  readonly ips: Holders;
  /** By protocol and number: `TCP/30080`. */
  readonly nodePorts: Holders;
}

/** One thing that a Service holds: an address, or a port as `TCP/30080`. */
export interface Holding {
  readonly what: keyof UsedByServices;
  readonly key: string;
}

export interface ServiceNetwork {
  /** For instance `10.96.0.0/16`. */
  readonly serviceCidr: string;
  /** Addresses of it that no Service may have. */
  readonly reservedIps: readonly string[];
}

export type Allocation =
  | { readonly kind: "allocated"; readonly service: Service }
  | {
      readonly kind: "problem";
      readonly code: "service/cluster-ip" | "service/node-port";
      readonly message: string;
      /** Field path: `spec.ports[0].nodePort`. */
      readonly path: string;
      readonly hint?: string;
    };

/** The addresses and node ports that these Services hold. Pure. */
export function usedByServices(services: Iterable<Service>): UsedByServices {
  const used = { ips: new Map<string, string>(), nodePorts: new Map<string, string>() };
  for (const service of services) {
    const holder = formatRef(refOf(service));
    for (const { what, key } of holdingsOf(service)) used[what].set(key, holder);
  }
  return used;
}

/** The address and the node ports that a Service holds. Pure. */
export function holdingsOf({ spec }: Service): readonly Holding[] {
  const { clusterIP, ports, healthCheckNodePort: health } = spec;
  const holdings: Holding[] = [];
  if (clusterIP !== undefined && clusterIP !== "None")
    holdings.push({ what: "ips", key: clusterIP });
  for (const port of ports) {
    if (port.nodePort !== undefined)
      holdings.push({ what: "nodePorts", key: portKey(port, port.nodePort) });
  }
  if (health !== undefined && health !== 0)
    holdings.push({ what: "nodePorts", key: portKey(HEALTH_PORT, health) });
  return holdings;
}

/**
 * The Service with an address and node ports: what it has or wants is kept when nobody else holds it, what it lacks is
 * the first that is free after a place derived from its name. The same input gives the same answer. Pure.
 */
export function allocateService(
  service: Service,
  used: UsedByServices,
  network: ServiceNetwork,
): Allocation {
  if (service.spec.type === "ExternalName")
    return { kind: "allocated", service: withoutNodePorts(withoutAddress(service)) };
  const withAddress = allocateAddress(service, used, network);
  return withAddress.kind === "allocated" ? allocatePorts(withAddress.service, used) : withAddress;
}

function allocateAddress(
  service: Service,
  { ips }: UsedByServices,
  network: ServiceNetwork,
): Allocation {
  const { clusterIP } = service.spec;
  if (clusterIP === "None") return { kind: "allocated", service: withAddress(service, "None") };
  if (clusterIP === undefined || clusterIP === "") {
    const free = freeAddress(service, ips, network);
    if (free !== undefined) return { kind: "allocated", service: withAddress(service, free) };
    return addressProblem(`all addresses of the service network ${network.serviceCidr} are taken`);
  }
  const holder = ips.get(clusterIP);
  if (holder !== undefined && holder !== formatRef(refOf(service)))
    return addressProblem(
      `clusterIP "${clusterIP}" is taken by ${holder}`,
      "leave it out to get a free one",
    );
  if (network.reservedIps.includes(clusterIP))
    return addressProblem(
      `clusterIP "${clusterIP}" is reserved for the cluster`,
      "leave it out to get a free one",
    );
  if (!isUsable(clusterIP, network))
    return addressProblem(
      `clusterIP "${clusterIP}" is no address of the service network ${network.serviceCidr}`,
      "leave it out to get a free one",
    );
  return { kind: "allocated", service: withAddress(service, clusterIP) };
}

function addressProblem(message: string, hint?: string): Allocation {
  const problem = {
    kind: "problem",
    code: "service/cluster-ip",
    message,
    path: "spec.clusterIP",
  } as const;
  return hint === undefined ? problem : { ...problem, hint };
}

/** What is only another name has no address of its own. */
function withoutAddress(service: Service): Service {
  if (service.spec.clusterIP === undefined && service.spec.ipFamilies === undefined) return service;
  const {
    clusterIP: _,
    clusterIPs: __,
    ipFamilies: ___,
    ipFamilyPolicy: ____,
    ...spec
  } = service.spec;
  return { ...service, spec };
}

/** `clusterIPs` and the family follow the address; an unchanged Service stays the same object. */
function withAddress(service: Service, clusterIP: string): Service {
  const { spec } = service;
  const isWhole = spec.clusterIP === clusterIP && spec.clusterIPs?.[0] === clusterIP;
  if (isWhole && spec.ipFamilies !== undefined && spec.ipFamilyPolicy !== undefined) return service;
  return {
    ...service,
    spec: {
      ...spec,
      clusterIP,
      clusterIPs: [clusterIP],
      ipFamilies: ["IPv4"],
      ipFamilyPolicy: "SingleStack",
    },
  };
}

function isUsable(ip: string, { serviceCidr }: ServiceNetwork): boolean {
  const address = parseIpv4(ip);
  const cidr = parseCidr(serviceCidr);
  if (address === undefined || cidr === undefined) return false;
  const index = address - cidr.base;
  return index > 0 && index < 2 ** (32 - cidr.bits) - 1;
}

function freeAddress(service: Service, ips: Holders, network: ServiceNetwork): string | undefined {
  const cidr = parseCidr(network.serviceCidr);
  if (cidr === undefined) return undefined;
  const count = 2 ** (32 - cidr.bits) - 2;
  const start = startFor(service, "clusterIP", count);
  for (let step = 0; step < count; step += 1) {
    const ip = addressAt(cidr, 1 + ((start + step) % count));
    if (ips.get(ip) === undefined && !network.reservedIps.includes(ip)) return ip;
  }
  return undefined;
}

function allocatePorts(service: Service, { nodePorts }: UsedByServices): Allocation {
  const { type, allocateLoadBalancerNodePorts } = service.spec;
  if (type !== "NodePort" && type !== "LoadBalancer")
    return { kind: "allocated", service: withoutNodePorts(service) };
  const self = formatRef(refOf(service));
  const taken = new OthersAndOwn(nodePorts, self);
  const isAsked = type === "LoadBalancer" && allocateLoadBalancerNodePorts === false;
  const ports: ServicePort[] = [];
  for (const [index, port] of service.spec.ports.entries()) {
    if (port.nodePort === undefined) continue;
    const problem = wantedPortProblem(port, port.nodePort, taken, `spec.ports[${index}].nodePort`);
    if (problem !== undefined) return problem;
    taken.take(portKey(port, port.nodePort));
  }
  for (const [index, port] of service.spec.ports.entries()) {
    if (port.nodePort === undefined && isAsked) {
      ports.push(port);
      continue;
    }
    const nodePort = port.nodePort ?? freePort(service, port, taken);
    if (nodePort === undefined)
      return portProblem("all node ports are taken", `spec.ports[${index}].nodePort`);
    taken.take(portKey(port, nodePort));
    ports.push(port.nodePort === undefined ? { ...port, nodePort } : port);
  }
  const isSame = ports.every((port, index) => port === service.spec.ports[index]);
  return allocateHealthPort(
    isSame ? service : { ...service, spec: { ...service.spec, ports } },
    taken,
  );
}

/** What others hold, and what this Service has taken for itself since; what it held before counts as free. */
class OthersAndOwn implements Holders {
  readonly #all: Holders;
  readonly #self: string;
  readonly #own = new Set<string>();

  constructor(all: Holders, self: string) {
    this.#all = all;
    this.#self = self;
  }

  get(key: string): string | undefined {
    if (this.#own.has(key)) return this.#self;
    const holder = this.#all.get(key);
    return holder === this.#self ? undefined : holder;
  }

  take(key: string): void {
    this.#own.add(key);
  }
}

const HEALTH_PORT = { protocol: "TCP" } as const;

/** A balancer asks nodes there whether they have an endpoint: it needs that where others have none to give. */
function allocateHealthPort(service: Service, taken: Holders): Allocation {
  const { type, externalTrafficPolicy, healthCheckNodePort = 0 } = service.spec;
  if (type !== "LoadBalancer" || externalTrafficPolicy !== "Local")
    return { kind: "allocated", service: withoutHealthPort(service) };
  const path = "spec.healthCheckNodePort";
  const self = formatRef(refOf(service));
  const holder = taken.get(portKey(HEALTH_PORT, healthCheckNodePort));
  if (healthCheckNodePort !== 0)
    return holder === undefined
      ? { kind: "allocated", service }
      : portProblem(
          `healthCheckNodePort ${healthCheckNodePort} is taken by ${holder === self ? "one of its own ports" : holder}`,
          path,
        );
  const port = { name: "health", protocol: "TCP", port: 0, targetPort: 0 } as const;
  const free = freePort(service, port, taken);
  if (free === undefined) return portProblem("all node ports are taken", path);
  return {
    kind: "allocated",
    service: { ...service, spec: { ...service.spec, healthCheckNodePort: free } },
  };
}

function withoutHealthPort(service: Service): Service {
  if (service.spec.healthCheckNodePort === undefined) return service;
  const { healthCheckNodePort: _, ...spec } = service.spec;
  return { ...service, spec };
}

function withoutNodePorts(service: Service): Service {
  if (service.spec.ports.every(({ nodePort }) => nodePort === undefined)) return service;
  const ports = service.spec.ports.map((port): ServicePort => {
    const { nodePort: _, ...rest } = port;
    return rest;
  });
  return { ...service, spec: { ...service.spec, ports } };
}

function wantedPortProblem(
  port: ServicePort,
  nodePort: number,
  taken: Holders,
  path: string,
): Allocation | undefined {
  if (nodePort < NODE_PORT_MIN || nodePort > NODE_PORT_MAX)
    return portProblem(
      `nodePort ${nodePort} is not in the range ${NODE_PORT_MIN}-${NODE_PORT_MAX}`,
      path,
    );
  const holder = taken.get(portKey(port, nodePort));
  return holder === undefined
    ? undefined
    : portProblem(`nodePort ${nodePort} is taken by ${holder}`, path);
}

function portProblem(message: string, path: string): Allocation {
  const hint = "leave it out to get a free one";
  return { kind: "problem", code: "service/node-port", message, path, hint };
}

function freePort(service: Service, port: ServicePort, taken: Holders): number | undefined {
  const count = NODE_PORT_MAX - NODE_PORT_MIN + 1;
  const start = startFor(service, `${port.name ?? ""}/${port.protocol}/${port.port}`, count);
  for (let step = 0; step < count; step += 1) {
    const nodePort = NODE_PORT_MIN + ((start + step) % count);
    if (taken.get(portKey(port, nodePort)) === undefined) return nodePort;
  }
  return undefined;
}

function portKey({ protocol }: Pick<ServicePort, "protocol">, nodePort: number): string {
  return `${protocol}/${nodePort}`;
}

/** A place in `0..count - 1` that the Service's name decides. */
function startFor({ metadata }: Service, what: string, count: number): number {
  const digest = shortHash([metadata.namespace ?? "", metadata.name, what], 8);
  let place = 0;
  for (const char of digest) place = (place * 31 + (char.codePointAt(0) ?? 0)) % count;
  return place;
}
