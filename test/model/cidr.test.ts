import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  chooseNetworks,
  formatCidr,
  formatIpv4,
  overlaps,
  parseCidr,
  parseIpv4,
  type Cidr,
} from "../../src/model/cidr.ts";

const cidr = (text: string): Cidr => {
  const parsed = parseCidr(text);
  if (parsed === undefined) throw new Error(text);
  return parsed;
};

describe("parseCidr()", () => {
  test.for([
    ["10.32.0.0/11", "10.32.0.0/11"],
    ["10.63.255.255/11", "10.32.0.0/11"],
    ["192.168.1.7", "192.168.1.7/32"],
    ["0.0.0.0/0", "0.0.0.0/0"],
    ["255.255.255.255/32", "255.255.255.255/32"],
  ])("%s is %s", ([text, expected]) => {
    expect(formatCidr(cidr(text ?? ""))).toBe(expected);
  });

  test.for([
    "",
    "default",
    "10.0.0/8",
    "10.0.0.0/33",
    "256.0.0.0/8",
    "01.0.0.0/8",
    "::1/128",
    "10.0.0.0/8 x",
  ])("refuses %j", (text) => {
    expect(parseCidr(text)).toBeUndefined();
  });

  test("formats what it parses", () => {
    fc.assert(
      fc.property(fc.nat(0xffff_ffff), (address) => {
        expect(parseIpv4(formatIpv4(address))).toBe(address);
      }),
    );
  });
});

describe("overlaps()", () => {
  test.for([
    ["10.0.0.0/8", "10.32.0.0/11", true],
    ["10.32.0.0/11", "10.64.0.0/11", false],
    ["10.32.0.0/11", "10.63.255.0/24", true],
    ["0.0.0.0/0", "1.2.3.4", true],
    ["172.17.0.0/16", "172.18.0.0/16", false],
  ] as const)("%s and %s: %s", ([a, b, expected]) => {
    expect(overlaps(cidr(a), cidr(b))).toBe(expected);
    expect(overlaps(cidr(b), cidr(a))).toBe(expected);
  });
});

describe("chooseNetworks()", () => {
  test("takes the first free ones", () => {
    expect(chooseNetworks([])).toEqual({ podCidr: "10.32.0.0/11", serviceCidr: "10.96.0.0/16" });
    expect(chooseNetworks([cidr("10.40.0.0/16"), cidr("10.96.0.0/12")])).toEqual({
      podCidr: "10.64.0.0/11",
      serviceCidr: "10.43.0.0/16",
    });
  });

  test("never overlaps what is taken, and says when there is no room", () => {
    expect(chooseNetworks([cidr("10.0.0.0/8")])).toBeUndefined();
    const taken = fc.array(
      fc.record({
        base: fc.nat(0xff_ffff).map((n) => 0x0a00_0000 + n),
        bits: fc.integer({ min: 12, max: 32 }),
      }),
      { maxLength: 12 },
    );
    fc.assert(
      fc.property(taken, (list) => {
        const chosen = chooseNetworks(list);
        if (chosen === undefined) return;
        const pods = cidr(chosen.podCidr);
        const services = cidr(chosen.serviceCidr);
        expect([...list, services].some((other) => overlaps(other, pods))).toBe(false);
        expect(list.some((other) => overlaps(other, services))).toBe(false);
      }),
    );
  });
});
