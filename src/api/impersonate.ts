import type { IncomingMessage } from "node:http";
import { MASTERS_GROUP, userOf, type User } from "./authenticate.ts";
import { badRequest, forbidden } from "./failure.ts";
import type { Rbac } from "./rbac/rbac.ts";

const ACCOUNT = /^system:serviceaccount:([^:]+):([^:]+)$/;
const ACCOUNTS_GROUP = "system:serviceaccounts";

/**
 * Who the request is to be taken for: the user of `Impersonate-User` and `Impersonate-Group`, if whoever sends it may be
 * taken for them; otherwise its sender. Throws 400 or 403.
 *
 * Source: kubernetes.io, "Authenticating", "User impersonation": a right to the verb `impersonate` on users, groups and
 * serviceaccounts.
 */
export function impersonate(request: IncomingMessage, sender: User, rbac: Rbac): User {
  const { headersDistinct } = request;
  const [name = ""] = headersDistinct["impersonate-user"] ?? [];
  const groups = headersDistinct["impersonate-group"] ?? [];
  const isAsked = Object.keys(headersDistinct).some((header) => header.startsWith("impersonate-"));
  if (!isAsked) return sender;
  if (name === "") {
    throw badRequest(
      "requested to impersonate groups, a uid or extras without impersonating a user",
    );
  }
  const account = ACCOUNT.exec(name);
  const target =
    account === null
      ? { resource: "users", name }
      : { resource: "serviceaccounts", namespace: account[1], name: account[2] };
  check(sender, target, rbac);
  for (const group of groups) check(sender, { resource: "groups", name: group }, rbac);
  const own =
    account === null || groups.length > 0
      ? groups
      : [ACCOUNTS_GROUP, `${ACCOUNTS_GROUP}:${account[1] ?? ""}`];
  return userOf(name, own);
}

function check(
  sender: User,
  target: {
    readonly resource: string;
    readonly namespace?: string | undefined;
    readonly name?: string | undefined;
  },
  rbac: Rbac,
): void {
  if (sender.groups.includes(MASTERS_GROUP)) return;
  if (rbac.allows(sender, { verb: "impersonate", group: "", ...target }) !== undefined) return;
  const where =
    target.namespace === undefined
      ? "at the cluster scope"
      : `in the namespace "${target.namespace}"`;
  throw forbidden(
    `${target.resource} "${target.name ?? ""}" is forbidden: User "${sender.name}" cannot impersonate resource ` +
      `"${target.resource}" in API group "" ${where}`,
  );
}
