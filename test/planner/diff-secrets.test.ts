import { describe, expect, test } from "vitest";
import { diffLines } from "../../src/planner/diff-lines.ts";
import { isSecretName, maskText } from "../../src/planner/diff-secrets.ts";

test.for([
  "DB_PASSWORD",
  "DB_PASS",
  "password",
  "API_KEY",
  "apiKey",
  "GITHUB_TOKEN",
  "client-secret",
  "DATABASE_DSN",
  "AWS_SECRET_ACCESS_KEY",
  "private_key",
  "MYSQL_PWD_passwd",
])("isSecretName(%s)", (name) => {
  expect(isSecretName(name)).toBe(true);
});

test.for(["MODE", "LOG_LEVEL", "KEYBOARD", "PORT", "monkey", "compass", "PUBLIC_URL"])(
  "not isSecretName(%s)",
  (name) => {
    expect(isSecretName(name)).toBe(false);
  },
);

describe("maskText()", () => {
  test.for([
    ["postgres://u:opensesame@db/x", "postgres://u:(hidden)@db/x"],
    ["--password=opensesame", "--password=(hidden)"],
    ["  api_key: opensesame", "  api_key: (hidden)"],
    ['"token": "opensesame",', '"token": (hidden)'],
    ["a\nsecret = opensesame\nb", "a\nsecret = (hidden)\nb"],
    [
      "-----BEGIN RSA PRIVATE KEY-----\nopensesame\n-----END RSA PRIVATE KEY-----\nx",
      "(hidden)\nx",
    ],
    ["ghp_opensesameopensesame1234", "(hidden)"],
    ["listen: 80", "listen: 80"],
    ["http://host:80/a@b", "http://host:80/a@b"],
  ] as const)("%j", ([text, masked]) => {
    expect(maskText(text)).toBe(masked);
    expect(masked).not.toContain("opensesame");
  });
});

describe("diffLines()", () => {
  test("keeps what is common, with two lines around each change", () => {
    const before = ["1", "2", "3", "4", "5", "6", "7", "8", "9"].join("\n");
    const after = ["1", "2", "3", "4", "five", "6", "7", "8", "9", "10"].join("\n");
    expect(diffLines(before, after)).toEqual([
      "…",
      "  3",
      "  4",
      "- 5",
      "+ five",
      "  6",
      "  7",
      "  8",
      "  9",
      "+ 10",
    ]);
  });

  test("a long difference is cut, and says so", () => {
    const lines = Array.from({ length: 5000 }, (_, index) => `line ${index}`);
    const found = diffLines(lines.join("\n"), lines.map((line) => `${line}!`).join("\n"));
    expect(found).toHaveLength(41);
    expect(found.at(-1)).toBe("… and 9960 more lines");
  });
});
