import { createHash, randomBytes } from "node:crypto";
import { publicKeyHash, readKeyPair } from "../api/pki.ts";
import { formatTime, type Clock, type Millis } from "../base/clock.ts";
import { readHostNetwork } from "../agent/host-network.ts";
import { SYSTEM_NAMESPACE } from "../model/app.ts";
import {
  formatJoinToken,
  JOIN_TOKEN_PREFIX,
  JOIN_TOKEN_TYPE,
  type JoinTokenData,
} from "../model/join-token.ts";
import type { Secret } from "../model/kinds.gen.ts";
import { isLabelKey, isLabelValue } from "../model/labels.ts";
import { resourceOf } from "../model/resources.ts";
import { CliError } from "./cli-error.ts";
import { withClient } from "./connect.ts";
import { readConfig, type ClusterConfig, type DataDir } from "./data-dir.ts";
import { formatTable } from "./table.ts";

export interface TokenFlags {
  readonly ttlMs: Millis;
  readonly uses: number;
  /** The only name that may join by it. */
  readonly node: string | undefined;
  /** `key=value` each. */
  readonly labels: readonly string[];
}

type Print = (line: string) => void;

const ALPHABET = "abcdefghijklmnopqrstuvwxyz234567";
const ID_CHARS = 8;
/** 5 bits each. */
const SECRET_CHARS = 26;
/** What a node says about itself, or Berth alone. */
const OWN_LABELS = /^(?:[^/]*\.)?(?:kubernetes\.io|k8s\.io|berth\.dev)\//;
const ALLOWED_LABELS: ReadonlySet<string> = new Set([
  "topology.kubernetes.io/zone",
  "topology.kubernetes.io/region",
  "node.kubernetes.io/instance-type",
]);

/** Makes a token and prints the line that makes another machine a node. The cluster keeps its hash alone. */
export async function createToken(
  dir: DataDir,
  flags: TokenFlags,
  print: Print,
  clock: Clock,
  signal: AbortSignal,
): Promise<void> {
  const config = await readConfig(dir);
  const ca = await readKeyPair(dir.pki, "ca");
  if (config === undefined || ca === undefined) {
    throw new CliError(`Cannot find a cluster in "${dir.root}"`, { cure: "run `berth up` first" });
  }
  const server = await reachableServer(config, signal);
  const labels = readLabels(flags.labels);
  const [id, secret] = [randomText(ID_CHARS), randomText(SECRET_CHARS)];
  const expiresAt = formatTime(clock.now() + flags.ttlMs);
  const data: JoinTokenData = {
    hash: createHash("sha256").update(secret).digest("hex"),
    expiresAt,
    uses: String(flags.uses),
    node: flags.node ?? "",
    labels: JSON.stringify(labels),
  };
  const object: Secret = {
    apiVersion: "v1",
    kind: "Secret",
    metadata: { name: `${JOIN_TOKEN_PREFIX}${id}`, namespace: SYSTEM_NAMESPACE },
    type: JOIN_TOKEN_TYPE,
    data: Object.fromEntries(
      Object.entries(data).map(([key, value]) => [
        key,
        Buffer.from(String(value)).toString("base64"),
      ]),
    ),
  };
  await withClient(dir, (client) => client.create(object, signal));
  const token = formatJoinToken({ caHash: publicKeyHash(ca.cert), id, secret });
  const name = flags.node === undefined ? "" : ` --node-name ${flags.node}`;
  print(
    `Run this as root on the new machine; the token is good until ${expiresAt}, for ${flags.uses === 1 ? "one machine" : `${flags.uses} machines`}:`,
  );
  print("");
  print(`  berth agent join ${server} --token ${token}${name}`);
}

/** Lists the tokens that are there, without their secrets, which nobody has. */
export async function listTokens(
  dir: DataDir,
  print: Print,
  clock: Clock,
  signal: AbortSignal,
): Promise<void> {
  const tokens = await readTokens(dir, signal);
  if (tokens.length === 0) return print("no tokens");
  const rows = tokens.map(({ metadata, data = {} }) => {
    const text = (key: string): string => Buffer.from(data[key] ?? "", "base64").toString("utf8");
    const expires = text("expiresAt");
    const left = Date.parse(expires) <= clock.now() ? "over" : expires;
    return [
      metadata.name.slice(JOIN_TOKEN_PREFIX.length),
      left,
      text("uses"),
      text("node") || "any",
      text("labels"),
    ];
  });
  print(formatTable(["ID", "EXPIRES", "USES LEFT", "NODE", "LABELS"], rows));
}

/** Takes a token back. */
export async function deleteToken(
  dir: DataDir,
  id: string,
  print: Print,
  signal: AbortSignal,
): Promise<void> {
  const tokens = await readTokens(dir, signal);
  const name = `${JOIN_TOKEN_PREFIX}${id}`;
  if (!tokens.some(({ metadata }) => metadata.name === name)) {
    throw new CliError(`Cannot find the token "${id}"`, { cure: "berth token list" });
  }
  const ref = { apiVersion: "v1", kind: "Secret", namespace: SYSTEM_NAMESPACE, name };
  await withClient(dir, (client) => client.delete(ref, {}, signal));
  print(`token ${id}: removed`);
}

async function readTokens(dir: DataDir, signal: AbortSignal): Promise<readonly Secret[]> {
  const secrets = resourceOf({ apiVersion: "v1", kind: "Secret" });
  const { items } = await withClient(dir, (client) =>
    client.list<Secret>(secrets, { namespace: SYSTEM_NAMESPACE }, signal),
  );
  return items.filter(({ type }) => type === JOIN_TOKEN_TYPE);
}

/** Where other machines reach the API. */
async function reachableServer(
  { listen, port }: ClusterConfig,
  signal: AbortSignal,
): Promise<string> {
  if (listen === "127.0.0.1" || listen === "::1" || listen === "localhost") {
    throw new CliError("Cannot let other machines join: the API listens on this machine alone", {
      cure: "have it listen on an address that they reach: berth down is not needed, run `berth up --listen 0.0.0.0` after ending the processes",
    });
  }
  const isAny = listen === "0.0.0.0" || listen === "::";
  const host = isAny ? (await readHostNetwork(signal)).address : listen;
  return `https://${host.includes(":") ? `[${host}]` : host}:${port}`;
}

function readLabels(given: readonly string[]): Readonly<Record<string, string>> {
  const pairs = given.flatMap((text) => text.split(",")).filter((text) => text !== "");
  return Object.fromEntries(
    pairs.map((pair) => {
      const [key = "", value = ""] = pair.split("=");
      if (!isLabelKey(key) || !isLabelValue(value) || !pair.includes("=")) {
        throw new CliError(
          `Cannot give nodes the label "${pair}": it is no KEY=VALUE of Kubernetes`,
        );
      }
      if (OWN_LABELS.test(key) && !ALLOWED_LABELS.has(key)) {
        throw new CliError(
          `Cannot give nodes the label "${key}": labels of kubernetes.io, k8s.io and berth.dev are set by nodes and Berth itself`,
          {
            cure: `use a prefix of your own, or one of ${[...ALLOWED_LABELS].join(", ")}`,
          },
        );
      }
      return [key, value];
    }),
  );
}

function randomText(length: number): string {
  return [...randomBytes(length)].map((byte) => ALPHABET[byte % ALPHABET.length] ?? "a").join("");
}
