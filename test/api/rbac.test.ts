import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { userOf, type User } from "../../src/api/authenticate.ts";
import { ApiFailure } from "../../src/api/failure.ts";
import { refuseEscalation } from "../../src/api/rbac/escalation.ts";
import { missingRules, ruleAllows, type Action } from "../../src/api/rbac/policy-rules.ts";
import { followRbac, type Rbac } from "../../src/api/rbac/rbac.ts";
import type { ClusterRole, PolicyRule, RoleBinding, Subject } from "../../src/model/kinds.gen.ts";
import type { ApiObject } from "../../src/model/meta.ts";
import { resourceOf } from "../../src/model/resources.ts";
import { defaultBindings, defaultRoles } from "../../src/planner/default-roles.ts";
import type { ObjectEvent } from "../../src/store/object-store.ts";

const API = "rbac.authorization.k8s.io/v1";
const GROUP = "rbac.authorization.k8s.io";

/** A store of rights that tells of its changes. */
function openRights(initial: readonly ApiObject[]) {
  const objects = new Map<string, ApiObject>();
  let listener: (event: ObjectEvent) => void = () => undefined;
  const keyOf = ({ kind, metadata: { namespace = "", name } }: ApiObject): string =>
    `${kind}/${namespace}/${name}`;
  const bytes = new Uint8Array();
  for (const object of initial) objects.set(keyOf(object), object);
  const rbac = followRbac({
    list: ({ kind }) => ({
      revision: 1,
      items: [...objects.values()]
        .filter((object) => object.kind === kind)
        .map((object) => ({ object, bytes })),
    }),
    subscribe: (told) => {
      listener = told;
      return () => undefined;
    },
  });
  return {
    rbac,
    put(object: ApiObject): void {
      const previous = objects.get(keyOf(object));
      objects.set(keyOf(object), object);
      const kind = previous === undefined ? "added" : "modified";
      listener({ kind, object, previous, bytes, revision: 2 });
    },
    remove(object: ApiObject): void {
      objects.delete(keyOf(object));
      listener({ kind: "deleted", object, previous: object, bytes, revision: 3 });
    },
  };
}

const role = (name: string, rules: readonly PolicyRule[], namespace?: string): ApiObject =>
  ({
    apiVersion: API,
    kind: namespace === undefined ? "ClusterRole" : "Role",
    metadata: { name, ...(namespace === undefined ? {} : { namespace }) },
    rules,
  }) as ApiObject;

const binding = (
  name: string,
  to: `${"ClusterRole" | "Role"}/${string}`,
  subjects: readonly Subject[],
  namespace?: string,
): RoleBinding => {
  const [kind, roleName = ""] = to.split("/");
  return {
    apiVersion: API,
    kind: namespace === undefined ? "ClusterRoleBinding" : "RoleBinding",
    metadata: { name, ...(namespace === undefined ? {} : { namespace }) },
    roleRef: { apiGroup: GROUP, kind, name: roleName },
    subjects,
  } as RoleBinding;
};

const alice = userOf("alice", ["dev"]);
const get = (resource: string, namespace?: string, name?: string): Action => {
  const group = resource.startsWith("deploy") ? "apps" : "";
  return { verb: "get", group, resource, namespace, name };
};

describe("a rule", () => {
  const pods: PolicyRule = { verbs: ["get"], apiGroups: [""], resources: ["pods"] };
  const cases: readonly (readonly [string, PolicyRule, Action, boolean])[] = [
    ["the same", pods, get("pods"), true],
    ["another verb", pods, { ...get("pods"), verb: "list" }, false],
    ["any verb", { ...pods, verbs: ["*"] }, get("pods"), true],
    ["another group", pods, { ...get("pods"), group: "apps" }, false],
    ["any group", { ...pods, apiGroups: ["*"] }, { ...get("pods"), group: "apps" }, true],
    ["a subresource is another resource", pods, get("pods/log"), false],
    ["a subresource by name", { ...pods, resources: ["pods/log"] }, get("pods/log"), true],
    ["a subresource of all", { ...pods, resources: ["*/scale"] }, get("pods/scale"), true],
    ["another subresource of all", { ...pods, resources: ["*/scale"] }, get("pods/log"), false],
    ["any resource, subresources too", { ...pods, resources: ["*"] }, get("pods/log"), true],
    ["its name", { ...pods, resourceNames: ["a"] }, get("pods", "x", "a"), true],
    ["another name", { ...pods, resourceNames: ["a"] }, get("pods", "x", "b"), false],
    ["no name where names are wanted", { ...pods, resourceNames: ["a"] }, get("pods", "x"), false],
    ["a path of none of its", pods, { verb: "get", path: "/pods" }, false],
    ["a path", { verbs: ["get"], nonResourceURLs: ["/m"] }, { verb: "get", path: "/m" }, true],
    [
      "below a path",
      { verbs: ["get"], nonResourceURLs: ["/m/*"] },
      { verb: "get", path: "/m/x" },
      true,
    ],
    [
      "beside a path",
      { verbs: ["get"], nonResourceURLs: ["/m/*"] },
      { verb: "get", path: "/mx" },
      false,
    ],
    ["objects are no paths", { verbs: ["get"], nonResourceURLs: ["*"] }, get("pods"), false],
  ];
  test.each(cases)("%s", (_, rule, action, expected) => {
    expect(ruleAllows(rule, action)).toBe(expected);
  });
});

