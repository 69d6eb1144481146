import { parsePercent } from "../model/int-or-percent.ts";
import { isLabelKey } from "../model/labels.ts";
import { isDnsSubdomain } from "../model/names.ts";

/** Tests of texts that only some formats need. All are linear in the text. */

/** Finalizers of Kubernetes itself, which need no prefix. */
const PLAIN_FINALIZERS: readonly string[] = ["foregroundDeletion", "kubernetes", "orphan"];

/** Schedules that have a name. */
const SCHEDULE_NAMES = /^@(?:yearly|annually|monthly|weekly|daily|midnight|hourly)$/;

/** An IPv4 address in four decimal parts. Pure. */
export function isIpv4(text: string): boolean {
  const parts = text.split(".");
  return (
    parts.length === 4 &&
    parts.every((part) => /^(?:0|[1-9]\d{0,2})$/.test(part) && Number(part) <= 255)
  );
}

/** An IPv4 or IPv6 address. Pure. */
export function isIp(text: string): boolean {
  return isIpv4(text) || isIpv6(text);
}

/** An address with the length of its network: `10.0.0.0/8`. Pure. */
export function isCidr(text: string): boolean {
  const [address = "", length = "", ...more] = text.split("/");
  if (more.length > 0 || !/^(?:0|[1-9]\d{0,2})$/.test(length)) return false;
  return (isIpv4(address) && Number(length) <= 32) || (isIpv6(address) && Number(length) <= 128);
}

/** A finalizer: `prefix/name`, or one of Kubernetes' own. Pure. */
export function isFinalizer(text: string): boolean {
  return PLAIN_FINALIZERS.includes(text) || (text.includes("/") && isLabelKey(text));
}

/** Five fields, or a name such as @daily, or `@every` with a duration. The planner reads what they mean. Pure. */
export function isSchedule(text: string): boolean {
  if (text.length > 300) return false;
  if (text.startsWith("@")) {
    return SCHEDULE_NAMES.test(text) || /^@every (?:\d+(?:\.\d+)?(?:h|ms|m|s))+$/.test(text);
  }
  const fields = text.trim().split(/[ \t]+/);
  return fields.length === 5 && fields.every((field) => /^[\dA-Za-z*?,/-]+$/.test(field));
}

/** What is wrong with most schedules that have the wrong form. Pure. */
export function scheduleHint(text: string): string | undefined {
  if (/^(?:CRON_)?TZ=/.test(text)) return "put the zone into timeZone";
  const fields = text.trim().split(/[ \t]+/);
  return fields.length === 6 ? "remove the field for seconds" : undefined;
}

/** The form of a name in the time-zone database: `Europe/Berlin`. Pure. */
export function isTimeZone(text: string): boolean {
  const parts = text.split("/");
  return (
    text.length <= 64 &&
    text.toLowerCase() !== "local" &&
    parts.length <= 3 &&
    parts.every((part) => /^[A-Za-z\d_+-]+$/.test(part))
  );
}

/** A host name, or `*.` and a host name. Pure. */
export function isHostPattern(text: string): boolean {
  return isDnsSubdomain(text.startsWith("*.") ? text.slice(2) : text) && !isIpv4(text);
}

/** A name that fits into a URL's path: anything but slashes and percent signs. Pure. */
export function isPathName(text: string): boolean {
  return text !== "" && text !== "." && text !== ".." && !/[/%]/.test(text);
}

/** Numbers and ranges in order: `0,2-4`. Pure. */
export function isIndexes(text: string): boolean {
  if (text.length > 65_536) return false;
  let last = -1;
  return text.split(",").every((range) => {
    const match = /^(\d{1,9})(?:-(\d{1,9}))?$/.exec(range);
    if (match === null) return false;
    const first = Number(match[1]);
    const end = match[2] === undefined ? first : Number(match[2]);
    const follows = first > last && end >= first;
    last = end;
    return follows;
  });
}

/** A percentage from 0% to 100%. Pure. */
export function isShare(text: string): boolean {
  const percent = parsePercent(text);
  return percent !== undefined && percent <= 100;
}

/** The name of a kernel setting: words joined by dots or slashes. Pure. */
export function isSysctl(text: string): boolean {
  return (
    text.length <= 253 &&
    text.split(/[./]/).every((word) => /^[a-z\d](?:[-_a-z\d]*[a-z\d])?$/.test(word))
  );
}

const SIGNALS: ReadonlySet<string> = new Set(
  (
    "ABRT ALRM BUS CHLD CLD CONT FPE HUP ILL INT IO IOT KILL PIPE POLL PROF PWR QUIT SEGV STKFLT STOP SYS TERM " +
    "TRAP TSTP TTIN TTOU URG USR1 USR2 VTALRM WINCH XCPU XFSZ"
  ).split(" "),
);

/** The name of a signal of Linux, real-time ones included: `SIGTERM`, `SIGRTMIN+3`. Pure. */
export function isSignal(text: string): boolean {
  const name = /^SIG(.+)$/.exec(text)?.[1] ?? "";
  return SIGNALS.has(name) || /^RTM(IN(\+([1-9]|1[0-5]))?|AX(-([1-9]|1[0-4]))?)$/.test(name);
}

/** Its full name for `TERM`, `term` or `sigterm`. Pure. */
export function signalHint(text: string): string | undefined {
  const full = `SIG${text.toUpperCase().replace(/^SIG/, "")}`;
  return isSignal(full) ? `write "${full}"` : undefined;
}

/** Eight groups of hexadecimal digits, one run of them as `::`, the last two perhaps as IPv4. */
function isIpv6(text: string): boolean {
  const halves = text.split("::");
  if (text.length > 45 || halves.length > 2) return false;
  const [head = [], tail = []] = halves.map((half) => (half === "" ? [] : half.split(":")));
  const groups = [...head, ...tail];
  const last = groups.at(-1) ?? "";
  const hasIpv4 = last.includes(".");
  const plain = hasIpv4 ? groups.slice(0, -1) : groups;
  if (hasIpv4 && !isIpv4(last)) return false;
  const count = plain.length + (hasIpv4 ? 2 : 0);
  return (
    plain.every((group) => /^[\da-fA-F]{1,4}$/.test(group)) &&
    (halves.length === 2 ? count < 8 : count === 8)
  );
}
