import { describe, expect, test } from "vitest";
import { ApiFailure } from "../../src/api/failure.ts";
import {
  parseBoolean,
  parseCount,
  parseResourceRequest,
  parseUrl,
} from "../../src/api/request-info.ts";

/** `verb resource namespace/name/subresource`, or the failure. */
function read(line: string): string {
  const [method = "", url = ""] = line.split(" ");
  try {
    const { segments, query } = parseUrl(url);
    const found = parseResourceRequest(method, segments, query);
    if (found === undefined) return "other";
    const { verb, resource, namespace = "", name = "", subresource = "" } = found;
    return `${verb} ${resource.plural} ${namespace}/${name}/${subresource}`;
  } catch (error) {
    if (error instanceof ApiFailure) return `${error.code}`;
    throw error;
  }
}

describe("parseResourceRequest", () => {
  test.each([
    ["GET /api/v1/pods", "list pods //"],
    ["GET /api/v1/pods?watch=True", "watch pods //"],
    ["GET /api/v1/pods?watch=false", "list pods //"],
    ["GET /api/v1/namespaces/shop/pods", "list pods shop//"],
    ["GET /api/v1/namespaces/shop/pods/web", "get pods shop/web/"],
    ["GET /api/v1/namespaces/shop/pods/web?watch=1", "watch pods shop/web/"],
    ["GET /api/v1/namespaces/shop/pods/web/log", "get pods shop/web/log"],
    ["PUT /api/v1/namespaces/shop/pods/web/status", "update pods shop/web/status"],
    ["GET /api/v1/namespaces/shop", "get namespaces /shop/"],
    ["GET /api/v1/namespaces/shop/status", "get namespaces /shop/status"],
    ["GET /api/v1/namespaces/", "list namespaces //"],
    ["GET /apis/apps/v1/namespaces/shop/deployments/web", "get deployments shop/web/"],
    [
      "PATCH /apis/apps/v1/namespaces/shop/deployments/web/scale",
      "patch deployments shop/web/scale",
    ],
    ["GET /apis/apps/v1/namespaces/shop/deployments/web/scale", "get deployments shop/web/scale"],
    ["GET /apis/apps/v1/namespaces/shop/daemonsets/web/scale", "404"],
    ["GET /apis/berth.dev/v1/releases/web-1", "get releases /web-1/"],
    ["POST /api/v1/nodes", "create nodes //"],
    ["DELETE /api/v1/nodes", "deletecollection nodes //"],
    ["DELETE /api/v1/nodes/a", "delete nodes /a/"],
    ["GET /api/v1/nodes/a%20b", "get nodes /a b/"],
    ["GET /api/v1/pods/web", "404"],
    ["GET /api/v1/namespaces/shop/nodes/a", "404"],
    ["GET /api/v1/namespaces/shop/pods/web/exec", "get pods shop/web/exec"],
    ["POST /api/v1/namespaces/shop/pods/web/exec", "create pods shop/web/exec"],
    ["GET /api/v1/namespaces/shop/pods/web/shell", "404"],
    ["GET /api/v1/namespaces/shop/pods/web/log/more", "404"],
    ["GET /api/v2/pods", "404"],
    ["GET /api/v1/chairs", "404"],
    ["GET /apis/apps/v1/pods", "404"],
    ["POST /api/v1/namespaces/a%2Fb/events", "400"],
    ["HEAD /api/v1/nodes", "405"],
    ["PUT /api/v1/nodes", "405"],
    ["POST /api/v1/nodes/a", "405"],
    ["OPTIONS /api/v1/nodes", "405"],
    ["GET /api/v1", "other"],
    ["GET /apis/apps", "other"],
    ["GET /", "other"],
    ["GET /metrics", "other"],
    ["GET /%zz", "400"],
  ])("%s is %s", (line, expected) => {
    expect(read(line)).toBe(expected);
  });
});

test("parseBoolean reads what Go reads", () => {
  expect(["1", "t", "T", "true", "True", "TRUE"].every(parseBoolean)).toBe(true);
  expect([null, "", "0", "false", "yes", "tRuE"].some(parseBoolean)).toBe(false);
});

test("parseCount takes whole numbers alone", () => {
  const query = new URLSearchParams("a=5&b=&c=-1&d=1.5&e=99999999999999999999");
  expect(parseCount(query, "a")).toBe(5);
  expect(parseCount(query, "b")).toBeUndefined();
  expect(parseCount(query, "z")).toBeUndefined();
  for (const name of ["c", "d", "e"]) expect(() => parseCount(query, name)).toThrow(`"${name}"`);
});