describe("bindings", () => {
  const reader = role("reader", [{ verbs: ["get"], apiGroups: [""], resources: ["pods"] }]);
  const user: Subject = { kind: "User", name: "alice" };

  test("of a cluster hold everywhere, of a namespace there alone", () => {
    const wide = openRights([reader, binding("b", "ClusterRole/reader", [user])]).rbac;
    expect(wide.allows(alice, get("pods", "a"))).toBe(
      'RBAC: allowed by ClusterRoleBinding "b" of ClusterRole "reader" to User "alice"',
    );
    expect(wide.allows(alice, get("pods"))).toBeDefined();
    const narrow = openRights([reader, binding("b", "ClusterRole/reader", [user], "a")]).rbac;
    expect(narrow.allows(alice, get("pods", "a"))).toBe(
      'RBAC: allowed by RoleBinding "b/a" of ClusterRole "reader" to User "alice"',
    );
    expect(narrow.allows(alice, get("pods", "b"))).toBeUndefined();
    expect(narrow.allows(alice, get("pods"))).toBeUndefined();
    expect(narrow.allows(userOf("bob", []), get("pods", "a"))).toBeUndefined();
  });

  test("reach users by name, by group, as accounts, and all who are known", () => {
    const bound = (subject: Subject): Rbac =>
      openRights([reader, binding("b", "ClusterRole/reader", [subject], "a")]).rbac;
    const pods = get("pods", "a");
    expect(bound({ kind: "Group", name: "dev" }).allows(alice, pods)).toBeDefined();
    expect(bound({ kind: "Group", name: "ops" }).allows(alice, pods)).toBeUndefined();
    expect(
      bound({ kind: "Group", name: "system:authenticated" }).allows(alice, pods),
    ).toBeDefined();
    const robot = userOf("system:serviceaccount:a:robot", []);
    expect(bound({ kind: "ServiceAccount", name: "robot" }).allows(robot, pods)).toBeDefined();
    const elsewhere: Subject = { kind: "ServiceAccount", name: "robot", namespace: "b" };
    expect(bound(elsewhere).allows(robot, pods)).toBeUndefined();
    expect(bound({ kind: "User", name: "robot" }).allows(robot, pods)).toBeUndefined();
  });

  test("a Role is looked for in the binding's namespace", () => {
    const own = role("reader", [{ verbs: ["get"], apiGroups: [""], resources: ["pods"] }], "a");
    const rights = openRights([own, binding("b", "Role/reader", [user], "b")]);
    expect(rights.rbac.allows(alice, get("pods", "b"))).toBeUndefined();
    rights.put(binding("c", "Role/reader", [user], "a"));
    expect(rights.rbac.allows(alice, get("pods", "a"))).toBeDefined();
  });

  test("follow the store: changed, taken back, role gone", () => {
    const bound = binding("b", "ClusterRole/reader", [user]);
    const rights = openRights([reader]);
    const may = (): boolean => rights.rbac.allows(alice, get("pods")) !== undefined;
    expect(may()).toBe(false);
    rights.put(bound);
    expect(may()).toBe(true);
    rights.put(binding("b", "ClusterRole/reader", [{ kind: "User", name: "bob" }]));
    expect(may()).toBe(false);
    rights.put(bound);
    rights.put(role("reader", []));
    expect(may()).toBe(false);
    rights.put(reader);
    rights.remove(reader);
    expect(may()).toBe(false);
    rights.put(reader);
    rights.remove(bound);
    expect(may()).toBe(false);
  });
});

