import packet from "dns-packet";
import type { DecodedPacket, OptAnswer, Packet, Question } from "dns-packet";
import { unreachable } from "../base/assert.ts";
import type { DnsUpstream, Transport } from "./dns-upstream.ts";
import { HEADER_BYTES, isTruncated } from "./dns-wire.ts";
import type { DnsZone } from "./dns-zone.ts";
import { DNS_TTL_SECONDS, resolveQuery } from "./resolve-query.ts";
import type { Resolution, ZoneOptions } from "./resolve-query.ts";

/** What one message in gives: the message out, or nothing when it deserves none. */
export type DnsResponder = (
  message: Buffer,
  transport: Transport,
  signal: AbortSignal,
) => Promise<Buffer | undefined>;

/** UDP answers stay below what any path carries in one piece, also when the client allows more. */
const MAX_UDP_BYTES = 1232;
/** What every client takes, also without EDNS. */
const PLAIN_UDP_BYTES = 512;
const MAX_TCP_BYTES = 0xffff;

const RCODES = { NOERROR: 0, FORMERR: 1, SERVFAIL: 2, NXDOMAIN: 3, NOTIMP: 4, REFUSED: 5 } as const;
type Rcode = keyof typeof RCODES;

const OPCODE_QUERY = 0;
const RCODE_BITS = 0x0f;

/** The part of "bad EDNS version" (16) that stands in the OPT record. */
const BAD_VERSION_HIGH_BITS = 1;

/** Names that stand for others, one after the other; more are a circle. */
const MAX_ALIASES = 8;

/** Answers that are kept ready; they hold as long as no record changes. */
const MAX_READY = 10_000;
const MAX_READY_BYTES = 300;

/** Answers from the zone, and asks `upstream` for the rest. */
export function dnsResponder(
  zone: DnsZone,
  upstream: DnsUpstream,
  options: ZoneOptions,
): DnsResponder {
  const ready = new ReadyAnswers(zone);
  const chase = chaser(zone, upstream, options);
  let rotation = 0;
  return async (message, transport, signal) => {
    const known = transport === "udp" ? ready.get(message) : undefined;
    if (known !== undefined) return known;
    const query = decodeQuery(message);
    if (query === undefined) return undefined;
    const refusal = refusalOf(message, query);
    if (refusal !== undefined) return encode(query, transport, { rcode: refusal });
    if ((edns(query)?.ednsVersion ?? 0) !== 0) {
      return encode(query, transport, { rcode: "NOERROR", extended: BAD_VERSION_HIGH_BITS });
    }
    const [question] = query.questions ?? [];
    if (question === undefined) return undefined;
    rotation = (rotation + 1) % 0x10000;
    const resolution = resolveQuery(question, zone, options, rotation);
    if (resolution.kind === "answer") {
      const answer = encode(query, transport, { rcode: resolution.rcode, resolution });
      if (transport === "udp" && resolution.answers.length <= 1) ready.set(message, answer);
      return answer;
    }
    if (resolution.kind === "forward") {
      const answer = await upstream.forward(message, transport, signal);
      return answer ?? encode(query, transport, { rcode: "SERVFAIL" });
    }
    const found = await chase(resolution, question, { transport, signal });
    if (found === undefined) return encode(query, transport, { rcode: "SERVFAIL" });
    return encode(query, transport, { rcode: found.rcode, resolution: found });
  };
}

/** Whole answers to whole questions, as they came in: most questions are repeated word by word. */
class ReadyAnswers {
  readonly #zone: DnsZone;
  readonly #answers = new Map<string, Buffer>();
  #version = -1;

  constructor(zone: DnsZone) {
    this.#zone = zone;
  }

  get(message: Buffer): Buffer | undefined {
    if (this.#version !== this.#zone.version) {
      this.#answers.clear();
      this.#version = this.#zone.version;
    }
    if (message.length > MAX_READY_BYTES) return undefined;
    const answer = this.#answers.get(message.toString("latin1", 2));
    if (answer === undefined) return undefined;
    const own = Buffer.from(answer);
    message.copy(own, 0, 0, 2);
    return own;
  }

