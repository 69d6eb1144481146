import { createSocket } from "node:dgram";
import { once } from "node:events";
import { connect } from "node:net";
import packet from "dns-packet";
import type { DecodedPacket, Packet, RecordType } from "dns-packet";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { systemClock } from "../../src/base/system-clock.ts";
import { toServiceRecords } from "../../src/proxy/dns-records.ts";
import { dnsResponder } from "../../src/proxy/dns-responder.ts";
import type { DnsResponder } from "../../src/proxy/dns-responder.ts";
import { startDnsServer } from "../../src/proxy/dns-server.ts";
import type { DnsServer } from "../../src/proxy/dns-server.ts";
import { readTcpMessages, writeTcpMessage } from "../../src/proxy/dns-tcp.ts";
import { DnsUpstream } from "../../src/proxy/dns-upstream.ts";
import type { Nameserver } from "../../src/proxy/dns-upstream.ts";
import { DnsZone } from "../../src/proxy/dns-zone.ts";
import { ManualClock } from "../support/manual-clock.ts";
import { endpoint, service, slice } from "../proxy/services.ts";

const ADDRESS = "127.0.0.1";
const OPTIONS = {
  domain: "cluster.local",
  podCidr: "10.32.0.0/11",
  serviceCidr: "10.96.0.0/12",
};
const WEB = "web.shop.svc.cluster.local";
/** A headless Service with more pods than one UDP answer holds. */
const MANY = "many.shop.svc.cluster.local";
const POD_COUNT = 100;

const signal = AbortSignal.timeout(100_000);
const stack = new AsyncDisposableStack();
let server: DnsServer;
let upstreams: readonly Nameserver[] = [];
/** What the upstream server was asked, and what it says. */
let isAway = false;
const asked: { readonly transport: string; readonly name: string }[] = [];

beforeAll(async () => {
  const zone = new DnsZone();
  zone.set("shop/web", toServiceRecords({ service: service(), slices: [] }));
  const pods = Array.from({ length: POD_COUNT }, (_, index) => endpoint(`10.32.1.${index + 1}`));
  const many = service({ clusterIP: "None" }, "many");
  const alias = service({ type: "ExternalName", externalName: "db.example" }, "alias");
  zone.set("shop/alias", toServiceRecords({ service: alias, slices: [] }));
  const large = service({ type: "ExternalName", externalName: "large.example" }, "large");
  zone.set("shop/large", toServiceRecords({ service: large, slices: [] }));
  const circle = service(
    { type: "ExternalName", externalName: "circle.shop.svc.cluster.local" },
    "circle",
  );
  zone.set("shop/circle", toServiceRecords({ service: circle, slices: [] }));
  const near = service({ type: "ExternalName", externalName: WEB }, "near");
  zone.set("shop/near", toServiceRecords({ service: near, slices: [] }));
  zone.set("shop/many", toServiceRecords({ service: many, slices: [slice(pods)] }));
  const upstream = new DnsUpstream({
    nameservers: () => Promise.resolve(upstreams),
    clock: systemClock,
  });
  const respond = dnsResponder(zone, upstream, OPTIONS);
  server = stack.use(await startDnsServer({ address: ADDRESS, port: 0, respond }));
  const other = stack.use(
    await startDnsServer({ address: ADDRESS, port: 0, respond: outsideWorld }),
  );
  upstreams = [{ address: ADDRESS, port: other.port }];
});

afterAll(async () => {
  await stack[Symbol.asyncDispose]();
});

/** Knows `<anything>.example`, `large.example` by TCP alone, fails for `broken.example`, is silent about `silent.example`. */
const outsideWorld: DnsResponder = (message, transport) => {
  const query = packet.decode(message);
  const name = query.questions?.[0]?.name ?? "";
  asked.push({ transport, name });
  if (name === "silent.example" || isAway) return Promise.resolve(undefined);
  const isMissing = !name.endsWith(".example");
  const ok = name !== "broken.example";
  const isCut = name === "large.example" && transport === "udp";
  const cutFlag = isCut ? packet.TRUNCATED_RESPONSE : 0;
  const response: Packet = {
    type: "response",
    ...(query.id === undefined ? {} : { id: query.id }),
    flags: cutFlag | (isMissing ? 3 : ok ? 0 : 2),
    questions: query.questions ?? [],
    answers: ok && !isMissing && !isCut ? [{ type: "A", name, ttl: 60, data: "192.0.2.7" }] : [],
  };
  return Promise.resolve(packet.encode(response));
};