describe("the roles of every cluster", () => {
  const rights = (as: string, namespace?: string): Rbac =>
    openRights([
      ...defaultRoles(),
      ...defaultBindings(),
      binding("mine", `ClusterRole/${as}`, [{ kind: "User", name: "alice" }], namespace),
    ]).rbac;
  const allows = (rbac: Rbac, verb: string, resource: string, group = ""): boolean =>
    rbac.allows(alice, { verb, group, resource, namespace: "a" }) !== undefined;

  test.each<readonly [string, string, string, string, boolean]>([
    ["view", "list", "pods", "", true],
    ["view", "get", "pods/log", "", true],
    ["view", "get", "secrets", "", false],
    ["view", "delete", "pods", "", false],
    ["view", "create", "pods/exec", "", false],
    ["view", "get", "roles", GROUP, false],
    ["edit", "list", "pods", "", true],
    ["edit", "create", "deployments", "apps", true],
    ["edit", "patch", "deployments/scale", "apps", true],
    ["edit", "get", "secrets", "", true],
    ["edit", "create", "pods/exec", "", true],
    ["edit", "update", "resourcequotas", "", false],
    ["edit", "update", "deployments/status", "apps", false],
    ["edit", "create", "rolebindings", GROUP, false],
    ["admin", "create", "rolebindings", GROUP, true],
    ["admin", "create", "deployments", "apps", true],
    ["admin", "update", "namespaces", "", false],
    ["cluster-admin", "update", "nodes", "", true],
  ])("%s may %s %s %s: %s", (as, verb, resource, group, expected) => {
    expect(allows(rights(as, "a"), verb, resource, group)).toBe(expected);
  });

  test("a role that is labelled later becomes part of them", () => {
    const store = openRights([
      ...defaultRoles(),
      binding("m", "ClusterRole/view", [{ kind: "User", name: "alice" }]),
    ]);
    const widgets: Action = { verb: "get", group: "x.io", resource: "widgets" };
    expect(store.rbac.allows(alice, widgets)).toBeUndefined();
    const part = role("w", [{ verbs: ["get"], apiGroups: ["x.io"], resources: ["widgets"] }]);
    const labels = { "rbac.authorization.k8s.io/aggregate-to-view": "true" };
    store.put({ ...part, metadata: { ...part.metadata, labels } });
    expect(store.rbac.allows(alice, widgets)).toBeDefined();
  });

  test("a ring of roles ends", () => {
    const ring = (name: string): ClusterRole => ({
      apiVersion: API,
      kind: "ClusterRole",
      metadata: { name, labels: { ring: "1" } },
      aggregationRule: { clusterRoleSelectors: [{ matchLabels: { ring: "1" } }] },
    });
    const { rbac } = openRights([ring("a"), ring("b")]);
    expect(rbac.rulesOf("ClusterRole", "", "a")).toEqual([]);
  });
});

describe("nobody gives what they do not have", () => {
  const roles = resourceOf({ apiVersion: API, kind: "Role" });
  const bindings = resourceOf({ apiVersion: API, kind: "RoleBinding" });
  const edit = [
    ...defaultRoles(),
    binding("m", "ClusterRole/admin", [{ kind: "User", name: "alice" }], "a"),
  ];
  const refusal = (user: User, object: ApiObject, more: readonly ApiObject[] = []): string => {
    const { rbac } = openRights([...edit, ...more]);
    try {
      refuseEscalation(object.kind === "Role" ? roles : bindings, object, { user, rbac });
      return "";
    } catch (error) {
      if (error instanceof ApiFailure && error.code === 403) return error.message;
      throw error;
    }
  };
  const nodes: PolicyRule = { verbs: ["get", "list"], apiGroups: [""], resources: ["nodes"] };
  const pods: PolicyRule = { verbs: ["get"], apiGroups: [""], resources: ["pods"] };

  test("a role with more than one's own is refused, and says what is missing", () => {
    expect(refusal(alice, role("r", [pods], "a"))).toBe("");
    const message = refusal(alice, role("r", [pods, nodes], "a"));
    expect(message).toContain("attempting to grant RBAC permissions not currently held");
    expect(message).toContain('{APIGroups:[""], Resources:["nodes"], Verbs:["list"]}');
    expect(message).not.toContain("pods");
    expect(refusal(userOf("root", ["system:masters"]), role("r", [nodes], "a"))).toBe("");
  });

  test("so is a binding to one, unless one may bind it", () => {
    const great = role("great", [nodes]);
    const given = binding("b", "ClusterRole/great", [{ kind: "User", name: "bob" }], "a");
    expect(refusal(alice, given, [great])).toContain("not currently held");
    const right: PolicyRule = {
      verbs: ["bind"],
      apiGroups: [GROUP],
      resources: ["clusterroles"],
      resourceNames: ["great"],
    };
    const may = [
      great,
      role("binder", [right]),
      binding("n", "ClusterRole/binder", [{ kind: "User", name: "alice" }], "a"),
    ];
    expect(refusal(alice, given, may)).toBe("");
  });

  test("a binding to a role that is not there is a 404", () => {
    const given = binding("b", "Role/none", [], "a");
    expect(() => refusal(alice, given)).toThrow('roles.rbac.authorization.k8s.io "none" not found');
  });

  test("law: with nothing missing, each action of the given is one of the owned", () => {
    const words = (...values: readonly string[]) => fc.subarray([...values], { minLength: 1 });
    const rule = fc.record(
      {
        verbs: words("get", "list", "*"),
        apiGroups: words("", "apps", "*"),
        resources: words("pods", "pods/log", "*/log", "*"),
        resourceNames: fc.option(words("a", "b"), { nil: undefined }),
      },
      { requiredKeys: ["verbs", "apiGroups", "resources"] },
    ) as fc.Arbitrary<PolicyRule>;
    const action = fc.record({
      verb: fc.constantFrom("get", "list", "watch"),
      group: fc.constantFrom("", "apps", "x"),
      resource: fc.constantFrom("pods", "pods/log", "nodes"),
      name: fc.constantFrom(undefined, "a", "b", "c"),
    });
    fc.assert(
      fc.property(fc.array(rule, { maxLength: 3 }), rule, action, (owned, given, wanted) => {
        if (missingRules(owned, [given]).length > 0 || !ruleAllows(given, wanted)) return;
        expect(owned.some((own) => ruleAllows(own, wanted))).toBe(true);
      }),
      { numRuns: 3000 },
    );
  });
});
