import type { Answer, Question, SoaAnswer } from "dns-packet";
import type { NamedPort, ServiceRecords } from "./dns-records.ts";
import type { DnsZone } from "./dns-zone.ts";
import { isInCidr } from "./ipv4.ts";

export interface ZoneOptions {
  readonly domain: string;
  readonly podCidr: string;
  readonly serviceCidr: string;
  /** The node's own search path, which its pods have as well. */
  readonly hostSearch?: readonly string[];
}

/** What our own records say to a question. */
export type Resolution =
  | {
      readonly kind: "answer";
      /** `NXDOMAIN`: no such name at all. `NOERROR` without answers: the name has no such records. */
      readonly rcode: "NOERROR" | "NXDOMAIN";
      readonly answers: readonly Answer[];
      readonly additionals: readonly Answer[];
      /** Tells resolvers how long "no" is valid; with answers there is none. */
      readonly authority: SoaAnswer | undefined;
    }
  /** The name stands for another one, whose records are the answer. */
  | { readonly kind: "alias"; readonly target: string }
  /**
   * No name of ours, but one that a program made of an outside name and its search path. The first of these names that
   * is one is what the program will come to.
   */
  | { readonly kind: "search"; readonly names: readonly string[]; readonly otherwise: Resolution }
  /** Not a name of the cluster: others must be asked. */
  | { readonly kind: "forward" };

/** Seconds that clients may keep an answer: pods come and go. */
export const DNS_TTL_SECONDS = 5;

/** The version of the Kubernetes DNS specification that we keep to. */
const SPEC_VERSION = "1.1.0";

/** What a name of ours has. */
type Found = readonly Answer[] | undefined;

interface Records {
  readonly answers: readonly Answer[];
  readonly additionals?: readonly Answer[];
}

/**
 * Answers a question from the records of the cluster. `rotation` moves the order of several answers on, so that
 * clients that take the first one spread. Pure.
 */
export function resolveQuery(
  question: Question,
  zone: DnsZone,
  options: ZoneOptions,
  rotation: number,
): Resolution {
  const name = question.name.toLowerCase().replace(/\.$/, "");
  const domain = options.domain.toLowerCase();
  if (name.endsWith(".in-addr.arpa")) return resolveReverse(question, name, zone, options);
  if (name !== domain && !name.endsWith(`.${domain}`)) return { kind: "forward" };
  const labels = name === domain ? [] : name.slice(0, -domain.length - 1).split(".");
  const target = aliasOf(labels, zone);
  if (target !== undefined) return { kind: "alias", target };
  const records =
    labels.at(-1) === "pod"
      ? lookUpPod(labels, question, options)
      : lookUp(labels, question, zone, domain);
  const resolution = toResolution(records, question, domain, rotation);
  const names = records === undefined ? searchedNames(labels, question, zone, options) : [];
  return names.length === 0 ? resolution : { kind: "search", names, otherwise: resolution };
}

/** The name that a Service stands for, when its own name is asked for. */
function aliasOf(labels: readonly string[], zone: DnsZone): string | undefined {
  const [name = "", namespace = "", root] = labels;
  if (labels.length !== 3 || root !== "svc") return undefined;
  return zone.service(namespace, name)?.externalName;
}

/** `10-32-0-5.shop.pod` has the address that it tells, if pods have such addresses. */
function lookUpPod(
  labels: readonly string[],
  question: Question,
  { podCidr }: ZoneOptions,
): Records | undefined {
  if (labels.length < 3) return { answers: [] };
  const address = (labels[0] ?? "").replaceAll("-", ".");
  if (labels.length > 3 || !isInCidr(address, podCidr)) return undefined;
  return { answers: [{ ...owner(question, "A"), data: address }] };
}

/**
 * `api.example.com.shop.svc.cluster.local` is the first of several questions for `api.example.com`: what the program
 * will ask next. None for a name below a Service, and for one without a dot, which nobody outside has.
 */
function searchedNames(
  labels: readonly string[],
  { type }: Question,
  zone: DnsZone,
  { domain, hostSearch = [] }: ZoneOptions,
): readonly string[] {
  const [root, namespace = "", service = "", ...below] = labels.toReversed();
  const isAddress = type === "A" || type === "AAAA";
  if (root !== "svc" || below.length === 0 || !isAddress || !zone.hasNamespace(namespace))
    return [];
  if (zone.service(namespace, service) !== undefined) return [];
  const name = labels.slice(0, -2).join(".");
  if (name.startsWith("_") || name.includes("._")) return [];
  return [
    `${name}.svc.${domain}`,
    `${name}.${domain}`,
    ...hostSearch.map((end) => `${name}.${end}`),
    name,
  ];
}

function resolveReverse(
  question: Question,
  name: string,
  zone: DnsZone,
  options: ZoneOptions,
): Resolution {
  const labels = name.split(".").slice(0, -2).toReversed();
  const address = labels.join(".");
  const isOurs = [options.podCidr, options.serviceCidr].some((cidr) => isInCidr(address, cidr));
  if (!isOurs) return { kind: "forward" };
  const names = zone.namesOf(address);
  const answers = names.map((data) => ({
    ...owner(question, "PTR"),
    data: `${data}.svc.${options.domain}`,
  }));
  const records = names.length === 0 ? undefined : { answers };
  return toResolution(records, question, `${labels[0]}.in-addr.arpa`, 0);
}

