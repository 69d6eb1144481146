import { describe, expect, it } from "vitest";
import type { ApiObject } from "../../src/model/meta.ts";
import { defaultObject } from "../../src/schema/default-object.ts";

function object(
  apiVersion: string,
  kind: string,
  rest: Readonly<Record<string, unknown>>,
): ApiObject {
  return { apiVersion, kind, metadata: { name: "web" }, ...rest } as ApiObject;
}

function specOf(value: ApiObject): unknown {
  return (defaultObject(value, "shop") as unknown as { readonly spec: unknown }).spec;
}

const CONTAINER = {
  name: "web",
  image: "nginx:1",
  imagePullPolicy: "IfNotPresent",
  terminationMessagePath: "/dev/termination-log",
  terminationMessagePolicy: "File",
  resources: {},
};
const POD = {
  restartPolicy: "Always",
  dnsPolicy: "ClusterFirst",
  terminationGracePeriodSeconds: 30,
  schedulerName: "default-scheduler",
  securityContext: {},
};
const template = (spec: Readonly<Record<string, unknown>> = {}): unknown => ({
  metadata: { labels: { app: "web" } },
  spec: { containers: [{ name: "web", image: "nginx:1" }], ...spec },
});
const fullTemplate = (spec: Readonly<Record<string, unknown>> = {}): unknown => ({
  metadata: { labels: { app: "web" } },
  spec: { ...POD, containers: [CONTAINER], ...spec },
});

