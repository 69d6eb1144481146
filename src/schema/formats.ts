import { parsePercent } from "../model/int-or-percent.ts";
import { isLabelKey, isLabelValue } from "../model/labels.ts";
import { isDnsLabel, isDnsServiceLabel, isDnsSubdomain } from "../model/names.ts";
import { parseQuantity } from "../model/quantity.ts";
import { suggest } from "./suggest.ts";
import {
  isCidr,
  isFinalizer,
  isHostPattern,
  isIndexes,
  isIp,
  isIpv4,
  isPathName,
  isSchedule,
  isShare,
  isSignal,
  isSysctl,
  isTimeZone,
  scheduleHint,
  signalHint,
} from "./text-formats.ts";

/** What a `format` of the schemas stands for. */
export interface Format {
  readonly test: (text: string) => boolean;
  /** Completes "must be …". */
  readonly says: string;
  /** A cure for a common mistake. */
  readonly hint?: (text: string) => string | undefined;
}

const DOWNWARD_FIELDS: readonly string[] = [
  "metadata.name",
  "metadata.namespace",
  "metadata.uid",
  "spec.nodeName",
  "spec.serviceAccountName",
  "status.hostIP",
  "status.hostIPs",
  "status.podIP",
  "status.podIPs",
];
const OWN_RESOURCES: readonly string[] = ["cpu", "memory", "ephemeral-storage"];
const FILE_FIELDS: readonly string[] = [
  "metadata.name",
  "metadata.namespace",
  "metadata.uid",
  "metadata.labels",
  "metadata.annotations",
];
const PORT_NAME = "lower-case letters, digits and -, at most 15, one letter at least";
const DNS_LABEL =
  "lower-case letters, digits and -, at most 63, with a letter or digit at both ends";
const DNS_NAME =
  "a DNS name: lower-case letters, digits, - and ., at most 253, with a letter or digit at both ends";

