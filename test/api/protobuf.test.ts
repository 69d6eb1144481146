import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { decodeObject } from "../../src/api/protobuf/decode.ts";
import { fieldsOf } from "../../src/api/protobuf/message-table.ts";
import { MESSAGES } from "../../src/api/protobuf/messages.ts";
import { WireError } from "../../src/api/protobuf/wire.ts";
import { RESOURCES } from "../../src/model/resources.ts";

type Part = readonly [field: number, value: number | bigint | string | boolean | readonly Part[]];

function varint(value: bigint): number[] {
  const bytes: number[] = [];
  let rest = BigInt.asUintN(64, value);
  for (; rest >= 0x80n; rest >>= 7n) bytes.push(Number(rest & 0x7fn) | 0x80);
  return [...bytes, Number(rest)];
}

/** A message of fields in their order: texts and messages as bytes, the others as varints. */
function encode(parts: readonly Part[]): number[] {
  return parts.flatMap(([field, value]) => {
    const isBytes = typeof value === "string" || typeof value === "object";
    const tag = varint((BigInt(field) << 3n) | (isBytes ? 2n : 0n));
    if (!isBytes) return [...tag, ...varint(BigInt(value))];
    const content = typeof value === "string" ? [...Buffer.from(value)] : encode(value);
    return [...tag, ...varint(BigInt(content.length)), ...content];
  });
}

function wrap(apiVersion: string, kind: string, parts: readonly Part[]): Uint8Array {
  const type: Part = [
    1,
    [
      [1, apiVersion],
      [2, kind],
    ],
  ];
  return Uint8Array.from([0x6b, 0x38, 0x73, 0, ...encode([type, [2, parts]])]);
}

const decodeSpec = (parts: readonly Part[]): unknown =>
  (decodeObject(wrap("v1", "Pod", [[2, parts]])) as { readonly spec?: unknown }).spec;

describe("fields", () => {
  const container = (...parts: readonly Part[]): Part => [2, parts];
  const cases: readonly (readonly [string, readonly Part[], unknown])[] = [
    ["a text", [[3, "Always"]], { restartPolicy: "Always" }],
    ["an empty text is none", [[3, ""]], {}],
    ["no is none", [[11, false]], {}],
    ["yes", [[11, true]], { hostNetwork: true }],
    ["a zero that is pointed to counts", [[4, 0]], { terminationGracePeriodSeconds: 0 }],
    ["a no that is pointed to counts", [[30, false]], { enableServiceLinks: false }],
    ["a negative number", [[25, -5n]], { priority: -5 }],
    [
      "a list",
      [
        [22, [[1, "a"]]],
        [22, [[1, "b"]]],
      ],
      { tolerations: [{ key: "a" }, { key: "b" }] },
    ],
    [
      "a map",
      [
        [
          7,
          [
            [1, "disk"],
            [2, "ssd"],
          ],
        ],
      ],
      { nodeSelector: { disk: "ssd" } },
    ],
    ["a map's empty value", [[7, [[1, "disk"]]]], { nodeSelector: { disk: "" } }],
    ["an empty object", [[14, []]], { securityContext: {} }],
    [
      "fields in their place",
      [
        [
          1,
          [
            [1, "v"],
            [2, [[2, [[1, "Memory"]]]]],
          ],
        ],
      ],
      { volumes: [{ name: "v", emptyDir: { medium: "Memory" } }] },
    ],
    [
      "a number or a text: number",
      [
        container([
          10,
          [
            [
              1,
              [
                [
                  2,
                  [
                    [
                      2,
                      [
                        [1, 0],
                        [2, 80],
                      ],
                    ],
                  ],
                ],
              ],
            ],
          ],
        ]),
      ],
      { containers: [{ livenessProbe: { httpGet: { port: 80 } } }] },
    ],
    [
      "a number or a text: text",
      [
        container([
          10,
          [
            [
              1,
              [
                [
                  2,
                  [
                    [
                      2,
                      [
                        [1, 1],
                        [3, "web"],
                      ],
                    ],
                  ],
                ],
              ],
            ],
          ],
        ]),
      ],
      { containers: [{ livenessProbe: { httpGet: { port: "web" } } }] },
    ],
    [
      "amounts",
      [
        container([
          8,
          [
            [
              1,
              [
                [1, "cpu"],
                [2, [[1, "500m"]]],
              ],
            ],
          ],
        ]),
      ],
      { containers: [{ resources: { limits: { cpu: "500m" } } }] },
    ],
    [
      "what nobody knows is passed over",
      [
        [999, "x"],
        [998, 7],
        [16, "h"],
      ],
      { hostname: "h" },
    ],
  ];
  test.each(cases)("%s", (_, parts, expected) => {
    expect(decodeSpec(parts)).toMatchObject(expected as object);
    expect(Object.keys(decodeSpec(parts) as object)).toEqual(Object.keys(expected as object));
  });

  test("times", () => {
    const event = (parts: readonly Part[]): unknown =>
      decodeObject(wrap("v1", "Event", [...parts, [14, "c"]]));
    const at = 1_767_225_600;
    expect(
      event([
        [
          6,
          [
            [1, at],
            [2, 0],
          ],
        ],
      ]),
    ).toMatchObject({ firstTimestamp: "2026-01-01T00:00:00Z" });
    expect(
      event([
        [
          10,
          [
            [1, at],
            [2, 1_500_000],
          ],
        ],
      ]),
    ).toMatchObject({
      eventTime: "2026-01-01T00:00:00.001500Z",
    });
    expect(event([[6, []]])).not.toHaveProperty("firstTimestamp");
    expect(() => event([[6, [[1, 1n << 60n]]]])).toThrow("a time is out of range");
  });

  test("bytes become base64; a key may be any text", () => {
    const secret = decodeObject(
      wrap("v1", "Secret", [
        [
          2,
          [
            [1, "__proto__"],
            [2, "s3cret"],
          ],
        ],
      ]),
    ) as { readonly data: object };
    expect(Object.entries(secret.data)).toEqual([["__proto__", "czNjcmV0"]]);
    expect(Object.getPrototypeOf(secret.data)).toBe(Object.prototype);
  });

  test("JSON within", () => {
    const data = { a: [1, { b: null }] };
    const made = decodeObject(
      wrap("apps/v1", "ControllerRevision", [
        [2, [[1, JSON.stringify(data)]]],
        [3, 7],
      ]),
    );
    expect(made).toEqual({
      apiVersion: "apps/v1",
      kind: "ControllerRevision",
      data,
      revision: 7,
    });
  });

  test("the group's first label names it; options go by any version", () => {
    const role = wrap("rbac.authorization.k8s.io/v1", "Role", [[1, [[1, "r"]]]]);
    expect(decodeObject(role)).toMatchObject({ kind: "Role", metadata: { name: "r" } });
    const options = decodeObject(wrap("apps/v1", "DeleteOptions", [[4, "Foreground"]]));
    expect(options).toMatchObject({ propagationPolicy: "Foreground" });
  });
});

