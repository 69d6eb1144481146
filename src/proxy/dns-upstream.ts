import { randomInt } from "node:crypto";
import { createSocket } from "node:dgram";
import { connect, isIPv6 } from "node:net";
import type { Clock, Millis } from "../base/clock.ts";
import { DnsCache } from "./dns-cache.ts";
import { readTcpMessages, writeTcpMessage } from "./dns-tcp.ts";
import { answersQuery } from "./dns-wire.ts";

export interface Nameserver {
  readonly address: string;
  readonly port: number;
}

export interface DnsUpstreamOptions {
  /** Asked before each query that the cache cannot answer, so it must be quick. */
  readonly nameservers: () => Promise<readonly Nameserver[]>;
  readonly clock: Clock;
}

export type Transport = "udp" | "tcp";

/** How long one name server may take, and how often all of them are asked in turn. */
const ATTEMPT_MS = 1500;
const ROUNDS = 2;

/** How long a name server that did not answer is asked only after the others. */
const SHUNNED_MS: Millis = 10_000;

/** Queries under way. More are refused at once, or a dead upstream would eat all sockets. */
const MAX_UNDER_WAY = 500;

/** Asks the host's own name servers about names that are not the cluster's. */
export class DnsUpstream {
  readonly #options: DnsUpstreamOptions;
  readonly #cache: DnsCache;
  /** By address and port: when a name server did not answer. */
  readonly #failedAt = new Map<string, Millis>();
  readonly #underWay = new Map<string, Promise<Buffer | undefined>>();

  constructor(options: DnsUpstreamOptions) {
    this.#options = options;
    this.#cache = new DnsCache(options.clock);
  }

  /** The answer to `query` as an upstream gave it, with the query's id; `undefined` when none answered. */
  async forward(
    query: Buffer,
    transport: Transport,
    signal: AbortSignal,
  ): Promise<Buffer | undefined> {
    // All but the id: flags, question and EDNS options make the answer.
    const key = `${transport} ${query.toString("latin1", 2)}`;
    const cached = this.#cache.get(key);
    const answer =
      cached ?? (await this.#share(key, query, transport, signal)) ?? this.#cache.getStale(key);
    if (answer === undefined) return undefined;
    const own = Buffer.from(answer);
    query.copy(own, 0, 0, 2);
    return own;
  }

  /** As the host names them, but those that did not answer a moment ago come last. */
  #inOrder(nameservers: readonly Nameserver[]): readonly Nameserver[] {
    const since = this.#options.clock.monotonic() - SHUNNED_MS;
    const isShunned = (nameserver: Nameserver): boolean =>
      (this.#failedAt.get(placeOf(nameserver)) ?? Number.NEGATIVE_INFINITY) > since;
    return [
      ...nameservers.filter((nameserver) => !isShunned(nameserver)),
      ...nameservers.filter(isShunned),
    ];
  }

  /** Equal queries that come while one is under way get its answer. */
  #share(
    key: string,
    query: Buffer,
    transport: Transport,
    signal: AbortSignal,
  ): Promise<Buffer | undefined> {
    const shared = this.#underWay.get(key);
    if (shared !== undefined) return shared;
    if (this.#underWay.size >= MAX_UNDER_WAY) return Promise.resolve(undefined);
    const asked = this.#ask(query, transport, signal)
      .then((answer) => {
        if (answer !== undefined) this.#cache.put(key, answer);
        return answer;
      })
      .finally(() => this.#underWay.delete(key));
    this.#underWay.set(key, asked);
    return asked;
  }

  async #ask(
    query: Buffer,
    transport: Transport,
    signal: AbortSignal,
  ): Promise<Buffer | undefined> {
    const nameservers = this.#inOrder(await this.#options.nameservers().catch(() => []));
    for (let round = 0; round < ROUNDS; round += 1) {
      for (const nameserver of nameservers) {
        if (signal.aborted) return undefined;
        const asked = Buffer.from(query);
        asked.writeUInt16BE(randomInt(0x10000), 0);
        const limit = AbortSignal.any([signal, AbortSignal.timeout(ATTEMPT_MS)]);
        const exchange = transport === "udp" ? exchangeUdp : exchangeTcp;
        const answer = await exchange(asked, nameserver, limit).catch(() => undefined);
        if (answer !== undefined) {
          this.#failedAt.delete(placeOf(nameserver));
          return answer;
        }
        this.#failedAt.set(placeOf(nameserver), this.#options.clock.monotonic());
      }
    }
    return undefined;
  }
}

function placeOf({ address, port }: Nameserver): string {
  return `${address}#${port}`;
}

/** One socket per query: its random port is half of what a forger would have to guess. */
async function exchangeUdp(
  query: Buffer,
  { address, port }: Nameserver,
  signal: AbortSignal,
): Promise<Buffer> {
  const socket = createSocket(isIPv6(address) ? "udp6" : "udp4");
  const answered = Promise.withResolvers<Buffer>();
  const abort = (): void => answered.reject(signal.reason);
  signal.addEventListener("abort", abort, { once: true });
  try {
    socket.on("error", answered.reject);
    socket.on("message", (message) => {
      if (answersQuery(message, query)) answered.resolve(message);
    });
    socket.connect(port, address, () => socket.send(query));
    return await answered.promise;
  } finally {
    signal.removeEventListener("abort", abort);
    socket.close();
  }
}

async function exchangeTcp(
  query: Buffer,
  { address, port }: Nameserver,
  signal: AbortSignal,
): Promise<Buffer> {
  const socket = connect({ host: address, port, signal });
  try {
    writeTcpMessage(socket, query);
    for await (const message of readTcpMessages(socket)) {
      if (answersQuery(message, query)) return message;
    }
    throw new Error(`The name server ${address} closed the connection`);
  } finally {
    socket.destroy();
  }
}
