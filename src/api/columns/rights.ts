import type {
  ClusterRole,
  ClusterRoleBinding,
  Role,
  RoleBinding,
  Subject,
} from "../../model/kinds.gen.ts";
import type { Column } from "./column.ts";
import { AGE, NAME } from "./common.ts";

type Binding = ClusterRoleBinding | RoleBinding;

/** Of Roles and ClusterRoles. */
export const ROLE_COLUMNS: readonly Column<ClusterRole | Role>[] = [
  NAME,
  {
    name: "Created At",
    type: "date",
    description: "When it was made.",
    cell: ({ metadata }) => metadata.creationTimestamp ?? "",
  },
];

/** Of RoleBindings and ClusterRoleBindings. */
export const BINDING_COLUMNS: readonly Column<Binding>[] = [
  NAME,
  {
    name: "Role",
    type: "string",
    description: "The role that is given.",
    cell: ({ roleRef }) => `${roleRef.kind}/${roleRef.name}`,
  },
  AGE,
  {
    name: "Users",
    type: "string",
    description: "Users that have it.",
    wide: true,
    cell: ({ subjects }) => names(subjects, "User"),
  },
  {
    name: "Groups",
    type: "string",
    description: "Groups that have it.",
    wide: true,
    cell: ({ subjects }) => names(subjects, "Group"),
  },
  {
    name: "ServiceAccounts",
    type: "string",
    description: "Accounts that have it.",
    wide: true,
    cell: ({ subjects }) => names(subjects, "ServiceAccount"),
  },
];

function names(subjects: readonly Subject[] | undefined, kind: Subject["kind"]): string {
  return (subjects ?? [])
    .filter((subject) => subject.kind === kind)
    .map(({ name, namespace }) => (kind === "ServiceAccount" ? `${namespace ?? ""}/${name}` : name))
    .join(", ");
}
