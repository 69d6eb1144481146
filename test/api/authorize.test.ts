import { describe, expect, test } from "vitest";
import { userOf } from "../../src/api/authenticate.ts";
import { authorizeObjects } from "../../src/api/authorize.ts";
import type { AuthorizerFacts } from "../../src/api/authorize.ts";
import { parseResourceRequest, parseUrl } from "../../src/api/request-info.ts";
import { parseSelection } from "../../src/api/selection.ts";
import type { PersistentVolume, Pod } from "../../src/model/kinds.gen.ts";
import type { ApiObject, StringMap } from "../../src/model/meta.ts";
import { pod } from "../support/builders.ts";

const PODS: readonly Pod[] = [pod({ name: "mine", node: "a" }), pod({ name: "other", node: "b" })];
const VOLUMES: readonly PersistentVolume[] = [
  volume("used", { claimRef: { kind: "PersistentVolumeClaim", namespace: "shop", name: "used" } }),
  volume("kept", {}, { "berth.dev/node": "a" }),
  volume("kept-by-b", {}, { "berth.dev/node": "b" }),
];

function volume(
  name: string,
  spec: Partial<PersistentVolume["spec"]>,
  labels: StringMap = {},
): PersistentVolume {
  return {
    apiVersion: "v1",
    kind: "PersistentVolume",
    metadata: { name, labels },
    spec: {
      accessModes: ["ReadWriteOnce"],
      capacity: { storage: "1Gi" },
      persistentVolumeReclaimPolicy: "Delete",
      volumeMode: "Filesystem",
      ...spec,
    },
  };
}

const facts: AuthorizerFacts = {
  objects: {
    get: ({ kind, name }) => {
      const all: readonly ApiObject[] = kind === "PersistentVolume" ? VOLUMES : PODS;
      const found = all.find((item) => item.metadata.name === name);
      return found === undefined ? undefined : { object: found, bytes: new Uint8Array() };
    },
  },
  nodePods: {
    references: (node, kind, namespace, name) =>
      `${node} ${kind} ${namespace}/${name}` === "a Secret shop/used" ||
      `${node} ${kind} ${namespace}/${name}` === "a ConfigMap shop/used",
    claims: (node, namespace, name) => `${node} ${namespace}/${name}` === "a shop/used",
  },
};

/** Whether the user may do what the line says. */
function may(user: string, groups: readonly string[], line: string): boolean {
  const [method = "", url = ""] = line.split(" ");
  const { segments, query } = parseUrl(url);
  const what = parseResourceRequest(method, segments, query);
  if (what === undefined) throw new Error(`no resource: ${line}`);
  const { fields } = parseSelection(what, query);
  try {
    const labelSelector = query.get("labelSelector") ?? undefined;
    authorizeObjects(userOf(user, groups), { ...what, fields, labelSelector }, facts);
    return true;
  } catch {
    return false;
  }
}

const NS = "/api/v1/namespaces/shop";
const LEASES = "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases";

