import { randomBytes } from "node:crypto";
import { describe, expect, test } from "vitest";
import {
  additionalData,
  decryptValue,
  encryptValue,
  formatFloat,
  isEncrypted,
  plainScalar,
} from "../../../src/sync/sops/sops-value.ts";

const key = randomBytes(32);

describe("plainScalar", () => {
  test.each([
    ["abc", "str abc"],
    ["yes", "str yes"],
    ["on", "str on"],
    ["true", "bool True"],
    ["FALSE", "bool False"],
    ["0", "int 0"],
    ["-12", "int -12"],
    ["+7", "int 7"],
    ["1_000", "int 1000"],
    ["0x1F", "int 31"],
    ["0o17", "int 15"],
    ["0644", "int 420"],
    ["0b101", "int 5"],
    ["08", "float 8"],
    ["9007199254740993", "int 9007199254740993"],
    ["1.0", "float 1"],
    ["25.4", "float 25.4"],
    ["1e3", "float 1000"],
    ["1e-7", "float 0.0000001"],
    [".inf", "float +Inf"],
    ["-.inf", "float -Inf"],
    [".nan", "float NaN"],
    ["1.2.3", "str 1.2.3"],
    ["2026-11-21", "time 2026-11-21T00:00:00Z"],
    ["2026-11-21T16:04:05Z", "time 2026-11-21T16:04:05Z"],
    ["2026-11-21T16:04:05.500+02:00", "time 2026-11-21T16:04:05.5+02:00"],
    ["10.0.0.1", "str 10.0.0.1"],
    ["100Mi", "str 100Mi"],
  ])("takes %s for %s", (source, expected) => {
    const value = plainScalar(source);
    expect(`${value?.type} ${value?.text}`).toBe(expected);
  });

  test.each(["", "~", "null", "NULL"])("takes %j for no value", (source) => {
    expect(plainScalar(source)).toBeUndefined();
  });
});

test.each([
  [1e21, "1000000000000000000000"],
  [1.5e-10, "0.00000000015"],
  [-2.5e22, "-25000000000000000000000"],
  [-0, "-0"],
])("formatFloat writes %d without an exponent", (value, text) => {
  expect(formatFloat(value)).toBe(text);
});

describe("encryptValue", () => {
  test.each(["str", "int", "float", "bool", "comment", "time", "bytes"] as const)(
    "keeps the type %s",
    (type) => {
      const value = { type, text: type === "bool" ? "True" : "12 ü\n" };
      const sealed = encryptValue(value, key, "data:a:");
      expect(isEncrypted(sealed)).toBe(true);
      expect(decryptValue(sealed, key, "data:a:")).toEqual(value);
    },
  );

  test("leaves an empty text empty", () => {
    expect(encryptValue({ type: "str", text: "" }, key, "a:")).toBe("");
    expect(decryptValue("", key, "a:")).toEqual({ type: "str", text: "" });
  });

  test("never writes the same value twice alike", () => {
    const value = { type: "str", text: "same" } as const;
    expect(encryptValue(value, key, "a:")).not.toBe(encryptValue(value, key, "a:"));
  });
});

describe("decryptValue opens nothing", () => {
  const sealed = encryptValue({ type: "str", text: "word" }, key, additionalData(["data", "a"]));
  test.each<readonly [string, string, Uint8Array, string]>([
    ["with another key", sealed, randomBytes(32), "data:a:"],
    ["in another place", sealed, key, "data:b:"],
    ["that was changed", sealed.replace(/data:./, "data:_"), key, "data:a:"],
    ["with a short tag", sealed.replace(/tag:[^,]+/, "tag:AAAA"), key, "data:a:"],
    ["of a type that is none", sealed.replace("type:str", "type:xyz"), key, "data:a:"],
    ["that is not encrypted", "word", key, "data:a:"],
    ["with words behind it", `${sealed} `, key, "data:a:"],
  ])("%s", (_name, text, withKey, aad) => {
    expect(decryptValue(text, withKey, aad)).toBeUndefined();
  });
});
