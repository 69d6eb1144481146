import { EMPTY_TABLE, updateServiceTable } from "../../src/proxy/service-table.ts";
import type { ServiceState, ServiceTable } from "../../src/proxy/service-table.ts";
import type { ServiceSpec } from "../../src/model/kinds.gen.ts";
import { TestNode } from "../support/netns.ts";
import type { Peer } from "../support/netns.ts";
import { HERE, NODE, endpoint, service, servicePort, slice } from "./services.ts";

export const CLUSTER = {
  podCidr: "10.32.0.0/11",
  serviceCidr: "10.96.0.0/12",
  dnsIp: "10.96.0.10",
};
export const NODE_ADDRESS = "198.51.100.1";
export const OUTSIDE = "198.51.100.2";
/** An endpoint on "another node": an address of the pod network behind the other machine. */
export const REMOTE_POD = "10.33.0.2";
export const VIP = "10.96.0.5";
export const POD_1 = "10.32.0.2";
export const POD_2 = "10.32.0.3";

/** Who carries Services in a test: puts tables in place in the namespace of a node. */
export interface TrafficDriver extends AsyncDisposable {
  apply(table: ServiceTable): Promise<void>;
}

/** What a Service of the test is like, beside its endpoints. */
export interface RouteOptions {
  readonly spec?: Partial<ServiceSpec>;
  readonly annotations?: Readonly<Record<string, string>>;
  /** Addresses of the balancer. */
  readonly ingress?: readonly string[];
  /** Fields of the endpoints, by address. */
  readonly endpoints?: Readonly<Record<string, Parameters<typeof endpoint>[1]>>;
  readonly zone?: string;
}

/** A node in namespaces with two pods, a machine outside, and one that stands for another node. */
export class TrafficBed implements AsyncDisposable {
  readonly testNode: TestNode;
  readonly pod1: Peer;
  readonly pod2: Peer;
  readonly node: Peer;
  readonly outside: Peer;
  readonly driver: TrafficDriver;
  table: ServiceTable = EMPTY_TABLE;

  private constructor(parts: Omit<TrafficBed, "table" | "route" | typeof Symbol.asyncDispose>) {
    this.testNode = parts.testNode;
    this.pod1 = parts.pod1;
    this.pod2 = parts.pod2;
    this.node = parts.node;
    this.outside = parts.outside;
    this.driver = parts.driver;
  }

  static async create(
    clusterId: string,
    makeDriver: (testNode: TestNode) => Promise<TrafficDriver>,
  ): Promise<TrafficBed> {
    const testNode = await TestNode.create(clusterId);
    const outside = await testNode.addOutside(OUTSIDE, REMOTE_POD, CLUSTER.podCidr);
    const pod1 = await testNode.addPod(POD_1, 1);
    const pod2 = await testNode.addPod(POD_2, 2);
    await testNode.node.tool("tee", ["/proc/sys/net/ipv4/ip_forward"], "1");
    const driver = await makeDriver(testNode);
    await Promise.all([
      pod1.serve("pod1"),
      pod2.serve("pod2"),
      outside.serve("outside", OUTSIDE),
      outside.serve("remote", REMOTE_POD),
    ]);
    return new TrafficBed({ testNode, pod1, pod2, outside, node: testNode.nodePeer(), driver });
  }

  /** Puts one Service in place: port 80 and node port 30080 by TCP and UDP, to port 8080 of its endpoints. */
  async route(addresses: readonly string[], options: RouteOptions = {}): Promise<void> {
    const { spec = {}, ingress, annotations, endpoints = {}, zone } = options;
    const ports = [
      servicePort({ name: "tcp", nodePort: 30_080 }),
      servicePort({ name: "udp", protocol: "UDP", nodePort: 30_080 }),
    ];
    const base = service({ clusterIP: VIP, ports, ...spec });
    const state: ServiceState = {
      service: {
        ...base,
        metadata: { ...base.metadata, ...(annotations === undefined ? {} : { annotations }) },
        ...(ingress === undefined
          ? {}
          : { status: { loadBalancer: { ingress: ingress.map((ip) => ({ ip })) } } }),
      },
      slices: [
        slice(
          addresses.map((address) =>
            endpoint(address, {
              nodeName: address === REMOTE_POD ? "node-b" : NODE,
              ...endpoints[address],
            }),
          ),
          {
            ports: [
              { name: "tcp", protocol: "TCP", port: 8080 },
              { name: "udp", protocol: "UDP", port: 8080 },
            ],
          },
        ),
      ],
    };
    this.table = updateServiceTable(this.table, new Map([["shop/web", state]]), { ...HERE, zone });
    await this.driver.apply(this.table);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.driver[Symbol.asyncDispose]();
    await this.testNode[Symbol.asyncDispose]();
  }
}

/** Who answers, over a number of calls. */
export async function answers(peer: Peer, target: string, calls = 20): Promise<Set<string>> {
  const names = new Set<string>();
  for (let call = 0; call < calls; call += 1) {
    names.add((await peer.call(target)).split(" ")[0] ?? "");
  }
  return names;
}