describe("node a", () => {
  test.each([
    "GET /api/v1/nodes",
    "GET /api/v1/nodes?watch=true",
    "GET /api/v1/services?watch=true",
    "GET /apis/discovery.k8s.io/v1/endpointslices",
    "GET /api/v1/pods?fieldSelector=spec.nodeName%3Da",
    "GET /api/v1/pods?watch=true&fieldSelector=spec.nodeName%3Da,status.phase!%3DFailed",
    `GET ${NS}/pods/mine`,
    `GET ${NS}/pods/gone`,
    `PUT ${NS}/pods/mine/status`,
    `PATCH ${NS}/pods/mine/status`,
    `DELETE ${NS}/pods/mine`,
    `GET ${NS}/secrets/used`,
    `GET ${NS}/configmaps/used`,
    `GET ${NS}/secrets?watch=true&fieldSelector=metadata.name%3Dused`,
    "POST /api/v1/nodes",
    "PUT /api/v1/nodes/a",
    "PUT /api/v1/nodes/a/status",
    `POST ${NS}/events`,
    `PATCH ${NS}/events/x`,
    `POST ${LEASES}`,
    `PUT ${LEASES}/a`,
    `GET ${NS}/persistentvolumeclaims/used`,
    "GET /api/v1/persistentvolumes/used",
    "GET /api/v1/persistentvolumes/kept",
    "PUT /api/v1/persistentvolumes/kept",
    "GET /api/v1/persistentvolumes?watch=true&labelSelector=berth.dev%2Fnode%3Da",
  ])("may %s", (line) => {
    expect(may("system:node:a", ["system:nodes"], line)).toBe(true);
  });

  test.each([
    "GET /api/v1/pods",
    "GET /api/v1/pods?watch=true",
    "GET /api/v1/pods?fieldSelector=spec.nodeName%3Db",
    "GET /api/v1/pods?fieldSelector=spec.nodeName!%3Da",
    `GET ${NS}/pods/other`,
    `GET ${NS}/pods/mine/log`,
    `PUT ${NS}/pods/other/status`,
    `PUT ${NS}/pods/mine`,
    `POST ${NS}/pods`,
    `DELETE ${NS}/pods/other`,
    `DELETE ${NS}/pods`,
    `GET ${NS}/secrets/unused`,
    `GET ${NS}/secrets`,
    "GET /api/v1/secrets",
    "GET /api/v1/secrets?fieldSelector=metadata.name%3Dused",
    "GET /api/v1/namespaces/bank/secrets/used",
    `PUT ${NS}/secrets/used`,
    "PUT /api/v1/nodes/b",
    "PUT /api/v1/nodes/b/status",
    "DELETE /api/v1/nodes/a",
    `GET ${NS}/events`,
    `DELETE ${NS}/events/x`,
    `PUT ${LEASES}/b`,
    "POST /apis/coordination.k8s.io/v1/namespaces/shop/leases",
    "GET /apis/apps/v1/deployments",
    "GET /apis/berth.dev/v1/apps",
    "PUT /apis/discovery.k8s.io/v1/namespaces/shop/endpointslices/x",
    `GET ${NS}/persistentvolumeclaims/unused`,
    `GET ${NS}/persistentvolumeclaims`,
    `PUT ${NS}/persistentvolumeclaims/used`,
    "GET /api/v1/namespaces/bank/persistentvolumeclaims/used",
    "GET /api/v1/persistentvolumes",
    "GET /api/v1/persistentvolumes?labelSelector=berth.dev%2Fnode%3Db",
    "GET /api/v1/persistentvolumes?labelSelector=berth.dev%2Fnode",
    "GET /api/v1/persistentvolumes/kept-by-b",
    "PUT /api/v1/persistentvolumes/used",
    "PUT /api/v1/persistentvolumes/kept-by-b",
    "DELETE /api/v1/persistentvolumes/kept",
  ])("may not %s", (line) => {
    expect(may("system:node:a", ["system:nodes"], line)).toBe(false);
  });
});

describe("others", () => {
  test("administrators may do everything", () => {
    expect(may("ada", ["system:masters"], `GET ${NS}/secrets`)).toBe(true);
    expect(may("ada", ["system:masters"], "DELETE /api/v1/nodes/a")).toBe(true);
  });

  test.each([
    ["ada", []],
    ["ada", ["system:nodes"]],
    ["system:node:a", []],
    ["system:node:a", ["developers"]],
  ])("%s of %j may read nothing", (user, groups) => {
    expect(may(user, groups, "GET /api/v1/nodes")).toBe(false);
  });

  test("a refusal says who, what and where", () => {
    const { segments, query } = parseUrl(`${NS}/secrets/x`);
    const what = parseResourceRequest("GET", segments, query);
    if (what === undefined) throw new Error("no resource");
    expect(() => authorizeObjects(userOf("ada", []), what, facts)).toThrow(
      'secrets "x" is forbidden: User "ada" cannot get resource "secrets" in API group "" in the namespace "shop"',
    );
  });
});
