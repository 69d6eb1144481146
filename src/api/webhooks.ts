import type { IncomingMessage, ServerResponse } from "node:http";
import type { Clock, Millis } from "../base/clock.ts";
import type { Logger } from "../base/logger.ts";
import { payloadAddresses } from "./webhook-payload.ts";
import { isSigned, isSignedBy } from "./webhook-signature.ts";

/** What webhooks come to: a look at Git, never anything that they say themselves. */
export interface WebhookTarget {
  /** Tokens that sign webhooks, each with the Apps that it stands for. */
  tokens(): readonly { readonly token: string; readonly apps: readonly string[] }[];
  /** Looks now at those of the Apps that follow one of the addresses, at all without any; gives their names. */
  look(apps: readonly string[], addresses: readonly string[]): readonly string[];
}

export interface WebhookOptions {
  readonly target: WebhookTarget;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Where hosts send their webhooks. Whoever comes needs no certificate, but a signature. */
export const WEBHOOK_PATH = "/webhooks/git";

/** Payloads of pushes are some KB; those of a thousand commits some hundred. */
const MAX_BODY_BYTES = 2_000_000;
/** Bodies that are in memory at the same time. */
const MAX_BODIES = 16;
/** Webhooks in a row, and per second, of one address; hosts send one per push. */
const BURST = 30;
const PER_SECOND = 2;
/** Addresses that are told apart: beyond that all others share. */
const MAX_ADDRESSES = 1000;

interface Bucket {
  left: number;
  at: Millis;
}

/** Takes webhooks of GitHub, GitLab, Gitea, Forgejo, Bitbucket and anybody who signs as they do. */
export class Webhooks {
  readonly #options: WebhookOptions;
  readonly #buckets = new Map<string, Bucket>();
  #bodies = 0;

  constructor(options: WebhookOptions) {
    this.#options = options;
  }

  /** Whether a request is for webhooks. */
  static concerns({ url = "" }: IncomingMessage): boolean {
    return url === WEBHOOK_PATH || url.startsWith(`${WEBHOOK_PATH}?`);
  }

  /** Answers a request. Never throws. */
  async handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const from = request.socket.remoteAddress ?? "";
    request.on("error", () => undefined);
    if (request.method !== "POST") {
      response.setHeader("Allow", "POST");
      return answer(response, 405, "webhooks are sent with POST");
    }
    if (!this.#takeToken(from)) return answer(response, 429, "too many webhooks; send fewer");
    // What carries no signature is not even read.
    if (!isSigned(request.headers)) return answer(response, 401, UNSIGNED);
    if (this.#bodies >= MAX_BODIES) return answer(response, 429, "too many webhooks at once");
    this.#bodies += 1;
    try {
      const body = await readBody(request);
      if (body === undefined)
        return answer(response, 413, `the payload has more than ${MAX_BODY_BYTES} bytes`);
      this.#accept(request, response, body);
    } catch {
      response.destroy();
    } finally {
      this.#bodies -= 1;
    }
  }

  #accept(request: IncomingMessage, response: ServerResponse, body: Buffer): void {
    const { target, logger } = this.#options;
    const apps = target
      .tokens()
      .flatMap((one) => (isSignedBy(request.headers, body, one.token) ? one.apps : []));
    if (apps.length === 0) {
      logger.warn({ from: request.socket.remoteAddress }, "webhook refused: no App has its token");
      return answer(response, 401, UNSIGNED);
    }
    const addresses = payloadAddresses(body.toString(), request.headers["content-type"]);
    if (addresses === undefined) return answer(response, 400, "the payload is not a JSON object");
    const looked = target.look([...new Set(apps)], addresses);
    logger.info({ apps: looked }, "webhook: looking at Git");
    if (looked.length === 0)
      return answer(response, 404, "no App with this token follows the repository");
    answer(response, 202, "looking at Git");
  }

  #takeToken(from: string): boolean {
    const now = this.#options.clock.monotonic();
    const key = this.#buckets.size < MAX_ADDRESSES || this.#buckets.has(from) ? from : "others";
    const bucket = this.#buckets.get(key) ?? { left: BURST, at: now };
    bucket.left = Math.min(BURST, bucket.left + ((now - bucket.at) / 1000) * PER_SECOND);
    bucket.at = now;
    this.#buckets.set(key, bucket);
    if (bucket.left < 1) return false;
    bucket.left -= 1;
    return true;
  }
}

const UNSIGNED =
  "the webhook is not signed with the token of any App; give the host the token of the App's webhookSecretRef";

/** The whole body; `undefined` when it is too large, and then the rest of it is not taken. */
async function readBody(request: IncomingMessage): Promise<Buffer | undefined> {
  if (Number(request.headers["content-length"] ?? 0) > MAX_BODY_BYTES) return undefined;
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > MAX_BODY_BYTES) return undefined;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

function answer(response: ServerResponse, code: number, message: string): void {
  const body = `${JSON.stringify({ message })}\n`;
  response.writeHead(code, {
    "Content-Type": "application/json",
    "Content-Length": Buffer.byteLength(body),
    // Whoever was refused may still be sending.
    ...(code < 300 ? {} : { Connection: "close" }),
  });
  response.end(body);
}
