import { expect, test } from "vitest";
import {
  nodeAddressIn,
  readRemoteNode,
  vniOf,
  vtepMacOf,
} from "../../../src/proxy/network/remote-node.ts";
import { nodeObject } from "./nodes.ts";

test("a node is known once it has an address and a part of the pod network", () => {
  expect(readRemoteNode(nodeObject({}))).toMatchObject({
    name: "n1",
    addresses: ["192.0.2.11"],
    podCidrs: ["10.32.1.0/24"],
    vtepMac: "02:00:00:00:00:01",
    wireguardPort: 51_820,
  });
  expect(readRemoteNode({ ...nodeObject({}), spec: {} })).toBeUndefined();
  expect(readRemoteNode({ ...nodeObject({}), status: {} })).toBeUndefined();
  const leaving = nodeObject({});
  const metadata = { ...leaving.metadata, deletionTimestamp: "2026-01-01T00:00:00Z" };
  expect(readRemoteNode({ ...leaving, metadata })).toBeUndefined();
});

test.for([
  { vtepMac: "02:00:00:00:00:01 dev eth0" },
  { vtepMac: "" },
  { vtepMac: "02:00:00:00:00:01\nlink delete dev eth0" },
])(
  "what a node says of itself becomes no part of a command unless it is well-formed: %j",
  (changes) => {
    expect(readRemoteNode(nodeObject(changes))?.vtepMac).toBeUndefined();
  },
);

test.for([
  { podCIDR: "10.32.1.0/24; reboot" },
  { address: "192.0.2.1 dev lo" },
  { address: "::1" },
])("a node with %j is not known", (changes) => {
  expect(readRemoteNode(nodeObject(changes))).toBeUndefined();
});

test("MAC address and network number are derived, so that a restart changes nothing", () => {
  expect(vtepMacOf("abc123", "n1")).toMatch(/^02(:[0-9a-f]{2}){5}$/);
  expect(vtepMacOf("abc123", "n1")).toBe(vtepMacOf("abc123", "n1"));
  expect(new Set(["n1", "n2", "n3"].map((name) => vtepMacOf("abc123", name))).size).toBe(3);
  expect(vtepMacOf("abc124", "n1")).not.toBe(vtepMacOf("abc123", "n1"));
  expect(vniOf("abc123")).not.toBe(vniOf("abc124"));
  for (const id of ["abc123", "zzzzzz", "000000"]) {
    expect(vniOf(id)).toBeGreaterThanOrEqual(0x10_00_00);
    expect(vniOf(id)).toBeLessThan(2 ** 24);
  }
  expect(nodeAddressIn("10.32.7.0/24")).toBe("10.32.7.1");
});
