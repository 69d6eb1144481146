import { describe, expect, test } from "vitest";
import { dropsByDefault, ourRules } from "../../src/proxy/forward-rules.ts";

describe("dropsByDefault()", () => {
  test.for([
    { listing: "-P FORWARD ACCEPT", drops: false },
    { listing: "-P FORWARD DROP", drops: true },
    {
      listing: "-P FORWARD ACCEPT\n-A FORWARD -j REJECT --reject-with icmp-host-prohibited",
      drops: true,
    },
    { listing: "-P FORWARD ACCEPT\n-A FORWARD -j DROP", drops: true },
    { listing: "-P FORWARD ACCEPT\n-A FORWARD -s 192.0.2.1/32 -j DROP", drops: false },
    { listing: "-P FORWARD ACCEPT\n-A FORWARD -j DROPPED", drops: false },
  ])("$listing → $drops", ({ listing, drops }) => {
    expect(dropsByDefault(listing)).toBe(drops);
  });
});

describe("ourRules()", () => {
  test("finds rules by our comment alone, quoted or not", () => {
    const listing = [
      "-N DOCKER-USER",
      "-A DOCKER-USER -s 10.32.0.0/11 -m comment --comment berth-abc123 -j ACCEPT",
      '-A DOCKER-USER -d 10.32.0.0/11 -m comment --comment "berth-abc123" -j ACCEPT',
      "-A DOCKER-USER -d 10.64.0.0/11 -m comment --comment berth-abc124 -j ACCEPT",
      "-A DOCKER-USER -m comment --comment hello -j ACCEPT",
      "-A DOCKER-USER -j RETURN",
    ].join("\n");
    const rules = ourRules(listing, "abc123").map((words) => words.join(" "));
    expect(rules).toEqual([
      "DOCKER-USER -s 10.32.0.0/11 -m comment --comment berth-abc123 -j ACCEPT",
      "DOCKER-USER -d 10.32.0.0/11 -m comment --comment berth-abc123 -j ACCEPT",
    ]);
  });
});
