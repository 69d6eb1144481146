import { describe, expect, test } from "vitest";
import type { Service } from "../../src/model/kinds.gen.ts";
import type { ApiObject } from "../../src/model/meta.ts";
import { formatProblem } from "../../src/model/problem.ts";
import { applyManifest, type Applied } from "../../src/planner/apply-manifest.ts";
import {
  container,
  deployment,
  job,
  pod,
  podSpec,
  replicaSet,
  service,
  template,
} from "../support/builders.ts";
import { deepFreeze } from "../support/world.ts";

const PLACE = { file: "apps/web.yaml", line: 12, column: 1 };

function apply(object: ApiObject, stored?: ApiObject, place = PLACE, app = "shop"): Applied {
  const { uid: _, generation: __, ...metadata } = object.metadata;
  const declared = { ...object, metadata };
  return applyManifest(
    deepFreeze({ object: declared, hash: JSON.stringify(declared), at: place }),
    stored,
    app,
  );
}

/** The object as the store holds it after an apply. */
function stored(object: ApiObject, extra: Partial<ApiObject["metadata"]> = {}): ApiObject {
  const applied = apply(object);
  if (applied.kind === "problem") throw new Error(applied.problem.message);
  const { metadata } = applied.object;
  return deepFreeze({
    ...applied.object,
    metadata: {
      ...metadata,
      uid: "uid-1",
      resourceVersion: "7",
      generation: 3,
      ...extra,
      labels: { ...metadata.labels, ...extra.labels },
      annotations: { ...metadata.annotations, ...extra.annotations },
    },
  });
}

function changed(applied: Applied): ApiObject {
  if (applied.kind !== "update") throw new Error(`${applied.kind} instead of update`);
  return applied.object;
}

function problem(applied: Applied): string {
  return applied.kind === "problem" ? formatProblem(applied.problem) : applied.kind;
}

const web = deployment({}, { labels: { tier: "front" }, annotations: { note: "one" } });

