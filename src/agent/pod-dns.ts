import type { Pod, PodDNSConfig } from "../model/kinds.gen.ts";
import type { DnsSpec } from "./runtime.ts";

/** What a node knows of name service. */
export interface DnsContext {
  readonly dnsIp: string;
  readonly domain: string;
  /** The node's own, as pods can use it. */
  readonly resolver: DnsSpec;
}

/** What resolvers and Kubernetes take. */
const MAX_SERVERS = 3;
const MAX_SEARCHES = 32;
const MAX_SEARCH_CHARS = 2048;

/** How a pod resolves names: by its policy, with what its dnsConfig adds. Pure. */
export function podDns(pod: Pod, node: DnsContext): DnsSpec {
  const { dnsConfig } = pod.spec;
  const base = byPolicy(pod, node);
  if (dnsConfig === undefined) return base ?? { servers: [], search: [], options: [] };
  return merge(base ?? node.resolver, dnsConfig);
}

/** `undefined`: as the node does. */
function byPolicy({ metadata, spec }: Pod, { dnsIp, domain }: DnsContext): DnsSpec | undefined {
  const { dnsPolicy, hostNetwork } = spec;
  if (dnsPolicy === "None") return { servers: [], search: [], options: [] };
  const usesCluster =
    dnsPolicy === "ClusterFirstWithHostNet" ||
    (dnsPolicy === "ClusterFirst" && hostNetwork !== true);
  if (!usesCluster) return undefined;
  const namespace = metadata.namespace ?? "default";
  return {
    servers: [dnsIp],
    search: [`${namespace}.svc.${domain}`, `svc.${domain}`, domain],
    options: ["ndots:5"],
  };
}

/** The policy's first, then what the pod adds; an option of the pod replaces one of that name. */
function merge(base: DnsSpec, { nameservers = [], searches = [], options = [] }: PodDNSConfig) {
  const named = new Map(base.options.map((option) => [option.split(":")[0] ?? option, option]));
  for (const { name, value } of options)
    named.set(name, value === undefined || value === "" ? name : `${name}:${value}`);
  const search: string[] = [];
  for (const domain of new Set([...base.search, ...searches])) {
    const isFull = search.length === MAX_SEARCHES;
    if (isFull || [...search, domain].join(" ").length > MAX_SEARCH_CHARS) break;
    search.push(domain);
  }
  const servers = [...new Set([...base.servers, ...nameservers])].slice(0, MAX_SERVERS);
  return { servers, search, options: [...named.values()] };
}

/** What a resolv.conf says. Servers on the node's own loopback are left out: no pod reaches them. Pure. */
export function parseResolver(text: string): DnsSpec {
  const servers: string[] = [];
  let search: readonly string[] = [];
  let options: readonly string[] = [];
  for (const line of text.split("\n")) {
    const [word, ...rest] = line.trim().split(/\s+/);
    const [first] = rest;
    if (word === "nameserver" && first !== undefined && !/^(?:127\.|::1$)/.test(first))
      servers.push(first);
    if (word === "search" || word === "domain") search = rest;
    if (word === "options") options = rest;
  }
  return { servers, search, options };
}
