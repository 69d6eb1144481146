import { X509Certificate, createPrivateKey } from "node:crypto";
import { mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { formatKubeconfig } from "../../src/api/kubeconfig.ts";
import {
  createAuthority,
  loadAuthority,
  openAuthority,
  readKeyPair,
  validUntil,
} from "../../src/api/pki.ts";
import { readKubeconfig } from "../../src/client/kubeconfig.ts";

const NOW = Date.UTC(2026, 0, 2);
const DAY = 86_400_000;

const authority = await createAuthority({ commonName: "berth-abc123", now: NOW });

describe("the authority issues", () => {
  test("itself: a CA for certificates, not for further CAs", () => {
    const cert = new X509Certificate(authority.cert);
    expect(cert.ca).toBe(true);
    expect(cert.subject).toBe("CN=berth-abc123");
    expect(cert.verify(cert.publicKey)).toBe(true);
    expect(cert.publicKey.asymmetricKeyDetails?.namedCurve).toBe("prime256v1");
  });

  test("servers, by name and address", async () => {
    const hosts = ["localhost", "127.0.0.1", "::1"];
    const pair = await authority.issueServer({ commonName: "berth-api", hosts, now: NOW });
    const cert = new X509Certificate(pair.cert);
    expect(cert.checkHost("localhost")).toBe("localhost");
    expect(cert.checkIP("127.0.0.1")).toBe("127.0.0.1");
    expect(cert.checkIP("::1")).toBe("::1");
    expect(cert.checkHost("example.org")).toBeUndefined();
    expect(cert.keyUsage).toEqual(["1.3.6.1.5.5.7.3.1"]);
    expect(cert.checkIssued(new X509Certificate(authority.cert))).toBe(true);
    expect(cert.checkPrivateKey(createPrivateKey(pair.key))).toBe(true);
  });

  test("clients: user and groups, for a week", async () => {
    const { cert } = await authority.issueClient({
      commonName: "system:node:a",
      organizations: ["system:nodes", "rack 7"],
      now: NOW,
    });
    const parsed = new X509Certificate(cert);
    expect(parsed.subject.split("\n")).toEqual(["O=system:nodes", "O=rack 7", "CN=system:node:a"]);
    expect(parsed.keyUsage).toEqual(["1.3.6.1.5.5.7.3.2"]);
    expect(parsed.ca).toBe(false);
    expect(validUntil(cert)).toBe(NOW + 7 * DAY);
    expect(parsed.validFromDate.getTime()).toBeLessThan(NOW);
  });

  test("nothing that outlives itself", async () => {
    const request = { commonName: "x", organizations: [], now: NOW, validMs: 99_999 * DAY };
    const { cert } = await authority.issueClient(request);
    expect(validUntil(cert)).toBe(validUntil(authority.cert));
  });

  test("serial numbers that never come twice", async () => {
    const issue = async (): Promise<string> => {
      const { cert } = await authority.issueClient({
        commonName: "x",
        organizations: [],
        now: NOW,
      });
      return new X509Certificate(cert).serialNumber;
    };
    const serials = await Promise.all([issue(), issue(), issue()]);
    expect(new Set(serials).size).toBe(3);
  });

  test.each(["a, O=system:masters", "a+b", 'a"b', "a\nb", "", "#0c01", "a".repeat(200)])(
    "nothing for the name %j",
    async (commonName) => {
      const request = { commonName, organizations: [], now: NOW };
      await expect(authority.issueClient(request)).rejects.toThrow(/Cannot issue a certificate/);
    },
  );
});

describe("openAuthority", () => {
  let directory: string;
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), "berth-pki-"));
  });
  afterEach(() => rm(directory, { recursive: true }));

  const open = (now = NOW) => openAuthority({ directory, commonName: "berth", now });

  test("makes the CA once, its key for the owner alone", async () => {
    const first = await open();
    const second = await open();
    expect(second.cert).toBe(first.cert);
    const { mode } = await stat(join(directory, "ca.key"));
    expect((mode & 0o777).toString(8)).toBe("600");
  });

  test("issues what the CA of before is trusted for", async () => {
    const first = await open();
    const reopened = await open();
    const { cert } = await reopened.issueClient({ commonName: "x", organizations: [], now: NOW });
    expect(new X509Certificate(cert).verify(new X509Certificate(first.cert).publicKey)).toBe(true);
  });

  test("makes it anew when a crash left the key alone", async () => {
    await open();
    await rm(join(directory, "ca.crt"));
    await open();
    expect(await readKeyPair(directory, "ca")).toBeDefined();
  });

  test("refuses a key of another CA", async () => {
    await open();
    await writeFile(join(directory, "ca.key"), authority.key);
    await expect(open()).rejects.toThrow(/does not belong/);
  });

  test("refuses an expired CA", async () => {
    await open();
    await expect(open(NOW + 4000 * DAY)).rejects.toThrow(/was valid until/);
  });

  test("refuses what is no certificate", async () => {
    await open();
    const key = await readFile(join(directory, "ca.key"), "utf8");
    await expect(loadAuthority({ cert: "nonsense", key }, NOW)).rejects.toThrow(
      /Cannot read the CA/,
    );
    await writeFile(join(directory, "ca.key"), "nonsense");
    await expect(open()).rejects.toThrow(/Cannot read the CA/);
  });
});

describe("a kubeconfig", () => {
  test("is read as it was written", async () => {
    const credentials = await authority.issueClient({
      commonName: "admin",
      organizations: ["system:masters"],
      now: NOW,
    });
    const server = "https://127.0.0.1:6443";
    const text = formatKubeconfig({ server, ca: authority.cert, user: "admin", credentials });
    expect(readKubeconfig(text)).toEqual({
      context: "berth",
      namespace: "default",
      server,
      ca: authority.cert,
      cert: credentials.cert,
      key: credentials.key,
    });
  });

  test.each([
    ["kind: [", /Cannot read the kubeconfig/],
    ["kind: Chair", /not of kind "Config"/],
    ["kind: Config", /no "current-context"/],
    [
      "kind: Config\ncurrent-context: x\ncontexts: []",
      /Cannot find "x" in the kubeconfig's "contexts"/,
    ],
    [
      "kind: Config\ncurrent-context: x\ncontexts: [{name: x, context: {user: u}}]",
      /"cluster" is missing/,
    ],
    [
      "kind: Config\ncurrent-context: x\ncontexts: [{name: x, context: {user: u, cluster: c}}]\n" +
        "clusters: [{name: c, cluster: {server: s, certificate-authority-data: YQ==}}]\n" +
        "users: [{name: u, user: {token: t}}]",
      /"client-certificate-data" is missing; files, tokens and plugins are not supported/,
    ],
  ])("%j is refused", (text, message) => {
    expect(() => readKubeconfig(text)).toThrow(message);
  });
});
