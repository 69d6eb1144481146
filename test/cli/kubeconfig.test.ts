import { X509Certificate } from "node:crypto";
import { mkdtemp, readFile, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { parse } from "yaml";
import { openAuthority, writeKeyPair } from "../../src/api/pki.ts";
import { dataDirAt, writeConfig, type DataDir } from "../../src/cli/data-dir.ts";
import { kubeconfig, type KubeconfigFlags } from "../../src/cli/kubeconfig.ts";
import { ManualClock } from "../support/manual-clock.ts";

const HOUR = 3_600_000;
const clock = new ManualClock(Date.now());

const CONFIG = {
  format: 1,
  clusterId: "abc123",
  nodeName: "a",
  listen: "127.0.0.1",
  port: 6443,
  podCidr: "10.32.0.0/11",
  serviceCidr: "10.96.0.0/16",
  dnsIp: "10.96.0.10",
  domain: "cluster.local",
} as const;

let dir: DataDir;
beforeEach(async () => {
  dir = dataDirAt(await mkdtemp(join(tmpdir(), "berth-kubeconfig-")));
  await writeConfig(dir, CONFIG);
  const authority = await openAuthority({ directory: dir.pki, commonName: "ca", now: clock.now() });
  const request = { commonName: "admin", organizations: ["system:masters"], now: clock.now() };
  await writeKeyPair(dir.pki, "admin", await authority.issueClient(request));
});
afterEach(() => rm(dir.root, { recursive: true, force: true }));

const ask = async (flags: Partial<KubeconfigFlags> = {}): Promise<string> => {
  const lines: string[] = [];
  const all = { user: undefined, groups: [], validMs: HOUR, server: undefined, file: undefined };
  await kubeconfig(dir, { ...all, ...flags }, (line) => lines.push(line), clock);
  return lines.join("\n");
};

interface Config {
  readonly clusters: readonly { readonly cluster: { readonly server: string } }[];
  readonly users: readonly {
    readonly name: string;
    readonly user: Readonly<Record<string, string>>;
  }[];
}

function certificateOf(text: string): X509Certificate {
  const [user] = (parse(text) as Config).users;
  return new X509Certificate(Buffer.from(user?.user["client-certificate-data"] ?? "", "base64"));
}

describe("berth kubeconfig", () => {
  test("is the administrator's unless somebody is named", async () => {
    expect(certificateOf(await ask()).subject).toContain("O=system:masters");
  });

  test("a person gets a certificate of their own, for a while", async () => {
    const text = await ask({
      user: "alice",
      groups: ["dev", "ops"],
      server: "https://api.example:6443",
    });
    const certificate = certificateOf(text);
    expect(certificate.subject.split("\n").toSorted()).toEqual(["CN=alice", "O=dev", "O=ops"]);
    expect(
      certificate.verify(new X509Certificate(await readFile(join(dir.pki, "ca.crt"))).publicKey),
    ).toBe(true);
    expect(Math.abs(Date.parse(certificate.validTo) - clock.now() - HOUR)).toBeLessThan(2000);
    expect((parse(text) as Config).clusters[0]?.cluster.server).toBe("https://api.example:6443");
  });

  test.each([
    [{ user: "system:admin" }, 'Cannot make a certificate for "system:admin"'],
    [
      { user: "alice", groups: ["system:masters"] },
      'Cannot make a certificate for "system:masters"',
    ],
    [{ user: "a,CN=b" }, "a,CN=b"],
  ])("%j is refused", async (flags, message) => {
    await expect(ask(flags)).rejects.toThrow(message);
  });

  test("a file is for the owner alone, and never written over", async () => {
    const file = join(dir.root, "alice.yaml");
    expect(await ask({ user: "alice", file })).toBe(`Wrote "${file}" for alice`);
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    const before = await readFile(file, "utf8");
    await expect(ask({ user: "bob", file })).rejects.toThrow("it is there already");
    expect(await readFile(file, "utf8")).toBe(before);
  });
});
