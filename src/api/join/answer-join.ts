import type { IncomingMessage, ServerResponse } from "node:http";
import { TLSSocket } from "node:tls";
import type { Clock, Millis } from "../../base/clock.ts";
import type { Logger } from "../../base/logger.ts";
import type { JoinAnswer, JoinRequest } from "../../model/join-token.ts";
import type { Node } from "../../model/kinds.gen.ts";
import type { StringMap } from "../../model/meta.ts";
import { isDnsSubdomain } from "../../model/names.ts";
import { BERTH_PATHS } from "../../model/node-endpoints.ts";
import { ObjectStoreError, type ObjectStore } from "../../store/object-store.ts";
import { NODE_USER_PREFIX, NODES_GROUP, readCertificate, type User } from "../authenticate.ts";
import { readJsonObject } from "../body.ts";
import { ApiFailure, badRequest, unauthorized } from "../failure.ts";
import type { Heartbeats } from "../heartbeats.ts";
import { keyOfRequest, PkiError, type Authority } from "../pki.ts";
import { methodNotAllowed } from "../request-info.ts";
import { sendBytes, sendJson } from "../respond.ts";
import { Attempts } from "./attempts.ts";
import { isRevoked } from "./node-identity.ts";
import { nodeUri } from "./node-uri.ts";
import { takeToken, type Admission } from "./take-token.ts";

/** What machines can join with. */
export interface JoinOptions {
  readonly authority: Authority;
  /** What every node must know. */
  readonly config: Omit<JoinAnswer["config"], "nodeName">;
}

export interface JoinContext {
  readonly objects: ObjectStore;
  readonly heartbeats: Heartbeats;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** A node that was heard within this time is alive: nobody takes its name. */
const ALIVE_MS: Millis = 40_000;
/** How long after its end a certificate can still be renewed: a machine that was switched off is not lost. */
const GRACE_MS: Millis = 30 * 86_400_000;
const MAX_NODE_NAME = 63;

/** Lets machines become nodes, and nodes stay it. */
export class Joining {
  readonly #options: JoinOptions;
  readonly #context: JoinContext;
  readonly #attempts: Attempts;

  constructor(options: JoinOptions, context: JoinContext) {
    this.#options = options;
    this.#context = context;
    this.#attempts = new Attempts(context.clock);
  }

