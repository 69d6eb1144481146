import type { Socket } from "node:net";
import { TLSSocket } from "node:tls";
import type { Millis } from "../base/clock.ts";
import { uidOfNames } from "./join/node-uri.ts";

/** Who asks, as their certificate says. */
export interface User {
  readonly name: string;
  readonly groups: readonly string[];
  /** The node, when the user is one. */
  readonly node?: string;
  /** The Node that the certificate was made for; absent for the node beside the control plane. */
  readonly nodeUid?: string;
  /** Of a ServiceAccount. */
  readonly uid?: string;
  /** What its token says beside: for instance the pod that it was made for. */
  readonly extra?: Readonly<Record<string, readonly string[]>>;
}

export const MASTERS_GROUP = "system:masters";
export const NODES_GROUP = "system:nodes";
/** What users of nodes are called: `system:node:<name>`. */
export const NODE_USER_PREFIX = "system:node:";

interface Credentials {
  readonly user: User;
  readonly validUntil: Millis;
}

/** Certificates are read once per connection. */
const known = new WeakMap<Socket, Credentials>();

/** The user of a connection: `undefined` without a certificate of our CA, or once it has expired. */
export function authenticate(socket: Socket, now: Millis): User | undefined {
  const credentials = known.get(socket) ?? readCredentials(socket);
  if (credentials === undefined || credentials.validUntil <= now) return undefined;
  known.set(socket, credentials);
  return credentials.user;
}

function readCredentials(socket: Socket): Credentials | undefined {
  return socket instanceof TLSSocket && socket.authorized ? readCertificate(socket) : undefined;
}

/** What the certificate of a connection says. Whether it is to be trusted, the caller must know. */
export function readCertificate(socket: TLSSocket): Credentials | undefined {
  const { subject, valid_to: until, subjectaltname } = socket.getPeerCertificate();
  const [name] = texts(subject?.CN);
  if (name === undefined || name === "") return undefined;
  const user = userOf(name, texts(subject.O));
  const nodeUid = user.node === undefined ? undefined : uidOfNames(subjectaltname);
  const validUntil = Date.parse(until);
  return { user: nodeUid === undefined ? user : { ...user, nodeUid }, validUntil };
}

/** A user with its node, if the name and the groups make it one. Pure. */
export function userOf(name: string, groups: readonly string[]): User {
  const isNode = groups.includes(NODES_GROUP) && name.startsWith(NODE_USER_PREFIX);
  return isNode ? { name, groups, node: name.slice(NODE_USER_PREFIX.length) } : { name, groups };
}

/** A name may stand several times in a certificate's subject. */
function texts(value: string | string[] | undefined): readonly string[] {
  if (value === undefined) return [];
  return Array.isArray(value) ? value : [value];
}
