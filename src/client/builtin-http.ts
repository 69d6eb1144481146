/**
 * `node:http`, without what an import of it brings along: an import reads all that the module offers, and thereby loads
 * the WebSocket client, which takes 14 MB of a process that has no use for it.
 */
export const http: typeof import("node:http") = process.getBuiltinModule("node:http");