interface Ask extends Packet {
  readonly type?: "query";
}

function query(name: string, type: RecordType = "A", fields: Ask = {}): Buffer {
  const flags = packet.RECURSION_DESIRED;
  return packet.encode({ type: "query", id: 4711, flags, questions: [{ type, name }], ...fields });
}

async function askUdp(message: Buffer, waitMs = 20_000): Promise<DecodedPacket & { size: number }> {
  const socket = createSocket("udp4");
  try {
    const answered = once(socket, "message", { signal: AbortSignal.timeout(waitMs) });
    socket.send(message, server.port, ADDRESS);
    const [answer] = (await answered) as [Buffer];
    return { ...packet.decode(answer), size: answer.length };
  } finally {
    socket.close();
  }
}

async function askTcp(...messages: readonly Buffer[]): Promise<DecodedPacket[]> {
  const socket = connect({ host: ADDRESS, port: server.port, signal });
  const answers: DecodedPacket[] = [];
  for (const message of messages) writeTcpMessage(socket, message);
  for await (const answer of readTcpMessages(socket)) {
    answers.push(packet.decode(answer));
    if (answers.length === messages.length) break;
  }
  return answers;
}

const addresses = ({ answers }: DecodedPacket): unknown[] =>
  (answers ?? []).map((answer) => ("data" in answer ? answer.data : undefined));
const rcode = (answer: DecodedPacket): string => (answer as { rcode?: string }).rcode ?? "";
const edns = (udpPayloadSize: number, ednsVersion = 0): Ask => ({
  additionals: [
    {
      type: "OPT",
      name: ".",
      udpPayloadSize,
      extendedRcode: 0,
      ednsVersion,
      flags: 0,
      flag_do: false,
      options: [],
    },
  ],
});

describe("the names of the cluster", () => {
  test("are answered by UDP, with authority", async () => {
    const answer = await askUdp(query(WEB));
    expect(addresses(answer)).toEqual(["10.96.0.5"]);
    expect([answer.id, answer.flag_aa, answer.flag_rd, answer.flag_ra, answer.flag_tc]).toEqual([
      4711,
      true,
      true,
      true,
      false,
    ]);
  });

  test("are denied with the time for which that is valid", async () => {
    const answer = await askUdp(query("none.shop.svc.cluster.local"));
    expect(rcode(answer)).toBe("NXDOMAIN");
    expect(answer.authorities).toMatchObject([{ type: "SOA", ttl: 5, data: { minimum: 5 } }]);
  });

  test("have no IPv6 address, which is no error", async () => {
    const answer = await askUdp(query(WEB, "AAAA"));
    expect([rcode(answer), addresses(answer), answer.authorities?.length]).toEqual([
      "NOERROR",
      [],
      1,
    ]);
  });

  test("are answered by TCP, several on one connection, also when they come in pieces", async () => {
    const answers = await askTcp(query(WEB), query(MANY), query(WEB, "AAAA"));
    expect(answers.map((answer) => addresses(answer).length)).toEqual([1, POD_COUNT, 0]);
    const socket = connect({ host: ADDRESS, port: server.port, signal });
    const message = query(WEB);
    const framed = Buffer.concat([Buffer.from([0, message.length]), message]);
    for (const byte of framed) {
      await new Promise((resolve) => socket.write(Buffer.from([byte]), resolve));
    }
    for await (const answer of readTcpMessages(socket)) {
      expect(addresses(packet.decode(answer))).toEqual(["10.96.0.5"]);
      break;
    }
  });

  test("are cut to what the client takes, and say so", async () => {
    const plain = await askUdp(query(MANY));
    expect([plain.flag_tc, plain.size <= 512]).toEqual([true, true]);
    expect(addresses(plain).length).toBeGreaterThan(5);
    const large = await askUdp(query(MANY, "A", edns(1232)));
    expect([large.flag_tc, large.size > 512, large.size <= 1232]).toEqual([true, true, true]);
    const greedy = await askUdp(query(MANY, "A", edns(65_000)));
    expect(greedy.size).toBeLessThanOrEqual(1232);
    const [whole] = await askTcp(query(MANY));
    expect([whole?.flag_tc, whole?.answers?.length]).toEqual([false, POD_COUNT]);
  });

  test("are answered with EDNS only to those who use it", async () => {
    const types = (answer: DecodedPacket): string[] =>
      (answer.additionals ?? []).map((r) => r.type);
    expect(types(await askUdp(query(WEB)))).toEqual([]);
    expect(types(await askUdp(query(WEB, "A", edns(4096))))).toEqual(["OPT"]);
  });
});

