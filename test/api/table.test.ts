import { describe, expect, test } from "vitest";
import { toTable } from "../../src/api/table.ts";
import type {
  App,
  ConfigMap,
  ControllerRevision,
  EndpointSlice,
  Event,
  Lease,
  Release,
  Secret,
} from "../../src/model/kinds.gen.ts";
import { controllerRef, type ApiObject } from "../../src/model/meta.ts";
import { RESOURCES, apiVersionOf, resourceOf } from "../../src/model/resources.ts";
import { renderTable } from "../support/api-table.ts";
import * as build from "../support/builders.ts";
import { at } from "../support/builders.ts";
import * as sets from "../support/set-builders.ts";

/** Created ten minutes ago. */
function aged<T extends ApiObject>(object: T): T {
  return { ...object, metadata: { ...object.metadata, creationTimestamp: at(-600) } };
}

const base = { namespace: "shop", creationTimestamp: at(-90) };

describe("tables have the columns that people know", () => {
  test("deployments", () => {
    const web = aged({
      ...build.deployment(),
      status: { replicas: 3, updatedReplicas: 2, readyReplicas: 1, availableReplicas: 1 },
    });
    expect(renderTable([web])).toBe(
      [
        "NAME   READY   UP-TO-DATE   AVAILABLE   AGE",
        "web    1/3     2            1           10m",
      ].join("\n"),
    );
    expect(renderTable([web], true)).toBe(
      [
        "NAME   READY   UP-TO-DATE   AVAILABLE   AGE   CONTAINERS   IMAGES   SELECTOR",
        "web    1/3     2            1           10m   app          app:v1   app=web",
      ].join("\n"),
    );
  });

  test("replicasets", () => {
    const set = aged({ ...build.replicaSet(), status: { replicas: 2, readyReplicas: 1 } });
    expect(renderTable([set], true)).toBe(
      [
        "NAME   DESIRED   CURRENT   READY   AGE   CONTAINERS   IMAGES   SELECTOR",
        "web    3         2         1       10m   app          app:v1   app=web",
      ].join("\n"),
    );
  });

  test("statefulsets", () => {
    const set = aged(sets.statefulSet({}, {}, { replicas: 2, readyReplicas: 1 }));
    expect(renderTable([set], true)).toBe(
      ["NAME   READY   AGE   CONTAINERS   IMAGES", "web    1/3     10m   app          app:v1"].join(
        "\n",
      ),
    );
  });

  test("daemonsets", () => {
    const set = aged(
      sets.daemonSet(
        { template: build.template("v1", { nodeSelector: { disk: "ssd" } }) },
        {},
        {
          desiredNumberScheduled: 5,
          currentNumberScheduled: 4,
          numberReady: 3,
          updatedNumberScheduled: 2,
          numberAvailable: 1,
          numberMisscheduled: 0,
        },
      ),
    );
    expect(renderTable([set, aged(sets.daemonSet({}, { name: "new" }))], true)).toBe(
      [
        "NAME   DESIRED   CURRENT   READY   UP-TO-DATE   AVAILABLE   NODE SELECTOR   AGE   CONTAINERS   IMAGES   SELECTOR",
        "log    5         4         3       2            1           disk=ssd        10m   app          app:v1   app=web",
        "new    0         0         0       0            0           <none>          10m   app          app:v1   app=web",
      ].join("\n"),
    );
  });

  test("replicationcontrollers", () => {
    const controller = aged({
      ...sets.replicationController(),
      status: { replicas: 2, readyReplicas: 1 },
    });
    expect(renderTable([controller], true)).toBe(
      [
        "NAME   DESIRED   CURRENT   READY   AGE   CONTAINERS   IMAGES   SELECTOR",
        "web    3         2         1       10m   app          app:v1   app=web",
      ].join("\n"),
    );
  });

  test("controllerrevisions", () => {
    const set = sets.statefulSet();
    const revision = (name: string, owner?: ApiObject): ControllerRevision => ({
      apiVersion: "apps/v1",
      kind: "ControllerRevision",
      metadata: {
        ...base,
        name,
        ...(owner === undefined ? {} : { ownerReferences: [controllerRef(owner)] }),
      },
      revision: 3,
    });
    expect(renderTable([revision("web-x", set), revision("stray")])).toBe(
      [
        "NAME    CONTROLLER             REVISION   AGE",
        "web-x   statefulset.apps/web   3          90s",
        "stray   <none>                 3          90s",
      ].join("\n"),
    );
  });

  test("services", () => {
    const plain = aged(build.service());
    const open = aged(
      build.service(
        {
          type: "NodePort",
          ports: [
            { protocol: "TCP", port: 80, targetPort: 80, nodePort: 30080 },
            { protocol: "UDP", port: 53, targetPort: 53, nodePort: 30053 },
          ],
        },
        { name: "open" },
      ),
    );
    const { selector: _, ...bare } = build.service({ clusterIP: "None", ports: [] }).spec;
    const headless = aged({ ...build.service({}, { name: "bare" }), spec: bare });
    expect(renderTable([plain, open, headless], true)).toBe(
      [
        "NAME   TYPE        CLUSTER-IP   EXTERNAL-IP   PORT(S)                     AGE   SELECTOR",
        "web    ClusterIP   10.96.0.10   <none>        80/TCP                      10m   app=web",
        "open   NodePort    10.96.0.10   <none>        80:30080/TCP,53:30053/UDP   10m   app=web",
        "bare   ClusterIP   None         <none>        <none>                      10m   <none>",
      ].join("\n"),
    );
  });

  test("jobs", () => {
    const running = aged({
      ...build.job(),
      status: { active: 1, succeeded: 0, startTime: at(-300) },
    });
    const complete = aged({
      ...build.job({}, { name: "done" }),
      status: {
        succeeded: 1,
        startTime: at(-300),
        completionTime: at(-285),
        conditions: [{ type: "Complete", status: "True" as const }],
      },
    });
    const { completions: _, ...open } = build.job({ parallelism: 3 }).spec;
    const queue = aged({ ...build.job({}, { name: "queue" }), spec: open });
    expect(renderTable([running, complete, queue])).toBe(
      [
        "NAME    STATUS     COMPLETIONS   DURATION   AGE",
        "sum     Running    0/1           5m         10m",
        "done    Complete   1/1           15s        10m",
        "queue   Running    0/1 of 3                 10m",
      ].join("\n"),
    );
  });

  test("nodes", () => {
    const ready = aged({
      ...build.node({ name: "a", labels: { "node-role.kubernetes.io/control-plane": "" } }),
      status: {
        ...build.node({ name: "a" }).status,
        addresses: [{ type: "InternalIP" as const, address: "192.0.2.7" }],
        nodeInfo: {
          architecture: "amd64",
          operatingSystem: "linux",
          osImage: "Debian GNU/Linux 13 (trixie)",
          kernelVersion: "6.12.0",
          containerRuntimeVersion: "docker://20.10.24",
          kubeletVersion: "v1.33.0+berth.0.1.0",
          kubeProxyVersion: "v1.33.0+berth.0.1.0",
          machineID: "",
          bootID: "",
          systemUUID: "",
        },
      },
    });
    const away = aged(build.node({ name: "b", ready: "Unknown", spec: { unschedulable: true } }));
    const fresh = aged({ ...build.node({ name: "c" }), status: {} });
    expect(renderTable([ready, away, fresh], true)).toBe(
      [
        "NAME   STATUS                        ROLES           AGE   VERSION               INTERNAL-IP   EXTERNAL-IP   OS-IMAGE                       KERNEL-VERSION   CONTAINER-RUNTIME",
        "a      Ready                         control-plane   10m   v1.33.0+berth.0.1.0   192.0.2.7     <none>        Debian GNU/Linux 13 (trixie)   6.12.0           docker://20.10.24",
        "b      NotReady,SchedulingDisabled   <none>          10m                         <none>        <none>        <unknown>                      <unknown>        <unknown>",
        "c      Unknown                       <none>          10m                         <none>        <none>        <unknown>                      <unknown>        <unknown>",
      ].join("\n"),
    );
  });

  test("events", () => {
    const event: Event = {
      apiVersion: "v1",
      kind: "Event",
      metadata: { ...base, name: "web-1.abc" },
      involvedObject: { kind: "Pod", name: "web-1", fieldPath: "spec.containers{app}" },
      type: "Warning",
      reason: "BackOff",
      message: "Back-off restarting failed container\n",
      count: 4,
      firstTimestamp: at(-300),
      lastTimestamp: at(-30),
      source: { component: "berth-agent", host: "a" },
    };
    expect(renderTable([event])).toBe(
      [
        "LAST SEEN   TYPE      REASON    OBJECT      MESSAGE",
        "30s         Warning   BackOff   pod/web-1   Back-off restarting failed container",
      ].join("\n"),
    );
    expect(renderTable([event], true)).toBe(
      [
        "LAST SEEN   TYPE      REASON    OBJECT      SUBOBJECT              SOURCE           MESSAGE                                FIRST SEEN   COUNT   NAME",
        "30s         Warning   BackOff   pod/web-1   spec.containers{app}   berth-agent, a   Back-off restarting failed container   5m           4       web-1.abc",
      ].join("\n"),
    );
  });

  test("namespaces, configmaps, secrets, leases", () => {
    expect(renderTable([aged(build.namespace())])).toBe(
      ["NAME   STATUS   AGE", "shop   Active   10m"].join("\n"),
    );
    const config: ConfigMap = {
      apiVersion: "v1",
      kind: "ConfigMap",
      metadata: { ...base, name: "settings" },
      data: { a: "1", b: "2" },
      binaryData: { c: "Mw==" },
    };
    expect(renderTable([config])).toBe(
      ["NAME       DATA   AGE", "settings   3      90s"].join("\n"),
    );
    const secret: Secret = {
      apiVersion: "v1",
      kind: "Secret",
      metadata: { ...base, name: "key" },
      type: "Opaque",
      data: { a: "MQ==" },
    };
    expect(renderTable([secret])).toBe(
      ["NAME   TYPE     DATA   AGE", "key    Opaque   1      90s"].join("\n"),
    );
    const lease: Lease = {
      apiVersion: "coordination.k8s.io/v1",
      kind: "Lease",
      metadata: { ...base, name: "a" },
      spec: { holderIdentity: "a", leaseDurationSeconds: 40, renewTime: at(0) },
    };
    expect(renderTable([lease])).toBe(["NAME   HOLDER   AGE", "a      a        90s"].join("\n"));
  });

  test("endpointslices show three of many", () => {
    const conditions = { ready: true, serving: true, terminating: false };
    const slice: EndpointSlice = {
      apiVersion: "discovery.k8s.io/v1",
      kind: "EndpointSlice",
      metadata: { ...base, name: "web" },
      addressType: "IPv4",
      endpoints: [1, 2, 3, 4, 5].map((n) => ({ addresses: [`10.0.0.${n}`], conditions })),
      ports: [{ name: "", protocol: "TCP", port: 8080 }],
    };
    const empty = { ...slice, metadata: { ...base, name: "none" }, endpoints: [], ports: [] };
    expect(renderTable([slice, empty])).toBe(
      [
        "NAME   ADDRESSTYPE   PORTS     ENDPOINTS                                AGE",
        "web    IPv4          8080      10.0.0.1,10.0.0.2,10.0.0.3 + 2 more...   90s",
        "none   IPv4          <unset>   <unset>                                  90s",
      ].join("\n"),
    );
  });

  test("apps and releases", () => {
    const app: App = {
      apiVersion: "berth.dev/v1",
      kind: "App",
      metadata: { name: "root", creationTimestamp: at(-90) },
      spec: {
        repo: "/srv/repo",
        branch: "main",
        path: "apps",
        namespace: "default",
        intervalSeconds: 60,
        prune: true,
      },
      status: {
        seenCommit: "1123456789abcdef0123456789abcdef01234567",
        appliedCommit: "0123456789abcdef0123456789abcdef01234567",
        release: "root-3",
        conditions: [{ type: "Ready", status: "True", message: "all healthy" }],
      },
    };
    expect(renderTable([app], true)).toBe(
      [
        "NAME   SYNC        HEALTH    REVISION   RELEASE   AGE   REPO        FOLLOWS   PATH   MESSAGE",
        "root   OutOfSync   Healthy   0123456    root-3    90s   /srv/repo   main      apps   all healthy",
      ].join("\n"),
    );
    const release: Release = {
      apiVersion: "berth.dev/v1",
      kind: "Release",
      metadata: { name: "root-3", creationTimestamp: at(-90) },
      spec: {
        app: "root",
        repo: "/srv/repo",
        path: "apps",
        sequence: 3,
        commit: "0123456789abcdef0123456789abcdef01234567",
        tree: "",
        author: "Ada",
        subject: "web: show prices",
        committedAt: at(-100),
      },
      status: { phase: "Rejected", reason: "Invalid", startedAt: at(-90), inventory: [] },
    };
    expect(renderTable([release])).toBe(
      [
        "NAME     APP    COMMIT    PHASE      AGE   SUBJECT",
        "root-3   root   0123456   Rejected   90s   web: show prices",
      ].join("\n"),
    );
  });

  test("all kinds have a name and an age", () => {
    for (const resource of RESOURCES) {
      const bare = {
        apiVersion: apiVersionOf(resource),
        kind: resource.kind,
        metadata: { name: "x" },
      };
      const table = toTable(
        resource,
        [],
        {},
        { version: "v1", include: "None", now: 0, headers: true },
      );
      const text = JSON.stringify(table);
      expect(text, bare.kind).toContain('"format":"name"');
      expect(text, bare.kind).toMatch(/"name":"(Age|Last Seen|Created At)"/);
    }
  });
});

describe("rows carry", () => {
  const pods = resourceOf({ apiVersion: "v1", kind: "Pod" });
  const web = build.pod({ name: "web" });
  const row = (include: "None" | "Metadata" | "Object"): unknown => {
    const options = { version: "v1beta1", include, now: build.NOW, headers: false } as const;
    const table = toTable(pods, [web], { resourceVersion: "7" }, options);
    return (table as { rows: { object?: unknown }[] }).rows[0]?.object;
  };

  test("nothing, metadata or the whole object", () => {
    expect(row("None")).toBeUndefined();
    expect(row("Object")).toBe(web);
    expect(row("Metadata")).toEqual({
      kind: "PartialObjectMetadata",
      apiVersion: "meta.k8s.io/v1beta1",
      metadata: web.metadata,
    });
  });
});
