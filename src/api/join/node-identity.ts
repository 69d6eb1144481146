import type { Node } from "../../model/kinds.gen.ts";
import type { ObjectStore } from "../../store/object-store.ts";
import type { User } from "../authenticate.ts";

/** Whether a node is still the one that its certificate was made for: deleting a Node revokes it at once. */
export function isRevoked(user: User, objects: Pick<ObjectStore, "get">): boolean {
  if (user.node === undefined || user.nodeUid === undefined) return false;
  const found = objects.get({ apiVersion: "v1", kind: "Node", name: user.node });
  return (found?.object as Node | undefined)?.metadata.uid !== user.nodeUid;
}
