import { describe, expect, test } from "vitest";
import type { Node } from "../../src/model/kinds.gen.ts";
import type { ApiObject } from "../../src/model/meta.ts";
import { refOf } from "../../src/model/meta.ts";
import { formatReleasedFirst, releasedFirst, withoutObjects } from "../../src/planner/exclusive.ts";
import { SimWorld } from "../../src/planner/sim-world.ts";
import { namespace, node, NOW } from "../support/builders.ts";
import { declared, settle } from "../support/plan-world.ts";

interface Shape {
  readonly kind?: "Deployment" | "DaemonSet" | "StatefulSet";
  readonly replicas?: number;
  readonly port?: string;
  readonly claim?: string;
  readonly more?: string;
}

/** A workload with a port of the host, a claim, or nothing that only one can have. */
function workload(name: string, shape: Shape = {}): string {
  const { kind = "Deployment", replicas = 1, port, claim, more = "" } = shape;
  const ports = port === undefined ? "" : `, ports: [{ containerPort: 80, ${port} }]`;
  const volumes =
    claim === undefined ? "" : `volumes: [{ name: d, persistentVolumeClaim: { ${claim} } }]`;
  const count = kind === "DaemonSet" ? "" : `replicas: ${replicas}`;
  return `
apiVersion: apps/v1
kind: ${kind}
metadata: { name: ${name} }
spec:
  ${count}
  ${kind === "StatefulSet" ? `serviceName: ${name}` : ""}
  selector: { matchLabels: { app: ${name} } }
  template:
    metadata: { labels: { app: ${name} } }
    spec:
      ${more}
      ${volumes}
      containers: [{ name: app, image: "app:v1"${ports} }]
`;
}

const service = (name: string, more: string, type = "NodePort"): string =>
  `apiVersion: v1\nkind: Service\nmetadata: { name: ${name} }\nspec: { type: ${type}, selector: { a: b }, ${more} }\n`;
const nodePort = (name: string, port: number, protocol = "TCP"): string =>
  service(name, `ports: [{ port: 80, protocol: ${protocol}, nodePort: ${port} }]`);
const claim = (mode: string): string =>
  `apiVersion: v1\nkind: PersistentVolumeClaim\nmetadata: { name: data }\nspec: { accessModes: [${mode}], resources: { requests: { storage: 1Gi } } }\n`;

const TCP = "hostPort: 8080";
const DATA = "claimName: data";

interface Case {
  readonly name: string;
  readonly nodes?: readonly Node[];
  readonly before: readonly string[];
  readonly after: readonly string[];
  /** What is there before and after. */
  readonly kept?: readonly string[];
  readonly first: readonly string[];
}

const PORT_NEEDED =
  "Deployment shop/old is released first: Deployment shop/new needs its host port TCP/8080";
const CLAIM_NEEDED =
  "Deployment shop/old is released first: Deployment shop/new needs its claim data";

