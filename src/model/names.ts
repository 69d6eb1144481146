/** Longest label of a DNS name (RFC 1123), and longest name in all. */
const MAX_DNS_LABEL = 63;
const MAX_DNS_NAME = 253;

const DNS_LABEL = /^[a-z0-9](?:[-a-z0-9]*[a-z0-9])?$/;

/** Whether `text` is a DNS label: lower-case letters, digits and `-`, at most 63 characters. Pure. */
export function isDnsLabel(text: string): boolean {
  return text.length <= MAX_DNS_LABEL && DNS_LABEL.test(text);
}

/** Whether `text` is a DNS-1035 label, as names of Services are: a DNS label that begins with a letter. Pure. */
export function isDnsServiceLabel(text: string): boolean {
  return isDnsLabel(text) && !/^\d/.test(text);
}

/** Whether `text` is a DNS subdomain: parts like DNS labels with dots between, at most 253 characters. Pure. */
export function isDnsSubdomain(text: string): boolean {
  return text.length <= MAX_DNS_NAME && text.split(".").every((part) => DNS_LABEL.test(part));
}
