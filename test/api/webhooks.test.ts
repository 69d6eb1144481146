import { createHmac } from "node:crypto";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { payloadAddresses } from "../../src/api/webhook-payload.ts";
import { isSignedBy } from "../../src/api/webhook-signature.ts";
import { WEBHOOK_PATH, Webhooks } from "../../src/api/webhooks.ts";
import { silentLogger } from "../../src/base/logger.ts";
import { ManualClock } from "../support/manual-clock.ts";

const TOKEN = "correct horse battery";
const BODY = JSON.stringify({ repository: { clone_url: "https://git.example.org/team/app.git" } });
const hmac = (body: string, token = TOKEN): string =>
  createHmac("sha256", token).update(body).digest("hex");

describe("isSignedBy()", () => {
  test.for([
    ["GitHub", { "x-hub-signature-256": `sha256=${hmac(BODY)}` }, true],
    [
      "GitHub with its old form beside",
      { "x-hub-signature-256": `sha256=${hmac(BODY)}`, "x-hub-signature": "sha1=00" },
      true,
    ],
    ["GitLab", { "x-gitlab-token": TOKEN }, true],
    ["Gitea", { "x-gitea-signature": hmac(BODY) }, true],
    ["Forgejo", { "x-forgejo-signature": hmac(BODY), "x-gitea-signature": hmac(BODY) }, true],
    ["Bitbucket", { "x-hub-signature": `sha256=${hmac(BODY)}` }, true],
    ["anybody", { "x-berth-signature": `sha256=${hmac(BODY)}` }, true],
    ["nothing", {}, false],
    ["another token", { "x-hub-signature-256": `sha256=${hmac(BODY, "other token here")}` }, false],
    ["another body", { "x-hub-signature-256": `sha256=${hmac(`${BODY} `)}` }, false],
    ["the old form alone", { "x-hub-signature": "sha1=00" }, false],
    ["GitLab's, cut short", { "x-gitlab-token": TOKEN.slice(0, -1) }, false],
    ["one right and one wrong", { "x-gitea-signature": hmac(BODY), "x-gitlab-token": "no" }, false],
    ["an empty signature", { "x-gitea-signature": "" }, false],
  ] as const)("%s: %j", ([, headers, isSigned]) => {
    expect(isSignedBy({ ...headers }, Buffer.from(BODY), TOKEN)).toBe(isSigned);
    expect(isSignedBy({ ...headers }, Buffer.from(BODY), "")).toBe(false);
  });
});

describe("payloadAddresses()", () => {
  test.for([
    ["", undefined, []],
    ["[]", undefined, undefined],
    ["{", undefined, undefined],
    ["{}", undefined, []],
    [
      `payload=${encodeURIComponent(BODY)}`,
      "application/x-www-form-urlencoded",
      ["https://git.example.org/team/app.git"],
    ],
    [
      JSON.stringify({ project: { git_ssh_url: "git@h:t/a.git", name: "a", id: 3 } }),
      undefined,
      ["git@h:t/a.git"],
    ],
    [
      JSON.stringify({ repository: { links: { html: { href: "https://h/t/a" } } } }),
      undefined,
      ["https://h/t/a"],
    ],
    [JSON.stringify({ repo: "/srv/git/a" }), undefined, ["/srv/git/a"]],
    [JSON.stringify({ sender: { url: "https://h/evil" } }), undefined, []],
  ] as const)("%s", ([body, type, addresses]) => {
    expect(payloadAddresses(body, type)).toEqual(addresses);
  });
});

describe("Webhooks", () => {
  let server: Server;
  let url: string;
  let looked: string[];
  let clock: ManualClock;

  beforeEach(async () => {
    looked = [];
    clock = new ManualClock();
    const target = {
      tokens: () => [{ token: TOKEN, apps: ["web"] }],
      look(apps: readonly string[], addresses: readonly string[]): readonly string[] {
        if (!addresses.every((address) => address.includes("team/app"))) return [];
        looked.push(...apps);
        return apps;
      },
    };
    const webhooks = new Webhooks({ target, clock, logger: silentLogger });
    server = createServer((request, response) => void webhooks.handle(request, response));
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}${WEBHOOK_PATH}`;
  });
  afterEach(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });

  async function send(body: string, headers: Readonly<Record<string, string>>): Promise<number> {
    const response = await fetch(url, { method: "POST", body, headers });
    await response.text();
    return response.status;
  }
  const signed = (body: string): Record<string, string> => ({
    "x-hub-signature-256": `sha256=${hmac(body)}`,
  });

  test("a signed one makes Berth look; a replay does no more than that", async () => {
    expect(await send(BODY, signed(BODY))).toBe(202);
    expect(await send(BODY, signed(BODY))).toBe(202);
    expect(looked).toEqual(["web", "web"]);
  });

  test("one that was tampered with is refused, and nothing happens", async () => {
    expect(await send(`${BODY} `, signed(BODY))).toBe(401);
    expect(await send(BODY, {})).toBe(401);
    expect(await send(BODY, { "x-gitlab-token": "guess guess guess" })).toBe(401);
    expect(looked).toEqual([]);
  });

  test("another repository, no JSON, another method, and a body without end are refused", async () => {
    const other = JSON.stringify({ repository: { clone_url: "https://h/x/y" } });
    expect(await send(other, signed(other))).toBe(404);
    expect(await send("[1]", signed("[1]"))).toBe(400);
    expect((await fetch(url)).status).toBe(405);
    const large = "x".repeat(2_100_000);
    expect(await send(large, signed(large)).catch(() => 413)).toBe(413);
    expect(looked).toEqual([]);
  });

  test("too many are put off, and taken again after a while", async () => {
    const codes: number[] = [];
    for (let count = 0; count < 40; count += 1) codes.push(await send(BODY, {}));
    expect(codes.filter((code) => code === 429)).toHaveLength(10);
    await clock.advance(1000);
    expect(await send(BODY, signed(BODY))).toBe(202);
  });
});
