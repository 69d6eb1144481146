import { describe, expect, test } from "vitest";
import type { Frontend } from "../../src/proxy/frontend.ts";
import { BackendPicker } from "../../src/proxy/userspace/pick-backend.ts";
import type { Caller } from "../../src/proxy/userspace/pick-backend.ts";
import { proxyHeader } from "../../src/proxy/userspace/proxy-protocol.ts";

const backends = ["10.32.0.2", "10.32.0.3", "10.32.0.4"].map((address) => ({
  address,
  port: 80,
  local: true,
}));
const frontend = (fields: Partial<Frontend> = {}): Frontend => ({
  service: "shop/web",
  address: "10.96.0.5",
  protocol: "TCP",
  port: 80,
  backends,
  isOutside: true,
  ...fields,
});
const outside: Caller = { address: "192.0.2.1", isPod: false, isNode: false };
const aPod: Caller = { address: "10.32.0.9", isPod: true, isNode: false };
const aNode: Caller = { address: "198.51.100.1", isPod: false, isNode: true };
const affinity = { group: "g", seconds: 10 };

/** Chooses the slots 0, 1, 2, 0 … one after the other. */
function turns(): BackendPicker {
  let turn = -1;
  return new BackendPicker(() => {
    turn = (turn + 1) % 3;
    return turn / 3 + 0.01;
  });
}
const who = (picked: ReturnType<BackendPicker["pick"]>): string =>
  typeof picked === "string" ? picked : picked.address.slice(-1);

describe("BackendPicker", () => {
  test("spreads, and leaves out what was tried", () => {
    const picker = turns();
    expect([0, 0, 0].map(() => who(picker.pick(frontend(), outside, 0)))).toEqual(["2", "3", "4"]);
    const tried = new Set(["10.32.0.2:80", "10.32.0.3:80"]);
    expect(who(picker.pick(frontend(), outside, 0, tried))).toBe("4");
    expect(who(picker.pick(frontend({ backends: [] }), outside, 0))).toBe("no-backend");
  });

  test("sends clients outside where the policy says, pods and the node anywhere", () => {
    const local = frontend({ outside: backends.slice(2) });
    const picker = turns();
    expect(who(picker.pick(local, outside, 0))).toBe("4");
    expect(who(picker.pick(local, aPod, 0))).toBe("3");
    expect(who(picker.pick(local, aNode, 0))).toBe("4");
    expect(who(picker.pick(frontend({ outside: [] }), outside, 0))).toBe("no-backend");
  });

  test("lets in only the networks that are named, and the node", () => {
    const closed = frontend({ sources: ["203.0.113.0/24"] });
    expect([outside, aPod, aNode].map((caller) => who(turns().pick(closed, caller, 0)))).toEqual([
      "source-not-allowed",
      "source-not-allowed",
      "2",
    ]);
  });

  test("knows a client from its last connection on, until the time is over", () => {
    const picker = turns();
    const at = (now: number): string => who(picker.pick(frontend({ affinity }), outside, now));
    expect([at(0), at(9000), at(18_000)]).toEqual(["2", "2", "2"]);
    expect(at(28_000)).toBe("3");
    expect(who(picker.pick(frontend({ affinity }), aPod, 28_000))).toBe("4");
  });

  test("forgets clients of a backend that went, also when it comes back, and no others", () => {
    const picker = turns();
    const whole = frontend({ affinity });
    expect(who(picker.pick(whole, outside, 0))).toBe("2");
    expect(who(picker.pick(whole, aPod, 0))).toBe("3");
    const less = frontend({ affinity, backends: backends.slice(1) });
    picker.update(whole, less);
    picker.update(less, whole);
    expect(who(picker.pick(whole, outside, 1))).toBe("4");
    expect(who(picker.pick(whole, aPod, 1))).toBe("3");
    picker.update(whole, frontend());
    picker.update(frontend(), whole);
    expect(who(picker.pick(whole, aPod, 2))).toBe("2");
  });
});

describe("proxyHeader()", () => {
  const ends = { from: "192.0.2.1", fromPort: 50_000, to: "10.96.0.5", toPort: 80 };

  test("version 1 is a line", () => {
    expect(proxyHeader("v1", ends).toString()).toBe("PROXY TCP4 192.0.2.1 10.96.0.5 50000 80\r\n");
  });

  test("version 2 is the signature, the kind, and both ends", () => {
    expect(proxyHeader("v2", ends).toString("hex")).toBe(
      ["0d0a0d0a000d0a515549540a", "21", "11", "000c", "c0000201", "0a600005", "c350", "0050"].join(
        "",
      ),
    );
  });
});
