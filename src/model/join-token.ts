/** A token by which a machine becomes a node: `berth1.<CA>.<id>.<secret>`. */
export interface JoinToken {
  /** SHA-256 of the CA's public key (SPKI), base64url: the machine trusts no other. */
  readonly caHash: string;
  /** Names the token; not secret. */
  readonly id: string;
  /** 128 bits and more. The cluster only keeps its hash. */
  readonly secret: string;
}

/** The type of the Secrets that tokens stand in, without their secrets. */
export const JOIN_TOKEN_TYPE = "berth.dev/join-token";
/** What those Secrets are called: this and the id. */
export const JOIN_TOKEN_PREFIX = "join-token-";

const PREFIX = "berth1";
const PARTS = /^berth1\.([A-Za-z0-9_-]{43})\.([a-z0-9]{8})\.([a-z0-9]{26,52})$/;

/** Pure. */
export function formatJoinToken({ caHash, id, secret }: JoinToken): string {
  return [PREFIX, caHash, id, secret].join(".");
}

/** `undefined` when the text is no token. Pure. */
export function parseJoinToken(text: string): JoinToken | undefined {
  const match = PARTS.exec(text.trim());
  if (match === null) return undefined;
  const [, caHash = "", id = "", secret = ""] = match;
  return { caHash, id, secret };
}

/** What the API keeps of a token, as the Secret's texts. */
export interface JoinTokenData {
  /** SHA-256 of the secret, hex. */
  readonly hash: string;
  readonly expiresAt: string;
  /** How many machines may still join by it. */
  readonly uses: string;
  /** The only name that a machine may join by; empty for any. */
  readonly node: string;
  /** Labels of the nodes, as JSON. */
  readonly labels: string;
}

/** What a machine sends to join. */
export interface JoinRequest {
  readonly id: string;
  readonly secret: string;
  readonly node: string;
  /** PEM of a PKCS #10 request; of it only the key counts. */
  readonly csr: string;
}

/** What it gets. */
export interface JoinAnswer {
  readonly cert: string;
  /** What the node must know of its cluster, beside where the API is. */
  readonly config: {
    readonly clusterId: string;
    readonly nodeName: string;
    readonly podCidr: string;
    readonly serviceCidr: string;
    readonly dnsIp: string;
    readonly domain: string;
    readonly networkDriver?: string;
  };
}
