import { describe, expect, test } from "vitest";
import { parseIssuers } from "../../src/cli/authentication-file.ts";

const parse = (text: string) => parseIssuers(text, "/d/authentication.yaml");

describe("authentication.yaml", () => {
  test("names issuers", () => {
    const text = `issuers:
  - issuerUrl: https://login.example
    clientId: berth
    usernameClaim: email
    requiredClaims: { tenant: x }
`;
    expect(parse(text)).toEqual([
      {
        issuerUrl: "https://login.example",
        clientId: "berth",
        usernameClaim: "email",
        requiredClaims: { tenant: "x" },
      },
    ]);
    expect(parse("issuers: []")).toEqual([]);
  });

  const GOOD = "issuers:\n  - issuerUrl: https://i\n    clientId: c\n";
  test.each([
    ["", ":1", "it must hold a list `issuers`"],
    ["issuers: 7", ":1", "it must hold a list `issuers`"],
    ["issuers:\n  - 7", ":2", "an issuer is a map of words"],
    ["issuers: [", ":1", "Flow sequence"],
    [`${GOOD}    clientID: c\n`, ":4", 'nobody knows "clientID"'],
    ["issuers:\n  - issuerUrl: https://i\n", ":2", '"clientId" is missing'],
    [`${GOOD}    groupsClaim: [a]\n`, ":4", '"groupsClaim" must be a text'],
    [`${GOOD}    requiredClaims: { a: 1 }\n`, ":4", '"requiredClaims" must be a map of texts'],
    ["issuers:\n  - issuerUrl: http://i\n    clientId: c\n", ":2", "is no HTTPS URL"],
  ])("%j is refused with its line", (text, line, why) => {
    expect(() => parse(text)).toThrow(`Cannot use "/d/authentication.yaml${line}"`);
    expect(() => parse(text)).toThrow(why);
  });
});
