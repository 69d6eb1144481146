import type { Container, Pod, PodSpec } from "../../src/model/kinds.gen.ts";

export const NODE = "node-a";
export const NAMESPACE = "shop";

export interface PodOptions extends Partial<Omit<PodSpec, "containers">> {
  readonly name?: string;
  readonly uid?: string;
  readonly containers?: readonly Partial<Container>[];
  readonly image?: string;
  readonly labels?: Readonly<Record<string, string>>;
  readonly annotations?: Readonly<Record<string, string>>;
}

/** A Pod after defaulting, on our node; the options name only what a case is about. */
export function pod(options: PodOptions = {}): Pod {
  const {
    name = "web",
    uid,
    containers = [{}],
    image = "app:1",
    labels,
    annotations,
    ...spec
  } = options;
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: {
      name,
      namespace: NAMESPACE,
      uid: uid ?? `${name}-uid`,
      ...(labels === undefined ? {} : { labels }),
      ...(annotations === undefined ? {} : { annotations }),
    },
    spec: {
      containers: containers.map((one) => container({ image, ...one })),
      restartPolicy: "Always",
      terminationGracePeriodSeconds: 30,
      dnsPolicy: "ClusterFirst",
      nodeName: NODE,
      schedulerName: "default-scheduler",
      ...spec,
    },
  };
}

export function container(options: Partial<Container> = {}): Container {
  return { name: "app", image: "app:1", imagePullPolicy: "IfNotPresent", ...options };
}
