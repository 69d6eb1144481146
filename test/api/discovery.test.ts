import { describe, expect, test } from "vitest";
import { createDiscovery } from "../../src/api/discovery.ts";
import { RESOURCES, apiVersionOf } from "../../src/model/resources.ts";

const discovery = createDiscovery("127.0.0.1:6443");

interface Aggregated {
  readonly items: readonly {
    readonly metadata: { readonly name?: string };
    readonly versions: readonly {
      readonly version: string;
      readonly resources: readonly {
        readonly resource: string;
        readonly scope: string;
        readonly verbs: readonly string[];
        readonly categories?: readonly string[];
        readonly subresources?: readonly { readonly subresource: string }[];
      }[];
    }[];
  }[];
}

function names(root: "api" | "apis"): readonly string[] {
  const { items } = discovery.aggregated(root, "v2") as Aggregated;
  return items.flatMap(({ metadata, versions }) =>
    versions.flatMap(({ version, resources }) =>
      resources.map(({ resource }) => `${metadata.name ?? "core"}/${version}/${resource}`),
    ),
  );
}

/** Kinds that are only asked. */
const ASKED = [
  "authentication.k8s.io/v1/selfsubjectreviews",
  "authentication.k8s.io/v1/tokenreviews",
  "authorization.k8s.io/v1/localsubjectaccessreviews",
  "authorization.k8s.io/v1/selfsubjectaccessreviews",
  "authorization.k8s.io/v1/selfsubjectrulesreviews",
  "authorization.k8s.io/v1/subjectaccessreviews",
];

describe("aggregated discovery", () => {
  test("names every kind once, the core group apart from the others", () => {
    const expected = RESOURCES.map((r) => `${r.group || "core"}/${r.version}/${r.plural}`);
    expect([...names("api"), ...names("apis")].toSorted()).toEqual(
      [
        ...expected,
        ...ASKED,
        "metrics.k8s.io/v1beta1/nodes",
        "metrics.k8s.io/v1beta1/pods",
      ].toSorted(),
    );
    expect(names("api").every((name) => name.startsWith("core/"))).toBe(true);
  });

  test("puts pods first of what `kubectl get all` prints", () => {
    const { items } = discovery.aggregated("api", "v2") as Aggregated;
    const all = items[0]?.versions[0]?.resources.filter((r) => r.categories?.includes("all"));
    expect(all?.map((r) => r.resource)).toEqual(["pods", "replicationcontrollers", "services"]);
  });

  test("tells subresources and scope", () => {
    const { items } = discovery.aggregated("api", "v2") as Aggregated;
    const find = (plural: string) =>
      items[0]?.versions[0]?.resources.find((r) => r.resource === plural);
    expect(find("pods")?.subresources?.map((s) => s.subresource)).toEqual([
      "status",
      "log",
      "eviction",
      "exec",
      "attach",
      "portforward",
      "resize",
      "ephemeralcontainers",
    ]);
    expect(find("nodes")?.scope).toBe("Cluster");
    expect(find("namespaces")?.verbs).toEqual(["get", "list", "watch"]);
    expect(find("secrets")?.verbs).toEqual(find("nodes")?.verbs);
  });
});

describe("legacy discovery", () => {
  test("has a document for each group and version", () => {
    const paths = [...discovery.legacy.keys()];
    for (const resource of RESOURCES) {
      const root = resource.group === "" ? "/api" : "/apis";
      expect(paths).toContain(`${root}/${apiVersionOf(resource)}`);
    }
    expect(paths).toContain("/apis/apps");
  });

  test("lists subresources as resources with a slash", () => {
    const core = discovery.legacy.get("/api/v1") as { resources: { name: string }[] };
    const listed = core.resources.map(({ name }) => name);
    expect(listed).toEqual(expect.arrayContaining(["pods", "pods/log", "pods/status", "nodes"]));
  });
});