/** Every `format` that schemas/ may name. All tests are linear in the text. */
export const FORMATS: Readonly<Record<string, Format>> = {
  "absolute-path": { test: isAbsolutePath, says: 'an absolute path without ".."' },
  "age-recipient": {
    test: (text) => /^age1[a-z0-9]{20,}$/.test(text),
    says: "a public age key, which begins with age1",
  },
  base64: { test: isBase64, says: "base64", hint: base64Hint },
  capability: {
    test: (text) => /^[A-Z][A-Z0-9_]*$/.test(text),
    says: "the name of a capability such as NET_ADMIN",
    hint: (text) => (/^[a-z_]+$/i.test(text) ? `write ${text.toUpperCase()}` : undefined),
  },
  cidr: { test: isCidr, says: "a range of addresses such as 10.0.0.0/8" },
  "class-name": {
    test: (text) => text === "" || isDnsSubdomain(text),
    says: `empty, or ${DNS_NAME}`,
    hint: lowerCaseHint,
  },
  "cluster-ip": {
    test: (text) => text === "" || text === "None" || isIpv4(text),
    says: 'an IPv4 address or "None"',
  },
  "config-key": { test: isConfigKey, says: "letters, digits, -, _ and ., at most 253" },
  cron: {
    test: isSchedule,
    says: "five fields (minute, hour, day, month, day of the week), or a name such as @daily",
    hint: scheduleHint,
  },
  "cron-job-name": {
    test: (text) => isDnsSubdomain(text) && text.length <= 52,
    says: "a DNS name of at most 52 characters, since its Jobs add 11",
    hint: lowerCaseHint,
  },
  "date-time": {
    test: (text) =>
      /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d{1,9})?(Z|[+-]\d{2}:\d{2})$/.test(text) &&
      !Number.isNaN(Date.parse(text)),
    says: "a time such as 2026-01-31T08:00:00Z",
  },
  "dns-label": { test: isDnsLabel, says: DNS_LABEL, hint: lowerCaseHint },
  "dns-subdomain": { test: isDnsSubdomain, says: DNS_NAME, hint: lowerCaseHint },
  "dns-wildcard": {
    test: isHostPattern,
    says: `${DNS_NAME}; "*." may stand before it`,
    hint: lowerCaseHint,
  },
  "env-name": {
    test: (text) => isEnvText(text) && text !== "",
    says: 'printable ASCII without "=", and not empty',
  },
  "env-prefix": { test: isEnvText, says: 'printable ASCII without "="' },
  "field-path": {
    test: isDownwardField,
    says: `one of ${DOWNWARD_FIELDS.join(", ")}, metadata.labels['<key>'] or metadata.annotations['<key>']`,
  },
  "file-field-path": {
    test: isFileField,
    says: `one of ${FILE_FIELDS.join(", ")}, metadata.labels['<key>'] or metadata.annotations['<key>']`,
  },
  finalizer: { test: isFinalizer, says: "prefix/name, such as example.com/cleanup" },
  "git-commit": { test: (text) => /^[0-9a-f]{40}$/.test(text), says: "40 hex digits" },
  "git-ref": {
    test: (text) => /^refs\/[^\s~^:?*[\\]+$/.test(text) && !text.includes(".."),
    says: "the full name of a ref, such as refs/pull/7/head",
  },
  "header-name": {
    test: (text) => /^[-A-Za-z0-9!#$%&'*+.^_`|~]+$/.test(text),
    says: "the name of an HTTP header",
  },
  "header-value": {
    test: (text) => !/[\r\n\0]/.test(text),
    says: "the value of an HTTP header, on one line",
  },
  image: { test: isImage, says: "an image such as registry/name:tag", hint: imageHint },
  indexes: { test: isIndexes, says: "numbers and ranges in order, such as 0,2-4" },
  ip: { test: isIp, says: "an IP address" },
  "job-name": {
    test: (text) => isDnsSubdomain(text) && text.length <= 63,
    says: "a DNS name of at most 63 characters, since pods carry it as a label",
    hint: lowerCaseHint,
  },
  "resource-name": {
    test: isResourceName,
    says: "cpu, memory, ephemeral-storage or an extended resource such as example.com/gpu",
    hint: resourceHint,
  },
  "label-key": {
    test: isLabelKey,
    says: "name or prefix/name: letters, digits, -, _ and ., at most 63, with a letter or digit at both ends",
  },
  "label-value": {
    test: isLabelValue,
    says: "letters, digits, -, _ and ., at most 63, with a letter or digit at both ends",
  },
  "mount-path": {
    test: (text) => text.startsWith("/") && !text.includes(":") && !text.includes("\0"),
    says: 'an absolute path without ":"',
  },
  "path-name": { test: isPathName, says: 'a name without "/" and "%"' },
  percent: {
    test: (text) => parsePercent(text) !== undefined,
    says: "a count or a percentage such as 25%",
    hint: unquoteHint,
  },
  "port-name": { test: isPortName, says: PORT_NAME },
  "port-or-name": {
    test: isPortName,
    says: `a port number or a port's name: ${PORT_NAME}`,
    hint: unquoteHint,
  },
  quantity: {
    test: (text) => (parseQuantity(text)?.nanos ?? -1n) >= 0n,
    says: "an amount such as 500m, 2 or 64Mi",
    hint: quantityHint,
  },
  "relative-path": { test: isRelativePath, says: 'a relative path without ".."' },
  "service-name": {
    test: isDnsServiceLabel,
    says: `${DNS_LABEL}, a letter first`,
    hint: lowerCaseHint,
  },
  share: {
    test: isShare,
    says: "a count or a percentage from 0% to 100%",
    hint: unquoteHint,
  },
  "stop-signal": {
    test: isSignal,
    says: "the name of a signal such as SIGTERM or SIGRTMIN+1",
    hint: signalHint,
  },
  sysctl: { test: isSysctl, says: "the name of a kernel setting such as net.core.somaxconn" },
  "time-zone": { test: isTimeZone, says: "a time zone such as Europe/Berlin" },
  "volume-name": {
    test: (text) => text.length <= 255 && /^[A-Za-z0-9][A-Za-z0-9_.-]+$/.test(text),
    says: "the name of a Docker volume: letters, digits, _, . and -, at least 2, at most 255",
  },
};

function isDownwardField(text: string): boolean {
  if (DOWNWARD_FIELDS.includes(text)) return true;
  const match = /^metadata\.(?:labels|annotations)\['([^']{1,320})'\]$/.exec(text);
  return match !== null && isLabelKey(match[1] ?? "");
}

