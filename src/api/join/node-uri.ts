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