function toResolution(
  records: Records | undefined,
  question: Question,
  apex: string,
  rotation: number,
): Resolution {
  const any = (question.type as string) === "ANY";
  const fitting = records?.answers.filter(({ type }) => any || type === question.type) ?? [];
  const start = fitting.length === 0 ? 0 : rotation % fitting.length;
  return {
    kind: "answer",
    rcode: records === undefined ? "NXDOMAIN" : "NOERROR",
    answers: [...fitting.slice(start), ...fitting.slice(0, start)],
    additionals: fitting.length === 0 ? [] : (records?.additionals ?? []),
    authority: fitting.length === 0 ? soa(apex) : undefined,
  };
}

/** The records of a name below the domain, of all types that it has; `undefined` when there is no such name. */
function lookUp(
  labels: readonly string[],
  question: Question,
  zone: DnsZone,
  domain: string,
): Records | undefined {
  const [root, namespace, name, ...below] = labels.toReversed();
  if (root === undefined) return { answers: [soa(domain), nameServer(domain)] };
  if (root === "dns-version" && namespace === undefined) {
    return { answers: [{ ...owner(question, "TXT"), data: SPEC_VERSION }] };
  }
  if (root === "ns" && namespace === "dns" && name === undefined) return { answers: [] };
  if (root !== "svc") return undefined;
  if (namespace === undefined) return { answers: [] };
  if (name === undefined) return zone.hasNamespace(namespace) ? { answers: [] } : undefined;
  const service = zone.service(namespace, name);
  if (service === undefined) return undefined;
  const answers = belowService(below, service, question, domain);
  if (answers === undefined) return undefined;
  return { answers, additionals: answers.flatMap((answer) => targetOf(answer, service, domain)) };
}

function belowService(
  below: readonly string[],
  service: ServiceRecords,
  question: Question,
  domain: string,
): Found {
  const [first, second] = below;
  if (first === undefined) return addressRecords(question, service);
  if (below.length === 1 && !first.startsWith("_")) {
    const pods = service.pods.filter((pod) => pod.label === first);
    const answers = pods.map((pod) => ({ ...owner(question, "A"), data: pod.address }));
    return answers.length === 0 ? undefined : answers;
  }
  if (below.length > 2 || (second !== undefined && !second.startsWith("_"))) return undefined;
  const targets = portTargets(service, domain).filter(
    ({ port }) =>
      `_${port.protocol.toLowerCase()}` === first &&
      (second === undefined || `_${port.name}` === second),
  );
  if (targets.length === 0) return undefined;
  if (second === undefined) return [];
  return targets.map(({ port, target }) => ({
    ...owner(question, "SRV"),
    data: {
      priority: 0,
      weight: Math.max(1, Math.floor(100 / targets.length)),
      port: port.port,
      target,
    },
  }));
}

function addressRecords(question: Question, { clusterIP, pods }: ServiceRecords): Found {
  const addresses = clusterIP === undefined ? pods.map((pod) => pod.address) : [clusterIP];
  return addresses.map((data) => ({ ...owner(question, "A"), data }));
}

function portTargets(
  { namespace, name, ports, pods }: ServiceRecords,
  domain: string,
): readonly { readonly port: NamedPort; readonly target: string }[] {
  const service = `${name}.${namespace}.svc.${domain}`;
  return [
    ...ports.map((port) => ({ port, target: service })),
    ...pods.flatMap((pod) =>
      pod.ports.map((port) => ({ port, target: `${pod.label}.${service}` })),
    ),
  ];
}

/** The address of an SRV record's target, which saves the client a question. */
function targetOf(answer: Answer, service: ServiceRecords, domain: string): readonly Answer[] {
  if (answer.type !== "SRV") return [];
  const { target } = answer.data;
  const suffix = `.${service.name}.${service.namespace}.svc.${domain}`;
  const a = { type: "A", name: target, ttl: DNS_TTL_SECONDS, class: "IN" } as const;
  if (service.clusterIP !== undefined) return [{ ...a, data: service.clusterIP }];
  return service.pods
    .filter((pod) => `${pod.label}${suffix}` === target)
    .map((pod) => ({ ...a, data: pod.address }));
}

/** The head of an answer: the name as the client wrote it. */
function owner<T extends string>(
  question: Question,
  type: T,
): { readonly type: T; readonly name: string; readonly ttl: number; readonly class: "IN" } {
  return { type, name: question.name, ttl: DNS_TTL_SECONDS, class: "IN" };
}

function nameServer(domain: string): Answer {
  return { type: "NS", name: domain, ttl: DNS_TTL_SECONDS, class: "IN", data: `ns.dns.${domain}` };
}

function soa(apex: string): SoaAnswer {
  return {
    type: "SOA",
    name: apex,
    ttl: DNS_TTL_SECONDS,
    class: "IN",
    data: {
      mname: `ns.dns.${apex}`,
      rname: `hostmaster.${apex}`,
      serial: 1,
      refresh: 7200,
      retry: 1800,
      expire: 86_400,
      minimum: DNS_TTL_SECONDS,
    },
  };
}
