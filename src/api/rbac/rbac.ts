import type {
  ClusterRole,
  ClusterRoleBinding,
  PolicyRule,
  Role,
  RoleBinding,
  Subject,
} from "../../model/kinds.gen.ts";
import { matchesSelector } from "../../model/labels.ts";
import type { ApiObject } from "../../model/meta.ts";
import { resourceOf } from "../../model/resources.ts";
import type { ObjectStore } from "../../store/object-store.ts";
import type { User } from "../authenticate.ts";
import { ruleAllows, type Action } from "./policy-rules.ts";

/** Who may do what by Roles and their bindings. Follows the store. */
export interface Rbac {
  /** Why it is allowed, naming binding and role; `undefined` when it is not. */
  allows(user: User, action: Action): string | undefined;
  /** All rules that hold for the user in a namespace; without one, those that hold everywhere. */
  rulesFor(user: User, namespace: string | undefined): readonly PolicyRule[];
  /** What a role allows, aggregated ones included; `undefined` when there is no such role. */
  rulesOf(
    kind: "ClusterRole" | "Role",
    namespace: string,
    name: string,
  ): readonly PolicyRule[] | undefined;
  close(): void;
}

type Binding = ClusterRoleBinding | RoleBinding;

const API_VERSION = "rbac.authorization.k8s.io/v1";
const KINDS = ["ClusterRole", "Role", "ClusterRoleBinding", "RoleBinding"] as const;
const ACCOUNT_PREFIX = "system:serviceaccount:";
const AUTHENTICATED_GROUP = "system:authenticated";

/** What holds for a user: a rule, and the binding that gave it. */
interface Grant {
  readonly rule: PolicyRule;
  readonly binding: Binding;
  readonly subject: Subject;
}

export function followRbac(objects: Pick<ObjectStore, "list" | "subscribe">): Rbac {
  const table = new RbacTable();
  const close = objects.subscribe(({ kind, object, previous }) => {
    if (object.apiVersion !== API_VERSION) return;
    if (previous !== undefined) table.remove(previous);
    if (kind !== "deleted") table.add(object);
  });
  for (const kind of KINDS) {
    const { items } = objects.list(resourceOf({ apiVersion: API_VERSION, kind }));
    for (const { object } of items) table.add(object);
  }
  return {
    allows: (user, action) => table.allows(user, action),
    rulesFor: (user, namespace) => [...table.grants(user, namespace)].map(({ rule }) => rule),
    rulesOf: (kind, namespace, name) => table.rulesOf(kind, namespace, name),
    close,
  };
}

class RbacTable {
  readonly #roles = new Map<string, Role>();
  readonly #clusterRoles = new Map<string, ClusterRole>();
  /** By subject, then by the binding's own key: a request looks at its user's bindings alone. */
  readonly #bindings = new Map<string, Map<string, Binding>>();
  /** Rules of ClusterRoles that are made of others; forgotten when any of them changes. */
  readonly #aggregated = new Map<string, readonly PolicyRule[]>();

  add(object: ApiObject): void {
    if (object.kind === "Role") this.#roles.set(keyOf(object), object as Role);
    else if (object.kind === "ClusterRole") this.#setClusterRole(object as ClusterRole);
    else this.#bind(object as Binding);
  }

  remove(object: ApiObject): void {
    if (object.kind === "Role") this.#roles.delete(keyOf(object));
    else if (object.kind === "ClusterRole") {
      this.#clusterRoles.delete(object.metadata.name);
      this.#aggregated.clear();
    } else this.#unbind(object as Binding);
  }

  allows(user: User, action: Action): string | undefined {
    const namespace = "path" in action ? undefined : action.namespace;
    for (const { rule, binding, subject } of this.grants(user, namespace)) {
      if (ruleAllows(rule, action)) return reasonOf(binding, subject);
    }
    return undefined;
  }

