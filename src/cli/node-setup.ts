import { join } from "node:path";
import type { ApiCredentials } from "../client/transport.ts";
import { CliError } from "./cli-error.ts";
import {
  readConfig,
  readIfThere,
  serverUrl,
  type ClusterConfig,
  type DataDir,
} from "./data-dir.ts";

/** What a node must know before it can ask the API for anything. */
export type NodeConfig = Pick<
  ClusterConfig,
  "clusterId" | "nodeName" | "podCidr" | "serviceCidr" | "dnsIp" | "domain" | "networkDriver"
> & {
  /** Where the API is, for instance `https://192.0.2.10:6443`. */
  readonly server: string;
};

export interface NodeSetup {
  readonly config: NodeConfig;
  readonly credentials: ApiCredentials;
  /** The node's own folder. */
  readonly stateDir: string;
  /** Where joining left the certificate, which the node renews; absent beside the control plane. */
  readonly joinDir?: string;
  /** Nobody may run commands in its pods, attach, or forward their ports. */
  readonly refuseExec?: boolean;
}

/** The node beside the control plane of a data directory. */
export async function readLocalNode(dir: DataDir): Promise<NodeSetup> {
  const config = await readConfig(dir);
  if (config === undefined) throw new CliError(`Cannot find a cluster in "${dir.root}"`);
  const server = serverUrl(config);
  // Read here, not by the room that also issues them: that one's libraries would take a tenth of the node's memory.
  const [ca, cert, key] = await Promise.all(
    ["ca.crt", "node.crt", "node.key"].map((file) => readIfThere(join(dir.pki, file))),
  );
  if (ca === undefined || cert === undefined || key === undefined)
    throw new CliError(`Cannot find the node's certificate in "${dir.pki}"`, {
      cure: "run `berth up` again: it makes it",
    });
  return {
    config: { ...config, server },
    credentials: { server, ca, cert, key },
    stateDir: dir.node,
  };
}
