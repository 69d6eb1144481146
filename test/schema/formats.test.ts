import { describe, expect, it } from "vitest";
import { FORMATS } from "../../src/schema/formats.ts";

const CASES: Readonly<
  Record<string, { readonly good: readonly string[]; readonly bad: readonly string[] }>
> = {
  "absolute-path": { good: ["/", "/a/b", "/a..b"], bad: ["", "a", "/a/../b", "/..", "/a\0"] },
  base64: {
    good: ["", "YQ==", "YWI=", "YWJj", "YW\r\nJj\n"],
    bad: ["Y", "YQ=", "YQ==YQ==", "Y-_/", "=YQ="],
  },
  capability: { good: ["NET_ADMIN", "ALL"], bad: ["", "net_admin", "NET-ADMIN", "_A"] },
  cidr: {
    good: ["10.0.0.0/8", "0.0.0.0/0", "fd00::/8", "::/0"],
    bad: ["", "10.0.0.0", "10.0.0.0/33", "10.0.0/8", "fd00::/129", "10.0.0.0/08", "1.2.3.4/8/8"],
  },
  "class-name": { good: ["", "fast"], bad: ["Fast", "a_b"] },
  "cluster-ip": {
    good: ["", "None", "10.0.0.1"],
    bad: ["none", "10.0.0", "10.0.0.256", "01.0.0.1", "::1", "1.2.3.4.5"],
  },
  "config-key": {
    good: ["a", "A.b_c-d", ".a"],
    bad: ["", ".", "..", "..a", "a/b", "a b", "a".repeat(254)],
  },
  cron: {
    good: ["* * * * *", "*/5 0-3,7 1 JAN mon-fri", "0 0 ? * 0", "@daily", "@every 1h30m"],
    bad: ["", "* * * *", "* * * * * *", "TZ=UTC * * * * *", "@never", "@every", "a.b * * * *"],
  },
  "cron-job-name": { good: ["a.b", "a".repeat(52)], bad: ["", "A", "a".repeat(53)] },
  "date-time": {
    good: ["2026-01-31T08:00:00Z", "2026-01-31T08:00:00.123456+01:00"],
    bad: ["", "2026-01-31", "2026-13-31T08:00:00Z", "2026-01-31 08:00:00Z"],
  },
  "age-recipient": { good: [`age1${"q".repeat(58)}`], bad: ["", "age1", "AGE-SECRET-KEY-1"] },
  "git-commit": { good: ["a".repeat(40)], bad: ["", "abc", "A".repeat(40), "a".repeat(41)] },
  "git-ref": { good: ["refs/pull/7/head"], bad: ["", "main", "refs/", "refs/a b", "refs/../x"] },
  "dns-label": { good: ["a", "a-1"], bad: ["", "A", "a.b", "a-", "a".repeat(64)] },
  "dns-subdomain": { good: ["a.b", "1"], bad: ["", "a..b", "a_b", ".a"] },
  "dns-wildcard": {
    good: ["a.b", "*.a.b"],
    bad: ["", "*", "*.", "a.*.b", "**.a", "10.0.0.1"],
  },
  "env-name": { good: ["A", "a.b-c", "1A"], bad: ["", "A=B", "ä", "a\n"] },
  "env-prefix": { good: ["", "A_"], bad: ["="] },
  "field-path": {
    good: [
      "metadata.name",
      "status.podIP",
      "metadata.labels['a.b/c']",
      "metadata.annotations['x']",
    ],
    bad: [
      "",
      "metadata.labels",
      "metadata.labels['']",
      "metadata.labels['a b']",
      "spec.containers",
    ],
  },
  "file-field-path": {
    good: ["metadata.name", "metadata.labels", "metadata.annotations['a.b/c']"],
    bad: ["", "spec.nodeName", "status.podIP", "metadata.labels['']", "metadata.generation"],
  },
  finalizer: { good: ["a.io/b", "orphan", "foregroundDeletion"], bad: ["", "b", "a/b/c", "/b"] },
  "header-name": { good: ["X-Probe"], bad: ["", "a b", "a:"] },
  "header-value": { good: ["", "a: b"], bad: ["a\nb", "a\r"] },
  image: {
    good: [
      "nginx",
      "nginx:1.2",
      "a/b/c:d",
      "localhost/a",
      "localhost:5000/a:b",
      "Host.io/a",
      `a@sha256:${"0f".repeat(32)}`,
      "a__b/c--d",
      "a:_1",
    ],
    bad: [
      "",
      "Nginx",
      "a b",
      "a:",
      "a:b:c",
      "a@b",
      "a@",
      "/a",
      "a//b",
      "a/",
      "-a",
      "a:-b",
      "host.io:x/a",
      "a@sha256:0f@sha256:0f",
      "https://a/b",
      "a".repeat(513),
    ],
  },
  indexes: { good: ["0", "0,2-4,9", "3-3"], bad: ["", "2,1", "3-2", "1,,2", "1-", "a", "0-2,2"] },
  ip: {
    good: ["10.0.0.1", "::", "::1", "fd00::1:2", "1:2:3:4:5:6:7:8", "::ffff:10.0.0.1"],
    bad: ["", "10.0.0", "1:2:3:4:5:6:7", "1::2::3", "::12345", "1:2:3:4:5:6:7:8:9", "::g", ":1"],
  },
  "job-name": { good: ["a.b", "a".repeat(63)], bad: ["a".repeat(64), "A"] },
  "resource-name": {
    good: ["cpu", "memory", "ephemeral-storage", "example.com/gpu"],
    bad: ["", "gpu", "memroy", "hugepages-2Mi", "/gpu", "example.com/"],
  },
  "label-key": { good: ["a", "a.io/b"], bad: ["", "a/b/c", "/b"] },
  "label-value": { good: ["", "1.0", "A_b"], bad: ["a b", "-a", "a".repeat(64)] },
  "mount-path": { good: ["/a"], bad: ["a", "/a:b", ""] },
  "path-name": { good: ["a", "system:node", "A b"], bad: ["", ".", "..", "a/b", "a%"] },
  percent: { good: ["0%", "25%", "200%"], bad: ["", "25", "-1%", "1.5%", "%"] },
  "port-name": {
    good: ["http", "h2", "1a"],
    bad: ["", "80", "a--b", "-a", "HTTP", "a".repeat(16)],
  },
  "port-or-name": { good: ["http"], bad: ["80", ""] },
  quantity: { good: ["0", "1.5Gi", "500m", "1e3"], bad: ["", "-1", "64MB", "1 Gi", "x"] },
  "relative-path": { good: ["", "a", "a/b", "a..b"], bad: ["/a", "..", "a/../b"] },
  "service-name": { good: ["a1"], bad: ["1a", "a.b"] },
  share: { good: ["0%", "100%"], bad: ["101%", "1", "", "-1%"] },
  "stop-signal": {
    good: ["SIGTERM", "SIGUSR1", "SIGRTMIN", "SIGRTMIN+15", "SIGRTMAX-14", "SIGRTMAX"],
    bad: ["TERM", "sigterm", "SIG", "SIGFOO", "SIGRTMIN+0", "SIGRTMIN+16", "SIGRTMAX-15", "15"],
  },
  sysctl: {
    good: ["net.core.somaxconn", "net/ipv4/ip_local_port_range", "a-b.c_d"],
    bad: ["", "a..b", "A.b", ".a", "a.", "-a", "a".repeat(254)],
  },
  "time-zone": {
    good: ["UTC", "Europe/Berlin", "America/Argentina/Ushuaia", "Etc/GMT+1"],
    bad: ["", "Local", "Europe/", "/UTC", "a b", "a/b/c/d"],
  },
  "volume-name": { good: ["a1", "A_b.c-d"], bad: ["", "a", "_a", "a/b", "a".repeat(256)] },
};