  *grants(user: User, namespace: string | undefined): Generator<Grant> {
    for (const subject of subjectsOf(user)) {
      for (const binding of this.#bindings.get(subjectKey(subject, ""))?.values() ?? []) {
        const isCluster = binding.kind === "ClusterRoleBinding";
        if (!isCluster && binding.metadata.namespace !== namespace) continue;
        const { kind, name } = binding.roleRef;
        const rules = this.rulesOf(kind, binding.metadata.namespace ?? "", name) ?? [];
        for (const rule of rules) yield { rule, binding, subject };
      }
    }
  }

  rulesOf(
    kind: "ClusterRole" | "Role",
    namespace: string,
    name: string,
  ): readonly PolicyRule[] | undefined {
    if (kind === "Role") {
      const role = this.#roles.get(`${namespace}/${name}`);
      return role === undefined ? undefined : (role.rules ?? []);
    }
    const role = this.#clusterRoles.get(name);
    if (role?.aggregationRule === undefined)
      return role === undefined ? undefined : (role.rules ?? []);
    const known = this.#aggregated.get(name);
    if (known !== undefined) return known;
    const rules = this.#aggregate(role, new Set());
    this.#aggregated.set(name, rules);
    return rules;
  }

  /** The rules of all ClusterRoles that the role's selectors choose; a ring of them ends where it began. */
  #aggregate(role: ClusterRole, seen: ReadonlySet<string>): readonly PolicyRule[] {
    const selectors = role.aggregationRule?.clusterRoleSelectors;
    if (selectors === undefined) return role.rules ?? [];
    const within = new Set([...seen, role.metadata.name]);
    return [...this.#clusterRoles.values()]
      .filter(({ metadata: { name, labels = {} } }) => {
        return !within.has(name) && selectors.some((selector) => matchesSelector(selector, labels));
      })
      .flatMap((part) => this.#aggregate(part, within));
  }

  #setClusterRole(role: ClusterRole): void {
    this.#clusterRoles.set(role.metadata.name, role);
    this.#aggregated.clear();
  }

  #bind(binding: Binding): void {
    for (const subject of binding.subjects ?? []) {
      const key = subjectKey(subject, binding.metadata.namespace ?? "");
      const bindings = this.#bindings.get(key);
      if (bindings === undefined) this.#bindings.set(key, new Map([[keyOf(binding), binding]]));
      else bindings.set(keyOf(binding), binding);
    }
  }

  #unbind(binding: Binding): void {
    for (const subject of binding.subjects ?? []) {
      const key = subjectKey(subject, binding.metadata.namespace ?? "");
      const bindings = this.#bindings.get(key);
      bindings?.delete(keyOf(binding));
      if (bindings?.size === 0) this.#bindings.delete(key);
    }
  }
}

/** As whom bindings may name the user: by name, by group, and a ServiceAccount as one. */
function* subjectsOf({ name, groups }: User): Generator<Subject> {
  yield { kind: "User", name };
  for (const group of new Set([...groups, AUTHENTICATED_GROUP]))
    yield { kind: "Group", name: group };
  if (!name.startsWith(ACCOUNT_PREFIX)) return;
  const [namespace = "", account = ""] = name.slice(ACCOUNT_PREFIX.length).split(":");
  yield { kind: "ServiceAccount", namespace, name: account };
}

function subjectKey({ kind, name, namespace }: Subject, fallback: string): string {
  return kind === "ServiceAccount" ? `${kind}/${namespace ?? fallback}/${name}` : `${kind}/${name}`;
}

function keyOf({ metadata }: ApiObject): string {
  return `${metadata.namespace ?? ""}/${metadata.name}`;
}

function reasonOf({ kind, metadata, roleRef }: Binding, subject: Subject): string {
  const own =
    kind === "RoleBinding" ? `${metadata.name}/${metadata.namespace ?? ""}` : metadata.name;
  const account =
    subject.kind === "ServiceAccount" ? `${subject.name}/${subject.namespace ?? ""}` : subject.name;
  return `RBAC: allowed by ${kind} "${own}" of ${roleRef.kind} "${roleRef.name}" to ${subject.kind} "${account}"`;
}
