import packet from "dns-packet";
import type { Answer } from "dns-packet";
import { describe, expect, test } from "vitest";
import { DnsCache } from "../../src/proxy/dns-cache.ts";
import { answersQuery, findTtls, isTruncated, questionEnd } from "../../src/proxy/dns-wire.ts";
import { parseNameservers } from "../../src/proxy/resolv-conf.ts";
import { ManualClock } from "../support/manual-clock.ts";

const NAME = "example.com";
const a = (ttl: number): Answer => ({ type: "A", name: NAME, ttl, data: "192.0.2.1" });
const opt: Answer = {
  type: "OPT",
  name: ".",
  udpPayloadSize: 1232,
  extendedRcode: 0,
  ednsVersion: 0,
  flags: 0x80_00,
  flag_do: true,
  options: [],
};
const questions = [{ type: "A", name: NAME }] as const;
const query = packet.encode({ type: "query", id: 7, questions: [...questions] });

function response(
  answers: readonly Answer[],
  flags = 0,
  additionals: readonly Answer[] = [],
): Buffer {
  const lists = { questions: [...questions], answers: [...answers], additionals: [...additionals] };
  return packet.encode({ type: "response", id: 7, flags, ...lists });
}

describe("findTtls()", () => {
  test("finds the TTL of each record and the least, and passes EDNS by", () => {
    const message = response([a(300), a(60)], 0, [opt]);
    const found = findTtls(message);
    expect(found?.least).toBe(60);
    expect(found?.offsets.map((offset) => message.readUInt32BE(offset))).toEqual([300, 60]);
  });

  test("follows the pointers of compressed names", () => {
    const header = Buffer.from("000781800001000100000000", "hex");
    const question = query.subarray(12);
    const record = Buffer.from("c00c000100010000012c0004c0000201", "hex");
    expect(findTtls(Buffer.concat([header, question, record]))?.least).toBe(300);
  });

  test("gives nothing for any message that is cut short", () => {
    const message = response([a(300)]);
    for (let length = 0; length < message.length - 4; length += 1) {
      expect([length, findTtls(message.subarray(0, length))]).toEqual([length, undefined]);
    }
  });
});

test("isTruncated() knows the flag among others", () => {
  const flags = packet.AUTHORITATIVE_ANSWER | packet.RECURSION_DESIRED;
  expect(isTruncated(response([a(1)], flags))).toBe(false);
  expect(isTruncated(response([a(1)], flags | packet.TRUNCATED_RESPONSE))).toBe(true);
});

describe("answersQuery()", () => {
  const changed = (at: number, byte: number): Buffer => {
    const message = response([a(1)]);
    message[at] = byte;
    return message;
  };

  test.for([
    { name: "the answer", message: response([a(1)]), yes: true },
    { name: "another id", message: changed(0, 9), yes: false },
    { name: "a query", message: changed(2, 0), yes: false },
    { name: "another question", message: changed(14, 0x7a), yes: false },
    { name: "the question in capitals", message: changed(13, 0x45), yes: true },
    { name: "half a message", message: response([]).subarray(0, 14), yes: false },
  ])("$name → $yes", ({ message, yes }) => {
    expect(answersQuery(message, query)).toBe(yes);
  });

  test("the question ends where the message of a query does", () => {
    expect(questionEnd(query)).toBe(query.length);
  });
});

describe("DnsCache", () => {
  const NXDOMAIN = 3;
  const SERVFAIL = 2;

  test("counts the TTL down and forgets at its end", async () => {
    const clock = new ManualClock();
    const cache = new DnsCache(clock);
    cache.put("k", response([a(10)]));
    await clock.advance(4000);
    const [answer] = packet.decode(cache.get("k") ?? Buffer.alloc(0)).answers ?? [];
    expect(answer).toMatchObject({ ttl: 6 });
    await clock.advance(6000);
    expect(cache.get("k")).toBeUndefined();
  });

  test("keeps nothing longer than half a minute", async () => {
    const clock = new ManualClock();
    const cache = new DnsCache(clock);
    cache.put("k", response([a(3600)]));
    await clock.advance(29_999);
    expect(cache.get("k")).toBeDefined();
    await clock.advance(1);
    expect(cache.get("k")).toBeUndefined();
  });

  test.for([
    { name: "an answer", message: response([a(9)]), kept: true },
    { name: "a certain no", message: response([a(9)], NXDOMAIN), kept: true },
    { name: "a failure", message: response([a(9)], SERVFAIL), kept: false },
    { name: "what was cut", message: response([a(9)], packet.TRUNCATED_RESPONSE), kept: false },
    { name: "what must not be kept", message: response([a(0)]), kept: false },
    { name: "what says no time", message: response([]), kept: false },
  ])("$name: kept is $kept", ({ message, kept }) => {
    const cache = new DnsCache(new ManualClock());
    cache.put("k", message);
    expect(cache.get("k") !== undefined).toBe(kept);
  });

  test("makes room by forgetting the oldest", () => {
    const cache = new DnsCache(new ManualClock());
    for (let index = 0; index <= 2000; index += 1) cache.put(`${index}`, response([a(9)]));
    expect([cache.get("0"), cache.get("1") === undefined]).toEqual([undefined, false]);
  });
});

describe("parseNameservers()", () => {
  test("reads addresses in order, three at most, and nothing else", () => {
    const text = [
      "# nameserver 192.0.2.9",
      "search example.com",
      "nameserver 192.0.2.1",
      "nameserver\t2001:db8::1",
      "nameserver fe80::1%eth0",
      "nameserver bogus",
      "nameserver 192.0.2.4",
    ].join("\n");
    expect(parseNameservers(text)).toEqual(["192.0.2.1", "2001:db8::1", "fe80::1%eth0"]);
  });
});