  /** Answers the paths that need no valid certificate. False when the path is none of them. */
  async answer(request: IncomingMessage, response: ServerResponse, path: string): Promise<boolean> {
    const method = request.method ?? "GET";
    switch (path) {
      case BERTH_PATHS.ca:
        if (method !== "GET" && method !== "HEAD") throw methodNotAllowed();
        sendBytes(
          response,
          200,
          Buffer.from(this.#options.authority.cert),
          "application/x-pem-file",
        );
        return true;
      case BERTH_PATHS.join:
        if (method !== "POST") throw methodNotAllowed();
        sendJson(response, 201, await this.#join(request));
        return true;
      case BERTH_PATHS.renew:
        if (method !== "POST") throw methodNotAllowed();
        sendJson(response, 201, await this.#renew(request));
        return true;
      default:
        return false;
    }
  }

  async #join(request: IncomingMessage): Promise<JoinAnswer> {
    const { objects, clock, logger } = this.#context;
    const address = request.socket.remoteAddress ?? "";
    if (!this.#attempts.take(`address ${address}`))
      throw tooManyRequests("too many attempts to join from this address");
    const wanted = readJoinRequest(await readJsonObject(request));
    if (!this.#attempts.take(`token ${wanted.id}`))
      throw tooManyRequests("too many attempts to join by this token");
    await checkRequest(wanted.csr);
    const { node: name } = wanted;
    const check = ({ isForName }: Admission): void => this.#refuseTaken(name, isForName);
    const { labels } = await takeToken(objects, wanted, clock.now(), check);
    const node = await this.#register(name, labels);
    const answer = await this.#sign(node, wanted.csr);
    logger.info({ node: name, address }, "A machine has joined");
    return answer;
  }

  /** A name is taken by whoever has it; only a token for the very name takes over one that is not alive. */
  #refuseTaken(name: string, isForName: boolean): void {
    const { heartbeats, clock, objects } = this.#context;
    if (objects.get(nodeRef(name)) === undefined) return;
    const seen = heartbeats.lastSeen(name);
    const isAlive = seen !== undefined && clock.monotonic() - seen <= ALIVE_MS;
    if (!isAlive && isForName) return;
    if (!isAlive) {
      throw new ApiFailure(
        409,
        "Conflict",
        `there is a node "${name}" already: delete it first (kubectl delete node ${name}), or make a token for it (berth token create --node ${name})`,
      );
    }
    throw new ApiFailure(
      409,
      "Conflict",
      `the node "${name}" is there and alive: join by another name (--node-name), or stop it and delete it first (kubectl delete node ${name})`,
    );
  }

  async #register(name: string, labels: StringMap): Promise<Node> {
    const { objects } = this.#context;
    const known = objects.get(nodeRef(name))?.object as Node | undefined;
    if (known !== undefined) return known;
    const node: Node = {
      apiVersion: "v1",
      kind: "Node",
      metadata: { name, labels: { ...labels, "kubernetes.io/hostname": name } },
      spec: {},
    };
    try {
      return (await objects.create(node)).object as Node;
    } catch (error) {
      if (!(error instanceof ObjectStoreError) || error.code !== "already-exists") throw error;
      throw new ApiFailure(409, "Conflict", `another machine has just joined as "${name}"`);
    }
  }

  /** By a certificate that is good, or was until lately, of a node that is still there. */
  async #renew(request: IncomingMessage): Promise<JoinAnswer> {
    const { objects, clock, logger } = this.#context;
    const user = renewingNode(request, clock.now());
    if (user?.node === undefined || user.nodeUid === undefined || isRevoked(user, objects)) {
      throw unauthorized();
    }
    const { csr } = await readJsonObject(request);
    if (typeof csr !== "string") throw badRequest(`"csr" must be a PEM text`);
    const node = objects.get(nodeRef(user.node))?.object as Node;
    const answer = await this.#sign(node, csr);
    logger.info({ node: user.node }, "A node has renewed its certificate");
    return answer;
  }

  async #sign({ metadata: { name, uid = "" } }: Node, csr: string): Promise<JoinAnswer> {
    const { authority, config } = this.#options;
    try {
      const cert = await authority.signClient({
        csr,
        commonName: `${NODE_USER_PREFIX}${name}`,
        organizations: [NODES_GROUP],
        uri: nodeUri(uid),
        now: this.#context.clock.now(),
      });
      return { cert, config: { ...config, nodeName: name } };
    } catch (error) {
      if (error instanceof PkiError) throw badRequest(error.message);
      throw error;
    }
  }
}

/** Before a token is spent on it. */
async function checkRequest(csr: string): Promise<void> {
  try {
    await keyOfRequest(csr);
  } catch (error) {
    if (error instanceof PkiError) throw badRequest(error.message);
    throw error;
  }
}

function renewingNode({ socket }: IncomingMessage, now: Millis): User | undefined {
  if (!(socket instanceof TLSSocket)) return undefined;
  // Whoever is not trusted for another reason than its time never was.
  const isExpired = String(socket.authorizationError) === "CERT_HAS_EXPIRED";
  if (!socket.authorized && !isExpired) return undefined;
  const found = readCertificate(socket);
  return found === undefined || found.validUntil + GRACE_MS <= now ? undefined : found.user;
}

function nodeRef(name: string) {
  return { apiVersion: "v1", kind: "Node", name };
}

function readJoinRequest(body: Readonly<Record<string, unknown>>): JoinRequest {
  const { id, secret, node, csr } = body;
  if (typeof id !== "string" || typeof secret !== "string" || typeof csr !== "string") {
    throw badRequest(`"id", "secret" and "csr" must be texts`);
  }
  if (typeof node !== "string" || !isDnsSubdomain(node) || node.length > MAX_NODE_NAME) {
    throw badRequest(
      `"node" must be a name of lower-case letters, digits, "-" and ".", at most ${MAX_NODE_NAME} characters`,
    );
  }
  return { id, secret, node, csr };
}

function tooManyRequests(why: string): ApiFailure {
  return new ApiFailure(429, "TooManyRequests", `${why}: try again in a minute`);
}