function isFileField(text: string): boolean {
  return FILE_FIELDS.includes(text) || (text.startsWith("metadata.") && isDownwardField(text));
}

function isAbsolutePath(text: string): boolean {
  return text.startsWith("/") && !text.split("/").includes("..") && !text.includes("\0");
}

function isRelativePath(text: string): boolean {
  return !text.startsWith("/") && !text.split("/").includes("..") && !text.includes("\0");
}

function isConfigKey(text: string): boolean {
  return (
    text.length <= 253 && /^[-._a-zA-Z0-9]+$/.test(text) && text !== "." && !text.startsWith("..")
  );
}

function isEnvText(text: string): boolean {
  return /^[ -<>-~]*$/.test(text);
}

function isPortName(text: string): boolean {
  return (
    text.length <= 15 &&
    /^[a-z0-9](?:[-a-z0-9]*[a-z0-9])?$/.test(text) &&
    /[a-z]/.test(text) &&
    !text.includes("--")
  );
}

/** Line breaks between the digits are allowed, as Go's decoder does. */
function isBase64(text: string): boolean {
  const digits = text.replaceAll(/[\r\n]/g, "");
  return digits.length % 4 === 0 && /^[A-Za-z0-9+/]*={0,2}$/.test(digits);
}

/** `[host[:port]/]path[:tag][@digest]`, as registries have it. */
function isImage(text: string): boolean {
  if (text.length > 512) return false;
  const [named = "", digest, ...more] = text.split("@");
  if (more.length > 0) return false;
  if (digest !== undefined && !/^[A-Za-z][\w+.-]*:[0-9a-f]{32,}$/.test(digest)) return false;
  const slash = named.lastIndexOf("/");
  const colon = named.indexOf(":", slash + 1);
  const tag = colon < 0 ? undefined : named.slice(colon + 1);
  if (tag !== undefined && !/^\w[\w.-]{0,127}$/.test(tag)) return false;
  const parts = (colon < 0 ? named : named.slice(0, colon)).split("/");
  const first = parts[0] ?? "";
  const host = parts.length > 1 && (/[.:]/.test(first) || first === "localhost");
  if (host && !/^[A-Za-z0-9.-]+(?::\d{1,5})?$/.test(first)) return false;
  return (host ? parts.slice(1) : parts).every((part) =>
    /^[a-z0-9]+(?:[._-]+[a-z0-9]+)*$/.test(part),
  );
}

function lowerCaseHint(text: string): string | undefined {
  const cure = text.toLowerCase().replaceAll(/[_ ]/g, "-");
  return cure !== text && isDnsSubdomain(cure) ? `write "${cure}"` : undefined;
}

function unquoteHint(text: string): string | undefined {
  return /^\d{1,9}$/.test(text) ? `write ${text} without quotes` : undefined;
}

function base64Hint(): string {
  return "encode it (base64 -w0), or give the plain text: in stringData of a Secret, in data of a ConfigMap";
}

function imageHint(text: string): string | undefined {
  return /\s/.test(text) ? "remove the space" : undefined;
}

function quantityHint(text: string): string | undefined {
  const match = /^(\d{1,15}(?:\.\d{1,9})?)\s?([kKmMgGtT])(i?)[bB]?$/.exec(text);
  if (match === null) return undefined;
  const [, number = "", unit = "", binary = ""] = match;
  const letter = unit.toLowerCase() === "k" && binary === "" ? "k" : unit.toUpperCase();
  const cure = `${number}${letter}${binary}`;
  return cure === text ? undefined : `write "${cure}"`;
}

function isResourceName(text: string): boolean {
  return OWN_RESOURCES.includes(text) || (text.includes("/") && isLabelKey(text));
}

function resourceHint(text: string): string | undefined {
  const meant = suggest(text, OWN_RESOURCES);
  return meant === undefined ? undefined : `did you mean "${meant}"?`;
}
