import { expect, it } from "vitest";
import { isDnsLabel, isDnsServiceLabel, isDnsSubdomain } from "../../src/model/names.ts";

it.each([
  ["web", true, true, true],
  ["web-1", true, true, true],
  ["1web", true, false, true],
  ["a.b", false, false, true],
  ["Web", false, false, false],
  ["-a", false, false, false],
  ["a-", false, false, false],
  ["a..b", false, false, false],
  ["", false, false, false],
  ["a".repeat(63), true, true, true],
  ["a".repeat(64), false, false, true],
  [`${"a.".repeat(126)}b`, false, false, true],
  [`${"a.".repeat(127)}b`, false, false, false],
])("%s: label %s, service %s, subdomain %s", (text, label, service, subdomain) => {
  expect([isDnsLabel(text), isDnsServiceLabel(text), isDnsSubdomain(text)]).toEqual([
    label,
    service,
    subdomain,
  ]);
});