describe("applyManifest()", () => {
  test("creates what is not there, marked with its App and its place", () => {
    const applied = apply(web);
    expect(applied.kind).toBe("create");
    expect(applied).toMatchObject({
      object: {
        metadata: {
          labels: { tier: "front", "berth.dev/app": "shop" },
          annotations: { note: "one", "berth.dev/source": "apps/web.yaml:12" },
        },
        spec: web.spec,
      },
    });
  });

  test("the same manifest again changes nothing", () => {
    expect(apply(web, stored(web)).kind).toBe("unchanged");
  });

  test("leaves what others put on the object", () => {
    const before = stored(web, {
      labels: { theirs: "yes" },
      annotations: { "deployment.kubernetes.io/revision": "4" },
      ownerReferences: [{ apiVersion: "v1", kind: "X", name: "x", uid: "x" }],
    });
    expect(apply(web, before).kind).toBe("unchanged");
    const scaled = changed(apply(deployment({ replicas: 5 }, web.metadata), before));
    expect(scaled.metadata).toMatchObject({
      uid: "uid-1",
      resourceVersion: "7",
      labels: { theirs: "yes" },
      annotations: { "deployment.kubernetes.io/revision": "4" },
      ownerReferences: [{ uid: "x" }],
    });
  });

  test("takes away what Git stated before and states no longer, and only that", () => {
    const before = stored(web, { labels: { theirs: "yes" }, annotations: { theirs: "too" } });
    const bare = changed(apply(deployment(), before));
    expect(bare.metadata.labels).toEqual({ theirs: "yes", "berth.dev/app": "shop" });
    expect(Object.keys(bare.metadata.annotations ?? {}).toSorted()).toEqual([
      "berth.dev/applied",
      "berth.dev/source",
      "theirs",
    ]);
  });

  test("an unreadable note of the last apply is none", () => {
    const before = stored(web, { annotations: { "berth.dev/applied": "{" } });
    expect(changed(apply(deployment(), before)).metadata.labels).toMatchObject({ tier: "front" });
  });

  test("puts back what someone changed behind Git's back", () => {
    const before = { ...stored(web), spec: { ...web.spec, replicas: 9 } };
    expect(changed(apply(web, before))).toMatchObject({ spec: { replicas: 3 } });
  });

  test("leaves the status alone", () => {
    const before = { ...stored(web), status: { replicas: 3 } };
    expect(apply(web, before).kind).toBe("unchanged");
    expect(changed(apply(deployment({ replicas: 5 }, web.metadata), before))).toMatchObject({
      status: { replicas: 3 },
    });
  });

  test("a moved file is an update that moves nothing", () => {
    const moved = apply(web, stored(web), { file: "apps/front.yaml", line: 1, column: 1 });
    expect(moved).toMatchObject({
      kind: "update",
      isMoved: true,
      object: {
        spec: web.spec,
        metadata: { annotations: { "berth.dev/source": "apps/front.yaml:1" } },
      },
    });
    expect(apply(deployment({ replicas: 5 }, web.metadata), stored(web))).toMatchObject({
      isMoved: false,
    });
  });

  test("keeps the address and node ports that a Service was given", () => {
    const nodePort = service({
      type: "NodePort",
      ports: [
        { name: "http", protocol: "TCP", port: 80, targetPort: 8080 },
        { name: "admin", protocol: "TCP", port: 81, targetPort: 8081 },
      ],
    });
    const { clusterIP: _, ...spec } = nodePort.spec;
    const manifest = { ...nodePort, spec };
    const given = {
      clusterIP: "10.96.0.7",
      clusterIPs: ["10.96.0.7"],
      ipFamilies: ["IPv4"],
      ipFamilyPolicy: "SingleStack",
      ports: spec.ports.map((port, index) => ({ ...port, nodePort: 30_001 + index })),
    };
    const before = { ...stored(manifest), spec: { ...spec, ...given } };
    expect(apply(manifest, before).kind).toBe("unchanged");
    const renumbered = {
      ...manifest,
      spec: { ...spec, ports: spec.ports.map((port) => ({ ...port, port: port.port + 1 })) },
    };
    expect(
      (changed(apply(renumbered, before)) as Service).spec.ports.map((port) => port.nodePort),
    ).toEqual([30_001, 30_002]);
    const inside = { ...manifest, spec: { ...spec, type: "ClusterIP" as const } };
    expect(
      (changed(apply(inside, before)) as Service).spec.ports.map((port) => port.nodePort),
    ).toEqual([undefined, undefined]);
  });

  test("keeps the node of a pod and the selector of a Job", () => {
    const bare = pod({ name: "p", node: "" });
    expect(
      apply(bare, { ...stored(bare), spec: { ...bare.spec, nodeName: "a" } } as ApiObject).kind,
    ).toBe("unchanged");
    const selector = { matchLabels: { "batch.kubernetes.io/controller-uid": "uid-1" } };
    expect(
      apply(job(), { ...stored(job()), spec: { ...job().spec, selector } } as ApiObject).kind,
    ).toBe("unchanged");
  });

  const PROBLEMS: readonly {
    readonly name: string;
    readonly to: ApiObject;
    readonly from: ApiObject;
    readonly path: string;
  }[] = [
    {
      name: "a Deployment's selector",
      from: web,
      to: deployment({ selector: { matchLabels: { app: "w" } } }),
      path: "spec.selector",
    },
    {
      name: "a ReplicaSet's selector",
      from: replicaSet(),
      to: replicaSet({ selector: { matchLabels: { app: "w" } } }),
      path: "spec.selector",
    },
    {
      name: "a Job's template",
      from: job(),
      to: job({ template: template() }),
      path: "spec.template",
    },
    {
      name: "a Job's completions",
      from: job(),
      to: job({ completions: 2 }),
      path: "spec.completions",
    },
    {
      name: "a Service's address",
      from: service(),
      to: service({ clusterIP: "10.96.0.11" }),
      path: "spec.clusterIP",
    },
    {
      name: "a Service to headless",
      from: service(),
      to: service({ clusterIP: "None" }),
      path: "spec.clusterIP",
    },
    {
      name: "a Service from headless",
      from: service({ clusterIP: "None" }),
      to: addressless(),
      path: "spec.clusterIP",
    },
    {
      name: "a pod's spec",
      from: pod({ name: "p" }),
      to: pod({ name: "p", spec: { hostname: "x" } }),
      path: "spec",
    },
    {
      name: "a Secret's type",
      from: secret("Opaque"),
      to: secret("kubernetes.io/tls"),
      path: "type",
    },
    {
      name: "an immutable ConfigMap",
      from: configMap("a", true),
      to: configMap("b", true),
      path: "data",
    },
    {
      name: "an immutable ConfigMap to a mutable one",
      from: configMap("a", true),
      to: configMap("a", false),
      path: "data",
    },
    {
      name: "an immutable Secret to a mutable one",
      from: secret("Opaque", "a"),
      to: secret("Opaque", "a", false),
      path: "data",
    },
    {
      name: "an immutable Secret",
      from: secret("Opaque", "a"),
      to: secret("Opaque", "b"),
      path: "data",
    },
  ];

  test.for(PROBLEMS)("refuses to change $name", ({ from, to, path }) => {
    expect(problem(apply(to, stored(from)))).toMatch(
      new RegExp(
        `^apps/web.yaml:12:1: ${path} of \\w+ shop/\\w+ cannot be changed; .* \\[apply/immutable\\]$`,
      ),
    );
  });

  test("lets the image of a pod change", () => {
    const next = pod({
      name: "p",
      spec: podSpec({ containers: [container({ image: "app:v2" })] }),
    });
    expect(apply(next, stored(pod({ name: "p" }))).kind).toBe("update");
  });

  test("lets a mutable ConfigMap change", () => {
    expect(apply(configMap("b", false), stored(configMap("a", false))).kind).toBe("update");
  });

  test("leaves objects of another App and of controllers alone", () => {
    const theirs = stored(web, { labels: { "berth.dev/app": "other" } });
    expect(problem(apply(web, theirs))).toBe(
      'apps/web.yaml:12:1: Deployment shop/web belongs to App "other"; remove it there first, or give this one another name [apply/other-app]',
    );
    const made = pod({ name: "p", owner: replicaSet() });
    expect(problem(apply(pod({ name: "p" }), made))).toBe(
      "apps/web.yaml:12:1: Pod shop/p is there already, made by ReplicaSet web; give this one another name [apply/controlled]",
    );
  });

  test("adopts what nobody owns", () => {
    expect(
      changed(apply(web, { ...web, metadata: { ...web.metadata, resourceVersion: "3" } })),
    ).toMatchObject({
      metadata: { labels: { "berth.dev/app": "shop" } },
    });
  });
});

function addressless(): Service {
  const { clusterIP: _, ...spec } = service().spec;
  return { ...service(), spec };
}

function secret(type: string, value?: string, immutable = true): ApiObject {
  const fixed = value === undefined ? {} : { data: { value }, ...(immutable ? { immutable } : {}) };
  return {
    apiVersion: "v1",
    kind: "Secret",
    metadata: { name: "s", namespace: "shop" },
    type,
    ...fixed,
  } as unknown as ApiObject;
}

function configMap(value: string, immutable: boolean): ApiObject {
  return {
    apiVersion: "v1",
    kind: "ConfigMap",
    metadata: { name: "c", namespace: "shop" },
    data: { value },
    ...(immutable ? { immutable } : {}),
  } as ApiObject;
}