describe("what is not well", () => {
  test("an unknown version of EDNS is told so", async () => {
    const answer = await askUdp(query(WEB, "A", edns(1232, 1)));
    expect(answer.additionals).toMatchObject([{ type: "OPT", extendedRcode: 1 }]);
    expect(addresses(answer)).toEqual([]);
  });

  test("an operation other than a query is not implemented", async () => {
    const message = query(WEB);
    message[2] = 0x28;
    expect(rcode(await askUdp(message))).toBe("NOTIMP");
  });

  test("a message without a question is an error of form", async () => {
    expect(rcode(await askUdp(query(WEB, "A", { questions: [] })))).toBe("FORMERR");
  });

  test("other classes and zone transfers are refused", async () => {
    const chaos = query(WEB, "A", {
      questions: [{ type: "TXT", class: "CH", name: "version.bind" }],
    });
    expect(rcode(await askUdp(chaos))).toBe("REFUSED");
    expect(rcode(await askUdp(query("cluster.local", "AXFR")))).toBe("REFUSED");
  });

  test("noise and responses get no answer, and the server goes on", async () => {
    const response = query(WEB);
    response[2] = 0x80;
    const endless = Buffer.concat([
      query(WEB).subarray(0, 12),
      Buffer.from([0xc0, 0x0c, 0, 1, 0, 1]),
    ]);
    for (const noise of [
      Buffer.from("hello"),
      response,
      endless,
      Buffer.alloc(0),
      Buffer.alloc(40, 0xff),
    ]) {
      await expect(askUdp(noise, 150)).rejects.toThrow("aborted");
    }
    expect(addresses(await askUdp(query(WEB)))).toEqual(["10.96.0.5"]);
  });
});

describe("other names", () => {
  test("are asked upstream, once while the answer is fresh", async () => {
    asked.length = 0;
    for (const id of [1, 2, 3]) {
      const answer = await askUdp(query("fresh.example", "A", { id }));
      expect([answer.id, answer.flag_aa, addresses(answer)]).toEqual([id, false, ["192.0.2.7"]]);
    }
    expect(asked).toEqual([{ transport: "udp", name: "fresh.example" }]);
  });

  test("are asked by TCP for a client that came by TCP", async () => {
    asked.length = 0;
    const [answer] = await askTcp(query("tcp.example"));
    expect(answer === undefined ? [] : addresses(answer)).toEqual(["192.0.2.7"]);
    expect(asked).toEqual([{ transport: "tcp", name: "tcp.example" }]);
  });

  test("are asked once for clients that ask at the same time", async () => {
    asked.length = 0;
    const answers = await Promise.all(
      [1, 2, 3].map((id) => askUdp(query("same.example", "A", { id }))),
    );
    expect(answers.map(({ id }) => id)).toEqual([1, 2, 3]);
    expect(asked).toHaveLength(1);
  });

  test("a failure of the upstream is handed on and not kept", async () => {
    asked.length = 0;
    expect(rcode(await askUdp(query("broken.example")))).toBe("SERVFAIL");
    expect(rcode(await askUdp(query("broken.example")))).toBe("SERVFAIL");
    expect(asked).toHaveLength(2);
  });

  test("a dead name server is passed over", async () => {
    const live = upstreams;
    upstreams = [{ address: ADDRESS, port: 9 }, ...live];
    expect(addresses(await askUdp(query("next.example")))).toEqual(["192.0.2.7"]);
    upstreams = live;
  });

  test("fail within seconds when no name server answers, or there is none", async () => {
    const startedAt = performance.now();
    expect(rcode(await askUdp(query("silent.example")))).toBe("SERVFAIL");
    expect(performance.now() - startedAt).toBeLessThan(5000);
    const live = upstreams;
    upstreams = [];
    expect(rcode(await askUdp(query("none.example")))).toBe("SERVFAIL");
    upstreams = live;
  });
});

