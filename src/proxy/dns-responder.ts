import packet from "dns-packet";
import type { DecodedPacket, OptAnswer, Packet } from "dns-packet";
import type { DnsUpstream, Transport } from "./dns-upstream.ts";
import { HEADER_BYTES } from "./dns-wire.ts";
import type { DnsZone } from "./dns-zone.ts";
import { resolveQuery } from "./resolve-query.ts";
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

/** The part of "bad EDNS version" (16) that stands in the OPT record. */
const BAD_VERSION_HIGH_BITS = 1;

/** Answers from the zone, and asks `upstream` for the rest. */
export function dnsResponder(
  zone: DnsZone,
  upstream: DnsUpstream,
  options: ZoneOptions,
): DnsResponder {
  let rotation = 0;
  return async (message, transport, signal) => {
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
      return encode(query, transport, { rcode: resolution.rcode, resolution });
    }
    const answer = await upstream.forward(message, transport, signal);
    return answer ?? encode(query, transport, { rcode: "SERVFAIL" });
  };
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
