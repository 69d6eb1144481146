import { describe, expect, test } from "vitest";
import type { App, Node, Release } from "../../src/model/kinds.gen.ts";
import { formatRef, type ApiObject } from "../../src/model/meta.ts";
import { forecast, type AppChange, type Forecast } from "../../src/planner/forecast.ts";
import { SimWorld } from "../../src/planner/sim-world.ts";
import { placeAll } from "../../src/scheduler/queue-forecast.ts";
import { namespace, node, NOW } from "../support/builders.ts";
import { declared, PLAN_NETWORK, planApp, released, settle } from "../support/plan-world.ts";

type Files = Readonly<Record<string, string>>;

const config = (name: string, value = "1"): string =>
  `apiVersion: v1\nkind: ConfigMap\nmetadata: { name: ${name} }\ndata: { a: "${value}" }\n`;

const workload = (name: string, { replicas = 1, cpu = "500m", more = "" } = {}): string => `
apiVersion: apps/v1
kind: Deployment
metadata: { name: ${name} }
spec:
  replicas: ${replicas}
  selector: { matchLabels: { app: ${name} } }
  template:
    metadata: { labels: { app: ${name} } }
    spec:
      ${more === "" ? "restartPolicy: Always" : more}
      containers: [{ name: app, image: "app:v1", resources: { requests: { cpu: ${cpu} } } }]
`;

/** A cluster in which each App's files have come to rest. */
function cluster(nodes: readonly Node[], apps: Readonly<Record<string, Files>>): SimWorld {
  const world = new SimWorld([namespace("default"), namespace("shop"), ...nodes], NOW);
  for (const [name, files] of Object.entries(apps)) {
    const { manifests } = declared(files);
    settle(world, manifests, name);
    for (const object of [planApp(name), released(manifests, `tree-${name}`, name)] as ApiObject[])
      world.declare(object);
  }
  return world;
}

function change(
  world: SimWorld,
  app: string,
  files: Files,
  spec: Partial<App["spec"]> = {},
): AppChange {
  const releases = world
    .list("berth.dev/v1", "Release")
    .filter(({ metadata }) => metadata.labels?.["berth.dev/app"] === app) as Release[];
  return {
    app,
    spec: planApp(app, spec).spec,
    ...declared(files),
    releases,
    commitMessage: "change",
    tree: "new",
  };
}

function foresee(
  world: SimWorld,
  apps: readonly AppChange[],
  base?: readonly AppChange[],
): Forecast {
  const { serviceCidr, dnsIp } = PLAN_NETWORK;
  const options = { serviceCidr, reservedIps: [dnsIp], schedule: placeAll };
  return forecast(world, { ...options, apps, ...(base === undefined ? {} : { base }) });
}

/** `a applied: +added ~changed<from -removed` of each App. */
function summary({ apps }: Forecast): readonly string[] {
  return apps.map(({ app, outcome, added, changed, removed, problems }) =>
    [
      `${app} ${outcome}:`,
      ...added.map(({ ref }) => `+${ref.name}`),
      ...changed.map(
        ({ ref, adoptedFrom }) =>
          `~${ref.name}${adoptedFrom === undefined ? "" : `<${adoptedFrom}`}`,
      ),
      ...removed.map(({ name }) => `-${name}`),
      ...problems.map(({ code }) => `!${code}`),
    ].join(" "),
  );
}

const A = node({ name: "a", cpu: "1" });

describe("forecast() of several Apps", () => {
  test("an object that goes from one to the other is adopted; nothing stops", () => {
    const world = cluster([A], {
      one: { "w.yaml": workload("w") },
      two: { "c.yaml": config("c") },
    });
    const apps = [
      change(world, "one", { "x.yaml": config("x") }),
      change(world, "two", { "c.yaml": config("c"), "w.yaml": workload("w") }),
    ];
    const found = foresee(world, apps);
    expect(summary(found)).toEqual(["one applied: +x", "two applied: ~w<one"]);
    expect(found.rollout.steps).toEqual([]);
  });

  test("an object that another App still declares is refused", () => {
    const world = cluster([A], {
      one: { "w.yaml": workload("w") },
      two: { "c.yaml": config("c") },
    });
    const found = foresee(world, [change(world, "two", { "w.yaml": workload("w") })]);
    expect(summary(found)).toEqual(["two rejected: !apply/other-app"]);
  });

  test("one that depends on another may use what that one brings; one that does not is told", () => {
    const space = "apiVersion: v1\nkind: Namespace\nmetadata: { name: new }\n";
    const inside = "apiVersion: v1\nkind: ConfigMap\nmetadata: { name: in, namespace: new }\n";
    const world = cluster([A], {});
    const first = change(world, "base", { "n.yaml": space });
    const user = (spec: Partial<App["spec"]>): AppChange =>
      change(world, "user", { "c.yaml": inside }, spec);
    expect(summary(foresee(world, [user({ dependsOn: [{ name: "base" }] }), first]))).toEqual([
      "base applied: +new",
      "user applied: +in",
    ]);
    expect(summary(foresee(world, [first, user({})]))[1]).toBe(
      "user rejected: !apply/no-namespace",
    );
  });
});