const CASES: readonly Case[] = [
  {
    name: "what takes nothing for itself waits",
    before: [workload("old")],
    after: [workload("new")],
    first: [],
  },
  {
    name: "a host port on the only node",
    before: [workload("old", { port: TCP })],
    after: [workload("new", { port: TCP })],
    first: [PORT_NEEDED],
  },
  {
    name: "another host port",
    before: [workload("old", { port: TCP })],
    after: [workload("new", { port: "hostPort: 8081" })],
    first: [],
  },
  {
    name: "the same number of another protocol",
    before: [workload("old", { port: TCP })],
    after: [workload("new", { port: "hostPort: 8080, protocol: UDP" })],
    first: [],
  },
  {
    name: "other addresses of the host",
    before: [workload("old", { port: `${TCP}, hostIP: 10.0.0.1` })],
    after: [workload("new", { port: `${TCP}, hostIP: 10.0.0.2` })],
    first: [],
  },
  {
    name: "one address, and all of them",
    before: [workload("old", { port: `${TCP}, hostIP: 10.0.0.1` })],
    after: [workload("new", { port: TCP })],
    first: [PORT_NEEDED],
  },
  {
    name: "a host port where another node is free",
    nodes: [node({ name: "a" }), node({ name: "b" })],
    before: [workload("old", { port: TCP })],
    after: [workload("new", { port: TCP })],
    first: [],
  },
  {
    name: "a host port where fewer nodes are free than it takes",
    nodes: [node({ name: "a" }), node({ name: "b" })],
    before: [workload("old", { port: TCP })],
    after: [workload("new", { port: TCP, replicas: 2 })],
    first: [PORT_NEEDED],
  },
  {
    name: "a host port where the free node is none for it",
    nodes: [node({ name: "a" }), node({ name: "b" })],
    before: [workload("old", { port: TCP, more: "nodeSelector: { kubernetes.io/hostname: a }" })],
    after: [workload("new", { port: TCP, more: "nodeSelector: { kubernetes.io/hostname: a }" })],
    first: [PORT_NEEDED],
  },
  {
    name: "a host port on nodes that are none for it",
    nodes: [node({ name: "a" }), node({ name: "b" })],
    before: [workload("old", { port: TCP, more: "nodeSelector: { kubernetes.io/hostname: a }" })],
    after: [workload("new", { port: TCP, more: "nodeSelector: { kubernetes.io/hostname: c }" })],
    first: [],
  },
  {
    name: "a DaemonSet wants all nodes",
    nodes: [node({ name: "a" }), node({ name: "b" })],
    before: [workload("old", { port: TCP })],
    after: [workload("new", { port: TCP, kind: "DaemonSet" })],
    first: [
      "Deployment shop/old is released first: DaemonSet shop/new needs its host port TCP/8080",
    ],
  },
  {
    name: "a host port that nobody is to have yet",
    before: [workload("old", { port: TCP })],
    after: [workload("new", { port: TCP, replicas: 0 })],
    first: [],
  },
  {
    name: "a host port that nobody has",
    before: [workload("old", { port: TCP, replicas: 0 })],
    after: [workload("new", { port: TCP })],
    first: [],
  },
  {
    name: "a node port",
    before: [nodePort("old", 30_080), nodePort("other", 30_081)],
    after: [nodePort("new", 30_080)],
    first: ["Service shop/old is released first: Service shop/new needs its node port TCP/30080"],
  },
  {
    name: "the node port of another protocol",
    before: [nodePort("old", 30_080)],
    after: [nodePort("new", 30_080, "UDP")],
    first: [],
  },
  {
    name: "a node port that anyone will do for",
    before: [nodePort("old", 30_080)],
    after: [service("new", "ports: [{ port: 80 }]")],
    first: [],
  },
  {
    name: "a cluster address",
    before: [service("old", "clusterIP: 10.96.0.9, ports: [{ port: 80 }]", "ClusterIP")],
    after: [service("new", "clusterIP: 10.96.0.9, ports: [{ port: 80 }]", "ClusterIP")],
    first: [
      "Service shop/old is released first: Service shop/new needs its cluster address 10.96.0.9",
    ],
  },
  {
    name: "Services without an address",
    before: [service("old", "clusterIP: None, ports: [{ port: 80 }]", "ClusterIP")],
    after: [service("new", "clusterIP: None, ports: [{ port: 80 }]", "ClusterIP")],
    first: [],
  },
  {
    name: "a claim that one node has",
    kept: [claim("ReadWriteOnce")],
    before: [workload("old", { claim: DATA })],
    after: [workload("new", { claim: DATA })],
    first: [CLAIM_NEEDED],
  },
  {
    name: "a claim that one pod has",
    kept: [claim("ReadWriteOncePod")],
    before: [workload("old", { claim: DATA })],
    after: [workload("new", { claim: DATA })],
    first: [CLAIM_NEEDED],
  },
  {
    name: "a claim that many have",
    kept: [claim("ReadWriteMany")],
    before: [workload("old", { claim: DATA })],
    after: [workload("new", { claim: DATA })],
    first: [],
  },
  {
    name: "a claim that is only read",
    kept: [claim("ReadWriteOnce")],
    before: [workload("old", { claim: DATA })],
    after: [workload("new", { claim: `${DATA}, readOnly: true` })],
    first: [],
  },
  {
    name: "a claim that nobody is to use yet",
    kept: [claim("ReadWriteOnce")],
    before: [workload("old", { claim: DATA })],
    after: [workload("new", { claim: DATA, replicas: 0 })],
    first: [],
  },
  {
    name: "a claim that both have now",
    kept: [claim("ReadWriteOnce"), workload("new", { claim: DATA })],
    before: [workload("old", { claim: DATA })],
    after: [],
    first: [],
  },
];

function setUp({ nodes = [node({ name: "a" })], before, after, kept = [] }: Case): {
  readonly world: SimWorld;
  readonly wanted: readonly ApiObject[];
  readonly toPrune: readonly ApiObject[];
} {
  const world = new SimWorld([namespace("default"), namespace("shop"), ...nodes], NOW);
  const load = (texts: readonly string[]) => {
    const { manifests, problems } = declared({ "a.yaml": texts.join("---\n") });
    if (problems.length > 0) throw new Error(JSON.stringify(problems));
    return manifests;
  };
  const old = load(before);
  settle(world, [...load(kept), ...old]);
  return {
    world,
    wanted: load([...kept, ...after]).map(({ object }) => object),
    toPrune: old.map(({ object }) => object),
  };
}

describe("releasedFirst()", () => {
  test.for(CASES)("$name", (item) => {
    const { world, wanted, toPrune } = setUp(item);
    const found = releasedFirst(world, wanted, toPrune.map(refOf));
    expect(found.map(formatReleasedFirst)).toEqual(item.first);
  });

  test("a StatefulSet takes a claim over by its name", () => {
    const template = `  volumeClaimTemplates: [{ metadata: { name: data }, spec: { accessModes: [ReadWriteOnce], resources: { requests: { storage: 1Gi } } } }]\n`;
    const data = claim("ReadWriteOnce").replace("name: data", "name: data-new-0");
    const { world, wanted, toPrune } = setUp({
      name: "",
      kept: [data],
      before: [workload("old", { claim: "claimName: data-new-0" })],
      after: [workload("new", { kind: "StatefulSet" }) + template],
      first: [],
    });
    expect(releasedFirst(world, wanted, toPrune.map(refOf)).map(formatReleasedFirst)).toEqual([
      "Deployment shop/old is released first: StatefulSet shop/new needs its claim data-new-0",
    ]);
  });
});

describe("withoutObjects()", () => {
  test("shows all but them", () => {
    const world = new SimWorld([namespace("shop"), namespace("other")], NOW);
    const view = withoutObjects(world, [{ apiVersion: "v1", kind: "Namespace", name: "other" }]);
    expect(view.list("v1", "Namespace").map(({ metadata }) => metadata.name)).toEqual(["shop"]);
    expect(view.get({ apiVersion: "v1", kind: "Namespace", name: "other" })).toBeUndefined();
    expect(view.get({ apiVersion: "v1", kind: "Namespace", name: "shop" })).toBeDefined();
    expect(withoutObjects(world, [])).toBe(world);
  });
});