describe("refused", () => {
  const good = wrap("v1", "Pod", [[2, [[3, "Always"]]]]);
  test.each([
    ["nothing", new Uint8Array(), "does not begin with"],
    ["JSON", Buffer.from("{}"), "does not begin with"],
    ["a cut", good.subarray(0, -1), "cut off"],
    [
      "an unknown kind",
      wrap("x.io/v1", "Thing", []),
      "the kind Thing of x.io/v1 is only read as JSON",
    ],
    [
      "a text that is none",
      wrap("v1", "Pod", [[2, [[3, 7]]]]),
      "a text or message is not written as one",
    ],
    [
      "a number that is none",
      wrap("v1", "Pod", [[2, [[25, "x"]]]]),
      "a number is not written as one",
    ],
  ])("%s", (_, content, message) => {
    expect(() => decodeObject(content)).toThrow(WireError);
    expect(() => decodeObject(content)).toThrow(message);
  });

  test("bytes of any kind: an object or a WireError, never anything else", () => {
    const start = [0x6b, 0x38, 0x73, 0];
    const noise = fc.uint8Array({ maxLength: 200 });
    const broken = fc.tuple(fc.nat(good.length - 1), fc.nat(255)).map(([at, byte]) => {
      const copy = Uint8Array.from(good);
      copy[at] = byte;
      return copy;
    });
    const content = fc.oneof(
      noise.map((bytes) => Uint8Array.from([...start, ...bytes])),
      broken,
    );
    fc.assert(
      fc.property(content, (bytes) => {
        try {
          decodeObject(bytes);
        } catch (error) {
          expect(error).toBeInstanceOf(WireError);
        }
      }),
      { numRuns: 2000 },
    );
  });
});

describe("the table", () => {
  const names = MESSAGES.trim()
    .split("\n")
    .map((line) => line.split(" ")[0] ?? "");

  test("every message that a field names is there, and no number comes twice", () => {
    for (const [at, line] of MESSAGES.trim().split("\n").entries()) {
      const fields = fieldsOf(names[at] ?? "");
      expect(fields?.size, line).toBe(line.split(" ").length - 1);
      for (const { type } of fields?.values() ?? []) {
        if (type.includes("/")) expect(names, line).toContain(type);
      }
    }
  });

  test("every kind of Kubernetes that is stored is in it", () => {
    const theirs = RESOURCES.filter(
      ({ group, kind }) => group !== "berth.dev" && kind !== "CustomResourceDefinition",
    );
    const missing = theirs.filter(({ group, version, kind }) => {
      const first = group === "" ? "core" : (group.split(".")[0] ?? "");
      return fieldsOf(`${first}/${version}.${kind}`) === undefined;
    });
    expect(missing.map(({ kind }) => kind)).toEqual([]);
  });
});
