import type { ApiObject, Condition, ObjectMeta, StringMap } from "./meta.ts";
import type { TaintEffect } from "./pod.ts";

export interface Namespace extends ApiObject {
  readonly apiVersion: "v1";
  readonly kind: "Namespace";
  readonly status?: { readonly phase: "Active" | "Terminating" };
}

export interface ConfigMap extends ApiObject {
  readonly apiVersion: "v1";
  readonly kind: "ConfigMap";
  readonly data?: StringMap;
  /** Base64 values. */
  readonly binaryData?: StringMap;
  readonly immutable?: boolean;
}

export interface Secret extends ApiObject {
  readonly apiVersion: "v1";
  readonly kind: "Secret";
  readonly type: string;
  /** Base64 values. `stringData` is folded in by defaulting. */
  readonly data?: StringMap;
  readonly immutable?: boolean;
}

/** v1 Service after defaulting; `clusterIP` and `nodePort` come from the allocator. */
export interface Service extends ApiObject {
  readonly apiVersion: "v1";
  readonly kind: "Service";
  readonly spec: ServiceSpec;
  readonly status?: { readonly loadBalancer: Readonly<Record<string, never>> };
}

export interface ServiceSpec {
  readonly type: "ClusterIP" | "NodePort";
  readonly selector?: StringMap;
  readonly ports: readonly ServicePort[];
  /** `"None"` for a headless Service. */
  readonly clusterIP?: string;
  readonly clusterIPs?: readonly string[];
  readonly sessionAffinity: "None";
  readonly publishNotReadyAddresses?: boolean;
  readonly externalTrafficPolicy?: "Cluster";
  readonly internalTrafficPolicy?: "Cluster";
  readonly ipFamilies?: readonly string[];
  readonly ipFamilyPolicy?: string;
}

export interface ServicePort {
  readonly name?: string;
  readonly protocol: "TCP" | "UDP";
  readonly port: number;
  /** A port number, or the name of a container port. */
  readonly targetPort: number | string;
  readonly nodePort?: number;
  readonly appProtocol?: string;
}

export interface Node extends ApiObject {
  readonly apiVersion: "v1";
  readonly kind: "Node";
  readonly spec: NodeSpec;
  readonly status?: NodeStatus;
}

export interface NodeSpec {
  /** The node's part of the pod network, for instance `10.32.0.0/24`. Given by the control plane. */
  readonly podCIDR?: string;
  readonly podCIDRs?: readonly string[];
  readonly unschedulable?: boolean;
  readonly taints?: readonly Taint[];
}

export interface Taint {
  readonly key: string;
  readonly value?: string;
  readonly effect: TaintEffect;
  readonly timeAdded?: string;
}

/** Written by the agent; the Ready condition becomes Unknown by the control plane when heartbeats stop. */
export interface NodeStatus {
  readonly capacity?: StringMap;
  readonly allocatable?: StringMap;
  readonly conditions?: readonly Condition[];
  readonly addresses?: readonly {
    readonly type: "InternalIP" | "Hostname";
    readonly address: string;
  }[];
  readonly nodeInfo?: {
    readonly architecture: string;
    readonly operatingSystem: string;
    readonly osImage: string;
    readonly kernelVersion: string;
    readonly containerRuntimeVersion: string;
    readonly kubeletVersion: string;
    readonly kubeProxyVersion: string;
    readonly machineID: string;
    readonly bootID: string;
    readonly systemUUID: string;
  };
  readonly images?: readonly { readonly names: readonly string[]; readonly sizeBytes: number }[];
}

/** v1 Event. Repeats raise `count` of the same object. */
export interface Event extends ApiObject {
  readonly apiVersion: "v1";
  readonly kind: "Event";
  readonly involvedObject: {
    readonly apiVersion?: string;
    readonly kind: string;
    readonly namespace?: string;
    readonly name: string;
    readonly uid?: string;
    readonly fieldPath?: string;
  };
  readonly type: "Normal" | "Warning";
  readonly reason: string;
  readonly message: string;
  readonly count: number;
  readonly firstTimestamp: string;
  readonly lastTimestamp: string;
  readonly source?: { readonly component?: string; readonly host?: string };
  readonly reportingComponent?: string;
  readonly reportingInstance?: string;
}

/** coordination.k8s.io/v1 Lease: the heartbeat of a node. Kept in memory only. */
export interface Lease extends ApiObject {
  readonly apiVersion: "coordination.k8s.io/v1";
  readonly kind: "Lease";
  readonly spec: {
    readonly holderIdentity: string;
    readonly leaseDurationSeconds: number;
    readonly renewTime: string;
  };
}

/** discovery.k8s.io/v1 EndpointSlice. */
export interface EndpointSlice extends ApiObject {
  readonly apiVersion: "discovery.k8s.io/v1";
  readonly kind: "EndpointSlice";
  readonly addressType: "IPv4";
  readonly endpoints: readonly Endpoint[];
  readonly ports: readonly EndpointPort[];
}

export interface Endpoint {
  readonly addresses: readonly string[];
  readonly conditions: {
    readonly ready: boolean;
    readonly serving: boolean;
    readonly terminating: boolean;
  };
  readonly hostname?: string;
  readonly nodeName?: string;
  readonly targetRef?: {
    readonly kind: "Pod";
    readonly namespace: string;
    readonly name: string;
    readonly uid: string;
  };
}

export interface EndpointPort {
  /** Empty text for the only, unnamed port of a Service. */
  readonly name: string;
  readonly protocol: "TCP" | "UDP";
  readonly port: number;
}

/** The label of an EndpointSlice that names its Service. */
export const SERVICE_NAME_LABEL = "kubernetes.io/service-name";

/** A subset of `ObjectMeta`, as lists and templates use it. */
export type PartialMeta = Partial<ObjectMeta>;
