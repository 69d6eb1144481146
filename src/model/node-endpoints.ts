/** Endpoints of the API for the nodes and for Berth's own commands, beside the Kubernetes ones. */
export const BERTH_PATHS = {
  /** POST `EndpointReport` by each node's proxy, whenever its number changed. */
  endpointReport: "/apis/berth.dev/v1/endpoint-reports",
  /** GET `?namespace=&pod=&uid=&timeoutMs=`: answers `Withdrawal` once no Ready node sends to the pod any more. */
  withdrawal: "/apis/berth.dev/v1/withdrawals",
  /** POST `UsageReport` by each node's agent, every few seconds. */
  usageReport: "/apis/berth.dev/v1/usage-reports",
  /** POST `{ references }` by a node: answers those that a pod, or a release that is kept, still needs. */
  imagesNeeded: "/apis/berth.dev/v1/images-needed",
  /** POST: the control plane looks at its Git sources now. */
  sync: "/apis/berth.dev/v1/sync",
  /** GET `?node=`: the node looks at its network and answers a `DoctorReport`. For administrators. */
  doctor: "/apis/berth.dev/v1/doctor",
  /** GET, by anybody: PEM of the CA. Whoever asks must know its hash from elsewhere. */
  ca: "/apis/berth.dev/v1/ca",
  /** POST `JoinRequest` by a machine with a token: answers `JoinAnswer`. */
  join: "/apis/berth.dev/v1/join",
  /** POST `{ csr }` by a node, also for a while after its certificate has ended: answers `JoinAnswer`. */
  renew: "/apis/berth.dev/v1/renew",
  /** GET `ClusterInfo`. */
  cluster: "/apis/berth.dev/v1/cluster",
} as const;

export interface EndpointReport {
  readonly node: string;
  /** The EndpointSlices up to this revision are applied on the node. */
  readonly revision: number;
}

export interface Withdrawal {
  /** Whether all Ready nodes have reported; false after the time-out. */
  readonly withdrawn: boolean;
  /** Ready nodes that had not reported by then. */
  readonly waitingFor: readonly string[];
}

/** What a node must know of its cluster. */
export interface ClusterInfo {
  readonly clusterId: string;
  readonly version: string;
  /** For instance `10.32.0.0/11`. */
  readonly podCidr: string;
  readonly serviceCidr: string;
  readonly dnsIp: string;
  readonly domain: string;
}