describe("defaultObject", () => {
  it("gives the App's namespace to what names none, and none to a Namespace", () => {
    expect(defaultObject(object("v1", "ConfigMap", {}), "shop").metadata.namespace).toBe("shop");
    const other = { ...object("v1", "ConfigMap", {}), metadata: { name: "a", namespace: "b" } };
    expect(defaultObject(other, "shop").metadata.namespace).toBe("b");
    expect(defaultObject(object("v1", "Namespace", {}), "shop").metadata).toEqual({
      name: "web",
      labels: { "kubernetes.io/metadata.name": "web" },
    });
  });

  it("fills a Deployment", () => {
    const selector = { matchLabels: { app: "web" } };
    expect(
      specOf(object("apps/v1", "Deployment", { spec: { selector, template: template() } })),
    ).toEqual({
      replicas: 1,
      revisionHistoryLimit: 10,
      progressDeadlineSeconds: 600,
      strategy: {
        type: "RollingUpdate",
        rollingUpdate: { maxSurge: "25%", maxUnavailable: "25%" },
      },
      selector,
      template: fullTemplate(),
    });
  });

  it.each([
    [{}, { type: "RollingUpdate", rollingUpdate: { maxSurge: "25%", maxUnavailable: "25%" } }],
    [
      { rollingUpdate: { maxSurge: 0 } },
      { type: "RollingUpdate", rollingUpdate: { maxSurge: 0, maxUnavailable: "25%" } },
    ],
    [{ type: "Recreate" }, { type: "Recreate" }],
  ])("strategy %j", (strategy, expected) => {
    const spec = { selector: {}, template: template(), strategy };
    expect(specOf(object("apps/v1", "Deployment", { spec }))).toMatchObject({ strategy: expected });
  });

  it.each([
    [{}, { parallelism: 1, completions: 1 }],
    [{ parallelism: 3 }, { parallelism: 3 }],
    [{ completions: 3 }, { parallelism: 1, completions: 3 }],
  ])("Job %j", (counts, expected) => {
    const spec = { ...counts, template: template({ restartPolicy: "Never" }) };
    const job = defaultObject(object("batch/v1", "Job", { spec }), "shop");
    expect(job).toEqual({
      apiVersion: "batch/v1",
      kind: "Job",
      metadata: { name: "web", namespace: "shop", labels: { app: "web" } },
      spec: {
        ...expected,
        backoffLimit: 6,
        completionMode: "NonIndexed",
        manualSelector: false,
        podReplacementPolicy: "TerminatingOrFailed",
        suspend: false,
        template: fullTemplate({ restartPolicy: "Never" }),
      },
    });
  });

  it("a Job's own labels stay as they are", () => {
    const job = object("batch/v1", "Job", { spec: { template: template() } });
    const labelled = { ...job, metadata: { name: "web", labels: { own: "1" } } };
    expect(defaultObject(labelled, "shop").metadata.labels).toEqual({ own: "1" });
  });

  it("fills a ReplicaSet", () => {
    expect(specOf(object("apps/v1", "ReplicaSet", { spec: { template: template() } }))).toEqual({
      replicas: 1,
      template: fullTemplate(),
    });
  });

  it("fills a Pod, with requests from its limits", () => {
    const resources = { limits: { cpu: 1, memory: "1024Mi" }, requests: { cpu: "0.5" } };
    const spec = { containers: [{ name: "web", image: "nginx:1", resources }] };
    expect(specOf(object("v1", "Pod", { spec }))).toEqual({
      ...POD,
      containers: [
        {
          ...CONTAINER,
          resources: {
            limits: { cpu: "1", memory: "1Gi" },
            requests: { cpu: "500m", memory: "1Gi" },
          },
        },
      ],
    });
  });

  it.each([
    ["nginx", "Always"],
    ["nginx:latest", "Always"],
    ["localhost:5000/nginx", "Always"],
    ["localhost:5000/nginx:1", "IfNotPresent"],
    ["nginx@sha256:abc", "IfNotPresent"],
    ["nginx:latest@sha256:abc", "Always"],
  ])("image %s is pulled %s", (image, imagePullPolicy) => {
    const spec = { containers: [{ name: "web", image }] };
    expect(specOf(object("v1", "Pod", { spec }))).toMatchObject({
      containers: [{ imagePullPolicy }],
    });
  });

  it("fills probes, hooks, ports, variables and volumes", () => {
    const spec = {
      containers: [
        {
          name: "web",
          image: "nginx:1",
          ports: [{ containerPort: 80 }, { containerPort: 53, protocol: "UDP" }],
          env: [{ name: "A", valueFrom: { fieldRef: { fieldPath: "metadata.name" } } }],
          readinessProbe: { httpGet: { port: 80 }, periodSeconds: 5 },
          livenessProbe: { exec: { command: ["true"] } },
          lifecycle: { preStop: { httpGet: { port: 80 } }, postStart: { sleep: { seconds: 1 } } },
        },
      ],
      volumes: [
        { name: "a" },
        { name: "b", configMap: { name: "c" } },
        { name: "d", secret: { secretName: "e", defaultMode: 256 } },
        { name: "f", hostPath: { path: "/" } },
        { name: "g", emptyDir: { sizeLimit: "1024Mi" } },
      ],
    };
    const counts = {
      timeoutSeconds: 1,
      periodSeconds: 10,
      successThreshold: 1,
      failureThreshold: 3,
    };
    const http = { path: "/", scheme: "HTTP", port: 80 };
    expect(specOf(object("v1", "Pod", { spec }))).toMatchObject({
      containers: [
        {
          ports: [
            { containerPort: 80, protocol: "TCP" },
            { containerPort: 53, protocol: "UDP" },
          ],
          env: [
            {
              name: "A",
              valueFrom: { fieldRef: { apiVersion: "v1", fieldPath: "metadata.name" } },
            },
          ],
          readinessProbe: { ...counts, periodSeconds: 5, httpGet: http },
          livenessProbe: { ...counts, exec: { command: ["true"] } },
          lifecycle: { preStop: { httpGet: http }, postStart: { sleep: { seconds: 1 } } },
        },
      ],
      volumes: [
        { name: "a", emptyDir: {} },
        { name: "b", configMap: { name: "c", defaultMode: 420 } },
        { name: "d", secret: { secretName: "e", defaultMode: 256 } },
        { name: "f", hostPath: { path: "/", type: "" } },
        { name: "g", emptyDir: { sizeLimit: "1Gi" } },
      ],
    });
  });

  it.each([
    [
      { ports: [{ port: 80 }] },
      { type: "ClusterIP", ports: [{ port: 80, targetPort: 80, protocol: "TCP" }] },
    ],
    [
      {
        type: "NodePort",
        clusterIP: "",
        clusterIPs: [],
        ports: [{ port: 80, targetPort: "http" }],
      },
      {
        type: "NodePort",
        externalTrafficPolicy: "Cluster",
        ports: [{ port: 80, targetPort: "http", protocol: "TCP" }],
      },
    ],
    [
      { clusterIP: "None" },
      { type: "ClusterIP", clusterIP: "None", clusterIPs: ["None"], ports: [] },
    ],
  ])("Service %j", (spec, expected) => {
    expect(specOf(object("v1", "Service", { spec }))).toEqual({
      sessionAffinity: "None",
      internalTrafficPolicy: "Cluster",
      ipFamilies: ["IPv4"],
      ipFamilyPolicy: "SingleStack",
      ...expected,
    });
  });

  it("folds stringData of a Secret into data, over what stands there", () => {
    const long = "ä".repeat(20_000);
    const secret = object("v1", "Secret", {
      data: { a: "b2xk", b: "b2\nxk" },
      stringData: { a: "new", c: long },
    });
    expect(defaultObject(secret, "shop")).toEqual({
      apiVersion: "v1",
      kind: "Secret",
      metadata: { name: "web", namespace: "shop" },
      type: "Opaque",
      data: { a: "bmV3", b: "b2xk", c: Buffer.from(long).toString("base64") },
    });
    expect(defaultObject(object("v1", "Secret", { type: "x" }), "shop")).toEqual({
      apiVersion: "v1",
      kind: "Secret",
      metadata: { name: "web", namespace: "shop" },
      type: "x",
    });
  });
});