  set(message: Buffer, answer: Buffer): void {
    if (message.length > MAX_READY_BYTES || this.#answers.size >= MAX_READY) return;
    this.#answers.set(message.toString("latin1", 2), answer);
  }
}

type Answered = Extract<Resolution, { readonly kind: "answer" }>;

interface Asking {
  readonly transport: Transport;
  readonly signal: AbortSignal;
}

/** Finds the records of names that stand for others. `undefined` when nobody answers, or they go in a circle. */
function chaser(
  zone: DnsZone,
  upstream: DnsUpstream,
  options: ZoneOptions,
): (from: Resolution, question: Question, asking: Asking) => Promise<Answered | undefined> {
  const follow = async (
    resolution: Resolution,
    question: Question,
    asking: Asking,
    depth: number,
  ): Promise<Answered | undefined> => {
    if (depth > MAX_ALIASES) return undefined;
    switch (resolution.kind) {
      case "answer":
        return resolution;
      case "forward":
        return askUpstream(upstream, question, asking);
      case "alias": {
        const found = await look(resolution.target, question, asking, depth);
        return found === undefined
          ? undefined
          : behindAlias(question.name, resolution.target, found);
      }
      case "search":
        for (const name of resolution.names) {
          const found = await look(name, question, asking, depth);
          // Nobody to ask: the program hears that there is no such name here, and asks on by itself.
          if (found === undefined) break;
          if (found.rcode === "NOERROR") return behindAlias(question.name, name, found);
        }
        return follow(resolution.otherwise, question, asking, depth);
      default:
        return unreachable(resolution);
    }
  };
  const look = (
    name: string,
    question: Question,
    asking: Asking,
    depth: number,
  ): Promise<Answered | undefined> => {
    const next = { ...question, name };
    const resolution = resolveQuery(next, zone, options, 0);
    // What was made of a search path already is not searched for again.
    const plain = resolution.kind === "search" ? resolution.otherwise : resolution;
    return follow(plain, next, asking, depth + 1);
  };
  return (from, question, asking) => follow(from, question, asking, 0);
}

function behindAlias(name: string, target: string, found: Answered): Answered {
  const alias = { type: "CNAME", name, ttl: DNS_TTL_SECONDS, class: "IN", data: target } as const;
  return { ...found, answers: [alias, ...found.answers] };
}

async function askUpstream(
  upstream: DnsUpstream,
  question: Question,
  { transport, signal }: Asking,
): Promise<Answered | undefined> {
  const query = packet.encode({
    type: "query",
    id: 0,
    flags: packet.RECURSION_DESIRED,
    questions: [question],
    additionals: [optRecord(0)],
  });
  const first = await upstream.forward(query, transport, signal);
  if (first === undefined) return undefined;
  // The client asks again by itself only for what it asked; this is a part of our answer.
  const whole = isTruncated(first) ? await upstream.forward(query, "tcp", signal) : first;
  const message = whole ?? first;
  try {
    const { answers = [], authorities = [] } = packet.decode(message);
    const code = (message[3] ?? 0) & RCODE_BITS;
    if (code !== RCODES.NOERROR && code !== RCODES.NXDOMAIN) return undefined;
    return {
      kind: "answer",
      rcode: code === RCODES.NOERROR ? "NOERROR" : "NXDOMAIN",
      answers,
      additionals: [],
      authority: authorities.find((record) => record.type === "SOA"),
    };
  } catch {
    return undefined;
  }
}

/** `undefined` for what is no query: noise, and responses, which must never be answered. */
function decodeQuery(message: Buffer): DecodedPacket | undefined {
  if (message.length < HEADER_BYTES) return undefined;
  try {
    const query = packet.decode(message);
    return query.type === "query" ? query : undefined;
  } catch {
    return undefined;
  }
}

function refusalOf(message: Buffer, query: DecodedPacket): Rcode | undefined {
  if ((((message[2] ?? 0) >> 3) & 0x0f) !== OPCODE_QUERY) return "NOTIMP";
  if (query.questions?.length !== 1) return "FORMERR";
  const { class: kind = "IN", type } = query.questions[0] ?? {};
  if (kind !== "IN") return "REFUSED";
  return type === "AXFR" || type === "IXFR" ? "REFUSED" : undefined;
}

function edns(query: DecodedPacket): OptAnswer | undefined {
  return query.additionals?.find((record) => record.type === "OPT");
}

interface Reply {
  readonly rcode: Rcode;
  readonly resolution?: Extract<Resolution, { readonly kind: "answer" }>;
  /** The high bits of the rcode, which only EDNS carries. */
  readonly extended?: number;
}

function encode(query: DecodedPacket, transport: Transport, reply: Reply): Buffer {
  const { rcode, resolution, extended = 0 } = reply;
  const opt = edns(query);
  const limit = transport === "tcp" ? MAX_TCP_BYTES : udpLimit(opt);
  const authoritative = resolution === undefined ? 0 : packet.AUTHORITATIVE_ANSWER;
  const desired = query.flag_rd ? packet.RECURSION_DESIRED : 0;
  const flags = authoritative | desired | packet.RECURSION_AVAILABLE | RCODES[rcode];
  const extra = resolution?.additionals ?? [];
  const response: Packet = {
    type: "response",
    ...(query.id === undefined ? {} : { id: query.id }),
    flags,
    questions: query.questions ?? [],
    answers: [...(resolution?.answers ?? [])],
    authorities: resolution?.authority === undefined ? [] : [resolution.authority],
    additionals: [...extra, ...(opt === undefined ? [] : [optRecord(extended)])],
  };
  if (packet.encodingLength(response) <= limit) return packet.encode(response);
  return packet.encode(truncate(response, limit));
}

function udpLimit(opt: OptAnswer | undefined): number {
  if (opt === undefined) return PLAIN_UDP_BYTES;
  return Math.max(PLAIN_UDP_BYTES, Math.min(opt.udpPayloadSize, MAX_UDP_BYTES));
}

/** Leaves out what saves a question, then as many answers as do not fit; the client then asks again by TCP. */
function truncate(response: Packet, limit: number): Packet {
  const opt = response.additionals?.filter((record) => record.type === "OPT") ?? [];
  const without: Packet = { ...response, additionals: opt };
  if (packet.encodingLength(without) <= limit) return without;
  const flags = (response.flags ?? 0) | packet.TRUNCATED_RESPONSE;
  let answers = response.answers ?? [];
  while (answers.length > 0 && packet.encodingLength({ ...without, answers }) > limit) {
    answers = answers.slice(0, Math.floor(answers.length * 0.9));
  }
  return { ...without, flags, answers };
}

function optRecord(extendedRcode: number): OptAnswer {
  return {
    type: "OPT",
    name: ".",
    udpPayloadSize: MAX_UDP_BYTES,
    extendedRcode,
    ednsVersion: 0,
    flags: 0,
    flag_do: false,
    options: [],
  };
}