it("all formats have cases", () => {
  expect(Object.keys(CASES).toSorted()).toEqual(Object.keys(FORMATS).toSorted());
});

describe.each(Object.entries(CASES))("%s", (name, { good, bad }) => {
  it.each(good)("takes %j", (text) => expect(FORMATS[name]?.test(text)).toBe(true));
  it.each(bad)("refuses %j", (text) => expect(FORMATS[name]?.test(text)).toBe(false));
});

it.each([
  ["quantity", "64MB", 'write "64M"'],
  ["quantity", "1gi", 'write "1Gi"'],
  ["quantity", "64 Mi", 'write "64Mi"'],
  ["quantity", "10K", 'write "10k"'],
  ["quantity", "lots", undefined],
  ["cron", "0 * * * * *", "remove the field for seconds"],
  ["cron", "TZ=UTC 0 * * * *", "put the zone into timeZone"],
  ["dns-label", "My_App", 'write "my-app"'],
  ["dns-label", "-", undefined],
  ["port-or-name", "80", "write 80 without quotes"],
  ["capability", "net_admin", "write NET_ADMIN"],
])("%s %s: %s", (name, text, expected) => {
  expect(FORMATS[name]?.hint?.(text)).toBe(expected);
});

it("takes time in proportion to the text", { timeout: 60_000 }, () => {
  const started = performance.now();
  const texts = ["a", "-", ".", "/", "0", "_", "a-", "a.", "A=", ":", "@"].map((piece) =>
    piece.repeat(200_000),
  );
  for (const { test, hint } of Object.values(FORMATS)) {
    for (const text of texts) {
      test(`${text}!`);
      hint?.(`${text}!`);
    }
  }
  expect(performance.now() - started).toBeLessThan(5000);
});
