import { X509Certificate } from "node:crypto";
import { isIP } from "node:net";
import { hostname, networkInterfaces } from "node:os";
import type { Clock } from "../base/clock.ts";
import { formatKubeconfig } from "../api/kubeconfig.ts";
import { openAuthority, readKeyPair, validUntil, writeKeyPair, type KeyPair } from "../api/pki.ts";
import { apiServiceIp } from "../model/api-service.ts";
import { addressAt, chooseNetworks, parseCidr, type Cidr } from "../model/cidr.ts";
import { bridgeName, vethPrefix } from "../model/instance.ts";
import type { NetworkDriverChoice } from "../proxy/network/driver.ts";
import { CliError } from "./cli-error.ts";
import {
  newClusterId,
  readConfig,
  serverUrl,
  writeConfig,
  writeFileAtomic,
  type ClusterConfig,
  type DataDir,
} from "./data-dir.ts";
import { hostRoutes } from "./preflight.ts";

export interface ClusterOptions {
  readonly listen: string | undefined;
  readonly port: number | undefined;
  readonly nodeName: string | undefined;
  readonly podCidr: string | undefined;
  readonly serviceCidr: string | undefined;
  readonly networkDriver: NetworkDriverChoice | undefined;
}

export const DEFAULT_PORT = 6443;
/** This machine's own, beside the CA's key: as long as a server's. */
const LOCAL_VALID_MS = 365 * 86_400_000;
/** Certificates with less than this left are issued anew at a start. */
const RENEW_BEFORE_MS = 180 * 86_400_000;
const MAX_NODE_NAME = 63;
/** The cluster DNS address is the tenth of the service network, as people know it from Kubernetes. */
const DNS_INDEX = 10;

/** The cluster of a data directory: as it is, with what the options change, or a new one. */
export async function initCluster(
  dir: DataDir,
  options: ClusterOptions,
  clock: Clock,
): Promise<ClusterConfig> {
  const known = await readConfig(dir);
  const config = known === undefined ? await newConfig(options) : changed(known, options);
  await writeConfig(dir, config);
  const moved = known !== undefined && known.listen !== config.listen;
  await issueCertificates(dir, config, moved, clock);
  return config;
}

async function newConfig(options: ClusterOptions): Promise<ClusterConfig> {
  const clusterId = newClusterId();
  const networks = await pickNetworks(options, clusterId);
  return {
    format: 1,
    clusterId,
    nodeName: options.nodeName ?? nodeNameOf(hostname()),
    listen: options.listen ?? "127.0.0.1",
    port: options.port ?? DEFAULT_PORT,
    ...networks,
    dnsIp: addressAt(networkOf(networks.serviceCidr, "--service-cidr"), DNS_INDEX),
    domain: "cluster.local",
    ...(options.networkDriver === undefined ? {} : { networkDriver: options.networkDriver }),
  };
}

/** A host's name as a node's: lower-case letters, digits, `-` and `.` only. Pure. */
export function nodeNameOf(host: string): string {
  const name = host
    .toLowerCase()
    .replaceAll(/[^a-z0-9.-]+/g, "-")
    .slice(0, MAX_NODE_NAME)
    .replaceAll(/^[^a-z0-9]+|[^a-z0-9]+$/g, "");
  return name === "" ? "node" : name;
}

function changed(config: ClusterConfig, options: ClusterOptions): ClusterConfig {
  const fixed = [
    ["--node-name", options.nodeName, config.nodeName],
    ["--pod-cidr", options.podCidr, config.podCidr],
    ["--service-cidr", options.serviceCidr, config.serviceCidr],
  ] as const;
  for (const [option, wanted, current] of fixed) {
    if (wanted === undefined || wanted === current) continue;
    throw new CliError(`Cannot change ${option} of this cluster from "${current}" to "${wanted}"`, {
      cure: "leave the option out, or make a new cluster: berth down, then berth up",
    });
  }
  return {
    ...config,
    listen: options.listen ?? config.listen,
    port: options.port ?? config.port,
    ...(options.networkDriver === undefined ? {} : { networkDriver: options.networkDriver }),
  };
}