describe("names that stand for others", () => {
  test("have all records of an outside name whose answer did not fit a packet", async () => {
    asked.length = 0;
    const answer = await askUdp(query("large.shop.svc.cluster.local"));
    expect(addresses(answer)).toEqual(["large.example", "192.0.2.7"]);
    expect(asked.map(({ transport }) => transport)).toEqual(["udp", "tcp"]);
  });

  test("an outside name that did not fit says so, for the client to ask by TCP", async () => {
    expect((await askUdp(query("large.example"))).flag_tc).toBe(true);
    const [answer] = await askTcp(query("large.example"));
    expect(answer === undefined ? [] : addresses(answer)).toEqual(["192.0.2.7"]);
  });

  test("have the records of an outside name", async () => {
    const answer = await askUdp(query("alias.shop.svc.cluster.local"));
    expect(addresses(answer)).toEqual(["db.example", "192.0.2.7"]);
  });

  test("have the records of a name of the cluster", async () => {
    expect(addresses(await askUdp(query("near.shop.svc.cluster.local")))).toEqual([
      WEB,
      "10.96.0.5",
    ]);
  });

  test("that go in a circle fail", async () => {
    expect(rcode(await askUdp(query("circle.shop.svc.cluster.local")))).toBe("SERVFAIL");
  });
});

describe("an outside name with the search path of a pod", () => {
  test("is answered at the first question", async () => {
    const name = "api.one.example.shop.svc.cluster.local";
    asked.length = 0;
    const answer = await askUdp(query(name));
    expect(addresses(answer)).toEqual(["api.one.example", "192.0.2.7"]);
    expect(answer.answers?.[0]).toMatchObject({ type: "CNAME", name });
    expect(asked.map((one) => one.name)).toEqual(["api.one.example"]);
  });

  test("that nobody has is denied, and asked upstream once", async () => {
    asked.length = 0;
    const names = ["shop.svc.cluster.local", "svc.cluster.local", "cluster.local"];
    for (const end of names)
      expect(rcode(await askUdp(query(`no.such.name.${end}`)))).toBe("NXDOMAIN");
    expect(asked.map((one) => one.name)).toEqual(["no.such.name"]);
  });

  test("finds a Service of another namespace", async () => {
    expect(addresses(await askUdp(query("web.shop.shop.svc.cluster.local")))).toEqual([
      WEB,
      "10.96.0.5",
    ]);
  });
});

test("an answer that is over serves on while no name server answers", async () => {
  const clock = new ManualClock();
  const upstream = new DnsUpstream({ nameservers: () => Promise.resolve(upstreams), clock });
  const ask = (id: number): Promise<Buffer | undefined> =>
    upstream.forward(query("stale.example", "A", { id }), "udp", signal);
  expect(await ask(1)).toBeDefined();
  await clock.advance(120_000);
  isAway = true;
  try {
    const answer = await ask(2);
    expect(answer === undefined ? [] : addresses(packet.decode(answer))).toEqual(["192.0.2.7"]);
    await clock.advance(4_000_000);
    expect(await ask(3)).toBeUndefined();
  } finally {
    isAway = false;
  }
});

test("a taken port is an error", async () => {
  const respond: DnsResponder = () => Promise.resolve(undefined);
  const second = startDnsServer({ address: ADDRESS, port: server.port, respond });
  await expect(second).rejects.toThrow("EADDRINUSE");
});