describe("forecast() of removals", () => {
  test("waits with them until what is new is healthy, and not at all where it never is", () => {
    const files = { "a.yaml": workload("a") };
    const world = cluster([A], { root: files });
    const swapped = foresee(world, [
      change(world, "root", { "b.yaml": workload("b"), "c.yaml": config("c") }),
    ]);
    const told = swapped.rollout.steps.map(({ what, owner }) => `${what} ${owner?.name ?? ""}`);
    expect(told).toEqual(["create b", "place b", "ready b", "stop a", "gone a"]);
    const stuck = foresee(world, [
      change(world, "root", { "b.yaml": workload("b", { cpu: "900m" }) }),
    ]);
    expect(stuck.rollout.unplaced).toHaveLength(1);
    expect(stuck.rollout.steps.map(({ what }) => what)).toEqual(["create"]);
    expect(stuck.apps[0]).toMatchObject({ isPruned: false, health: { kind: "Degraded" } });
  });

  test("says what a closed window and a guard hold it for", () => {
    const world = cluster([A], { root: { "a.yaml": workload("a"), "c.yaml": config("c") } });
    const all = foresee(world, [change(world, "root", { "x.yaml": config("x") })]).apps[0];
    expect(all).toMatchObject({ outcome: "held", gate: { phase: "Held", reason: "PruneGuard" } });
    const windows = [{ kind: "deny" as const, schedule: "* * * * *", durationSeconds: 3600 }];
    const late = change(
      world,
      "root",
      { "a.yaml": workload("a"), "c.yaml": config("c", "2") },
      { syncWindows: windows },
    );
    expect(foresee(world, [late]).apps[0]).toMatchObject({
      outcome: "held",
      gate: { reason: "SyncWindow" },
    });
  });
});

describe("forecast() from a base", () => {
  test("tells the change alone, not what the cluster is behind", () => {
    const world = cluster([A], { root: { "a.yaml": config("a"), "b.yaml": config("b") } });
    const base = change(world, "root", { "a.yaml": config("a", "2"), "c.yaml": config("c") });
    const head = change(world, "root", { "a.yaml": config("a", "2"), "d.yaml": config("d") });
    const found = foresee(world, [head], [base]);
    expect(summary(found)).toEqual(["root applied: +d -c"]);
    expect(found.baseChanges).toBe(3);
  });
});

describe("forecast() of pods that make room", () => {
  test("says who leaves for whom, and goes on", () => {
    const priority =
      "apiVersion: scheduling.k8s.io/v1\nkind: PriorityClass\nmetadata: { name: high }\nvalue: 1000\n";
    const low = { "low.yaml": workload("low", { cpu: "800m" }), "p.yaml": priority };
    const world = cluster([A], { root: low });
    const more = "priorityClassName: high";
    const found = foresee(world, [
      change(world, "root", { ...low, "high.yaml": workload("high", { cpu: "800m", more }) }),
    ]);
    const { preempted, steps, unplaced } = found.rollout;
    expect(
      preempted.map(({ owner, node: place, by }) => [owner && formatRef(owner), place, by.name]),
    ).toEqual([["Deployment shop/low", "a", steps.find(({ what }) => what === "place")?.pod.name]]);
    expect(steps.filter(({ what }) => what === "place").map(({ owner }) => owner?.name)).toEqual([
      "high",
    ]);
    // Its replacement finds no room.
    expect(unplaced.map(({ name }) => name.split("-")[0])).toEqual(["low"]);
  });
});

describe("what has to make room", () => {
  const withPort = (name: string): string =>
    workload(name).replace(
      "resources: {",
      "ports: [{ containerPort: 80, hostPort: 8080 }], resources: {",
    );
  const nodePort = (name: string): string =>
    `apiVersion: v1\nkind: Service\nmetadata: { name: ${name} }\nspec: { type: NodePort, selector: { a: b }, ports: [{ port: 80, nodePort: 30080 }] }\n`;

  test("goes first, and the successor becomes healthy", () => {
    const world = cluster([A], { root: { "a.yaml": withPort("old"), "s.yaml": nodePort("old") } });
    const files = { "a.yaml": withPort("new"), "s.yaml": nodePort("new") };
    const { apps, rollout } = foresee(world, [change(world, "root", files)]);
    const [app] = apps;
    expect(app?.problems).toEqual([]);
    expect(app?.health.kind).toBe("Healthy");
    expect(app?.isPruned).toBe(true);
    expect(
      app?.releasedFirst?.map(({ ref, resource }) => `${formatRef(ref)}: ${resource}`),
    ).toEqual(["Deployment shop/old: host port TCP/8080", "Service shop/old: node port TCP/30080"]);
    const told = rollout.steps
      .filter(({ what }) => what === "stop" || what === "place")
      .map(({ what, pod }) => `${what} ${pod.name.split("-")[0]}`);
    expect(told).toEqual(["stop old", "place new"]);
  });

  test("stays while what only one can have is not asked for", () => {
    const world = cluster([A], { root: { "a.yaml": withPort("old") } });
    const [app] = foresee(world, [change(world, "root", { "a.yaml": workload("new") })]).apps;
    expect(app).not.toHaveProperty("releasedFirst");
  });

  test("stays where pruning is switched off: then the port is taken", () => {
    const world = cluster([A], { root: { "s.yaml": nodePort("old") } });
    const files = { "s.yaml": nodePort("new") };
    const [app] = foresee(world, [change(world, "root", files, { prune: false })]).apps;
    expect(app?.problems[0]?.message).toContain("nodePort 30080 is taken by Service shop/old");
  });
});
