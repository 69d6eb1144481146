import { describe, expect, test } from "vitest";
import { isInCidr, parseIpv4 } from "../../src/proxy/ipv4.ts";

describe("parseIpv4()", () => {
  test.for([
    ["0.0.0.0", 0],
    ["255.255.255.255", 0xffff_ffff],
    ["10.0.0.1", 0x0a00_0001],
    ["256.0.0.1", undefined],
    ["10.0.0", undefined],
    ["10.0.0.1.2", undefined],
    ["10.0.0.x", undefined],
  ] as const)("%s → %s", ([text, value]) => {
    expect(parseIpv4(text)).toBe(value);
  });
});

describe("isInCidr()", () => {
  test.for([
    ["10.32.0.0", "10.32.0.0/11", true],
    ["10.63.255.255", "10.32.0.0/11", true],
    ["10.64.0.0", "10.32.0.0/11", false],
    ["10.31.255.255", "10.32.0.0/11", false],
    ["192.0.2.1", "0.0.0.0/0", true],
    ["192.0.2.1", "192.0.2.1/32", true],
    ["192.0.2.2", "192.0.2.1/32", false],
    ["not an address", "0.0.0.0/0", false],
  ] as const)("%s in %s → %s", ([address, cidr, yes]) => {
    expect(isInCidr(address, cidr)).toBe(yes);
  });
});
