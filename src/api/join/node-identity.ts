import type { Node } from "../../model/kinds.gen.ts";
import type { ObjectStore } from "../../store/object-store.ts";
import type { User } from "../authenticate.ts";

/** How the alternative name of a node's certificate names the Node: its uid, so that a deleted one is told from its successor. */
const URI_PREFIX = "urn:berth:node:";

/** Pure. */
export function nodeUri(uid: string): string {
  return `${URI_PREFIX}${uid}`;
}

/** The uid in a certificate's alternative names, as Node.js prints them; `undefined` where there is none. Pure. */
export function uidOfNames(names: string | undefined): string | undefined {
  const uri = (names ?? "").split(", ").find((name) => name.startsWith(`URI:${URI_PREFIX}`));
  return uri?.slice("URI:".length + URI_PREFIX.length);
}

/** Whether a node is still the one that its certificate was made for: deleting a Node revokes it at once. */
export function isRevoked(user: User, objects: Pick<ObjectStore, "get">): boolean {
  if (user.node === undefined || user.nodeUid === undefined) return false;
  const found = objects.get({ apiVersion: "v1", kind: "Node", name: user.node });
  return (found?.object as Node | undefined)?.metadata.uid !== user.nodeUid;
}