async function pickNetworks(
  options: ClusterOptions,
  clusterId: string,
): Promise<{ readonly podCidr: string; readonly serviceCidr: string }> {
  const given = [options.podCidr, options.serviceCidr].map((text, index) =>
    text === undefined ? undefined : networkOf(text, index === 0 ? "--pod-cidr" : "--service-cidr"),
  );
  const routes = await hostRoutes([bridgeName(clusterId), vethPrefix(clusterId)]);
  const taken = [...routes.map(parseCidr), ...given].filter(
    (cidr): cidr is Cidr => cidr !== undefined && cidr.bits > 0,
  );
  const chosen = chooseNetworks(taken);
  const podCidr = options.podCidr ?? chosen?.podCidr;
  const serviceCidr = options.serviceCidr ?? chosen?.serviceCidr;
  if (podCidr === undefined || serviceCidr === undefined) {
    throw new CliError(
      "Cannot find a free network for pods and services: this host's routes take all of 10.0.0.0/8",
      {
        cure: "name networks of your own: berth up --pod-cidr 172.16.0.0/13 --service-cidr 172.24.0.0/16",
      },
    );
  }
  return { podCidr, serviceCidr };
}

function networkOf(text: string, option: string): Cidr {
  const cidr = parseCidr(text);
  if (cidr !== undefined && cidr.bits <= 24) return cidr;
  throw new CliError(
    `Cannot use "${text}" for ${option}: it must be an IPv4 network of at most 24 bits`,
    {
      cure: "write it like 10.32.0.0/11",
    },
  );
}

/** Who calls the API from this machine. */
const CLIENTS = [
  { file: "admin", commonName: () => "berth-admin", organizations: ["system:masters"] },
  {
    file: "node",
    commonName: (config: ClusterConfig) => `system:node:${config.nodeName}`,
    organizations: ["system:nodes"],
  },
] as const;

async function issueCertificates(
  dir: DataDir,
  config: ClusterConfig,
  moved: boolean,
  clock: Clock,
): Promise<void> {
  const now = clock.now();
  const authority = await openAuthority({
    directory: dir.pki,
    commonName: `berth-${config.clusterId}`,
    now,
  });
  const hosts = [
    "localhost",
    "127.0.0.1",
    "::1",
    config.nodeName,
    config.listen,
    "kubernetes",
    "kubernetes.default",
    "kubernetes.default.svc",
    `kubernetes.default.svc.${config.domain}`,
    apiServiceIp(config.serviceCidr),
    ...(isAnyAddress(config.listen) ? ownAddresses() : []),
  ];
  const served = [...new Set(hosts.filter((host) => host !== "0.0.0.0" && host !== "::"))];
  const known = await readKeyPair(dir.pki, "server");
  if (moved || !isFresh(known, now) || !isServedBy(known, served)) {
    const pair = await authority.issueServer({
      commonName: "berth-api",
      hosts: served,
      now,
      validMs: LOCAL_VALID_MS,
    });
    await writeKeyPair(dir.pki, "server", pair);
  }
  for (const { file, commonName, organizations } of CLIENTS) {
    if (isFresh(await readKeyPair(dir.pki, file), now)) continue;
    const request = {
      commonName: commonName(config),
      organizations: [...organizations],
      now,
      validMs: LOCAL_VALID_MS,
    };
    await writeKeyPair(dir.pki, file, await authority.issueClient(request));
  }
  const admin = await readKeyPair(dir.pki, "admin");
  if (admin === undefined) throw new CliError(`Cannot read the admin certificate in "${dir.pki}"`);
  const server = serverUrl(config);
  await writeFileAtomic(
    dir.kubeconfig,
    formatKubeconfig({ server, ca: authority.cert, user: "berth-admin", credentials: admin }),
  );
}

function isAnyAddress(listen: string): boolean {
  return listen === "0.0.0.0" || listen === "::";
}

/** By which other machines may reach this one. */
function ownAddresses(): readonly string[] {
  return Object.values(networkInterfaces())
    .flatMap((addresses) => addresses ?? [])
    .filter(({ family, internal }) => family === "IPv4" && !internal)
    .map(({ address }) => address);
}

/** Whether the certificate stands for every address that the API is called by. */
function isServedBy(pair: KeyPair | undefined, hosts: readonly string[]): boolean {
  if (pair === undefined) return false;
  const certificate = new X509Certificate(pair.cert);
  return hosts.every((host) =>
    isIP(host) === 0 ? certificate.checkHost(host) : certificate.checkIP(host),
  );
}

function isFresh(pair: KeyPair | undefined, now: number): boolean {
  return pair !== undefined && validUntil(pair.cert) - now > RENEW_BEFORE_MS;
}
