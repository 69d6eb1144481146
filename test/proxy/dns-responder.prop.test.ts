import packet from "dns-packet";
import type { RecordType } from "dns-packet";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { toServiceRecords } from "../../src/proxy/dns-records.ts";
import { dnsResponder } from "../../src/proxy/dns-responder.ts";
import type { DnsUpstream } from "../../src/proxy/dns-upstream.ts";
import { DnsZone } from "../../src/proxy/dns-zone.ts";
import { endpoint, service, slice } from "./services.ts";

const OPTIONS = { domain: "cluster.local", podCidr: "10.32.0.0/11", serviceCidr: "10.96.0.0/12" };
const signal = new AbortController().signal;

function zone(): DnsZone {
  const made = new DnsZone();
  made.set("shop/web", toServiceRecords({ service: service(), slices: [] }));
  const pods = Array.from({ length: 90 }, (_, index) => endpoint(`10.32.1.${index + 1}`));
  const many = service({ clusterIP: "None" }, "many");
  made.set("shop/many", toServiceRecords({ service: many, slices: [slice(pods)] }));
  return made;
}

/** Gives back noise. */
const upstream = (noise: Uint8Array): DnsUpstream =>
  ({ forward: () => Promise.resolve(Buffer.from(noise)) }) as unknown as DnsUpstream;

const name = fc.constantFrom(
  "web.shop.svc.cluster.local",
  "WEB.shop.svc.cluster.local",
  "many.shop.svc.cluster.local",
  "x.y.shop.svc.cluster.local",
  "_http._tcp.web.shop.svc.cluster.local",
  "5.0.96.10.in-addr.arpa",
  "cluster.local",
  "example.com",
  ".",
);
const type = fc.constantFrom<RecordType>("A", "AAAA", "SRV", "PTR", "TXT", "SOA", "HINFO");
const query = fc
  .record({
    id: fc.integer({ min: 0, max: 0xffff }),
    name,
    type,
    count: fc.integer({ min: 0, max: 3 }),
  })
  .map(({ id, name: asked, type: kind, count }) =>
    packet.encode({
      type: "query",
      id,
      flags: packet.RECURSION_DESIRED,
      questions: Array.from({ length: count }, () => ({ name: asked, type: kind })),
    }),
  );
/** A query in which a few bytes are others. */
const damaged = fc
  .tuple(query, fc.array(fc.tuple(fc.nat(400), fc.nat(255)), { maxLength: 6 }), fc.nat(80))
  .map(([message, edits, cut]) => {
    const copy = Buffer.from(
      message.subarray(0, Math.max(0, message.length - (cut > 60 ? cut - 60 : 0))),
    );
    for (const [at, value] of edits) if (at < copy.length) copy[at] = value;
    return copy;
  });

describe("dnsResponder()", () => {
  test("answers any message or none, never too long, never fails, and never answers an answer", async () => {
    const made = zone();
    await fc.assert(
      fc.asyncProperty(
        fc.oneof(
          damaged,
          fc.uint8Array({ maxLength: 600 }).map((bytes) => Buffer.from(bytes)),
        ),
        fc.uint8Array({ maxLength: 60 }),
        async (message, noise) => {
          const respond = dnsResponder(made, upstream(noise), OPTIONS);
          const answer = await respond(message, "udp", signal);
          if (answer === undefined || answer.equals(Buffer.from(noise))) return;
          expect(answer.length).toBeLessThanOrEqual(1232);
          expect(answer.subarray(0, 2)).toEqual(message.subarray(0, 2));
          expect((answer[2] ?? 0) & 0x80).toBe(0x80);
          expect((message[2] ?? 0) & 0x80).toBe(0);
        },
      ),
      { numRuns: 500 },
    );
  });

  test("says the same the second time, also after a change of the records", async () => {
    await fc.assert(
      fc.asyncProperty(name, type, async (asked, kind) => {
        const made = zone();
        const respond = dnsResponder(made, upstream(new Uint8Array()), OPTIONS);
        const message = packet.encode({
          type: "query",
          id: 7,
          questions: [{ name: asked, type: kind }],
        });
        const ask = async (): Promise<string> =>
          (await respond(message, "udp", signal))?.toString("hex") ?? "";
        const first = await ask();
        if (!asked.startsWith("many")) expect(await ask()).toBe(first);
        made.set(
          "shop/web",
          toServiceRecords({ service: service({ clusterIP: "10.96.0.6" }), slices: [] }),
        );
        const answer = await ask();
        if (kind === "A" && /^web/i.test(asked))
          expect(answer).toBe(first.replace("0a600005", "0a600006"));
      }),
    );
  });
});
