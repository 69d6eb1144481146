import type { Socket } from "node:net";
import type { ObjectStore } from "../../store/object-store.ts";
import type { User } from "../authenticate.ts";

/** The connections of nodes, to be closed at once when a Node is deleted: watches and tunnels would last. */
export class NodeConnections {
  readonly #byUid = new Map<string, Set<Socket>>();
  readonly #stop: () => void;

  constructor(objects: Pick<ObjectStore, "subscribe">) {
    this.#stop = objects.subscribe(({ kind, object }) => {
      if (kind === "deleted" && object.kind === "Node") this.#end(object.metadata.uid ?? "");
    });
  }

  /** Remembers by whom a connection is used. Safe to repeat. */
  note({ nodeUid }: User, socket: Socket): void {
    if (nodeUid === undefined) return;
    const sockets = this.#byUid.get(nodeUid) ?? new Set();
    if (sockets.has(socket)) return;
    sockets.add(socket);
    this.#byUid.set(nodeUid, sockets);
    socket.once("close", () => {
      sockets.delete(socket);
      if (sockets.size === 0 && this.#byUid.get(nodeUid) === sockets) this.#byUid.delete(nodeUid);
    });
  }

  close(): void {
    this.#stop();
  }

  #end(uid: string): void {
    for (const socket of this.#byUid.get(uid) ?? []) socket.destroy();
  }
}
