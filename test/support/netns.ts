import { spawn } from "node:child_process";
import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { vethName } from "../../src/model/instance.ts";
import { openOnHost, runOnHost } from "../../src/proxy/run-command.ts";
import type { OpenCommand, RunCommand } from "../../src/proxy/run-command.ts";

export interface PeerCall {
  readonly protocol: "tcp" | "udp";
  readonly address: string;
  readonly port: number;
  /** For UDP. */
  readonly localPort?: number;
}

export interface PeerResolve {
  readonly server: string;
  readonly name: string;
  readonly type: "A" | "SRV";
}

export type PeerRequest = { readonly id: number } & (
  | { readonly do: "serve"; readonly name: string; readonly host: string; readonly port: number }
  | ({ readonly do: "call" } & PeerCall)
  | ({ readonly do: "keep"; readonly connection: number } & PeerCall)
  | { readonly do: "use-kept"; readonly connection: number }
  | ({ readonly do: "resolve" } & PeerResolve)
);
type WithoutId<T> = T extends unknown ? Omit<T, "id"> : never;

export interface PeerReply {
  readonly id: number;
  /** What the other side said, or the code of the error. */
  readonly text: string;
  readonly ms: number;
}

/** The gateway of every pod. */
const GATEWAY = "169.254.1.1";
/** Unlike `ip netns exec`, it leaves the mounts as they are. */
const ENTER = "nsenter";
const PREFIX = "berth-test-";
const FIRST_PORT = 20_000;

/** A network namespace of its own, with nothing in it but a loopback. */
export class Namespace implements AsyncDisposable {
  static #count = 0;
  readonly name: string;
  readonly #children = new Set<ChildProcess>();

  private constructor(name: string) {
    this.name = name;
  }

  static async create(): Promise<Namespace> {
    await removeLeftovers();
    Namespace.#count += 1;
    const namespace = new Namespace(`${PREFIX}${process.pid}-${Namespace.#count}`);
    await tool("ip", ["netns", "add", namespace.name]);
    await namespace.ip("link set lo up");
    // The kernel sends few "port unreachable" a second to one address; tests ask faster than that.
    await namespace.tool("tee", ["/proc/sys/net/ipv4/icmp_ratelimit"], "0");
    return namespace;
  }

  /** Runs a program of the host inside. */
  get run(): RunCommand {
    return async (command, args, options) => {
      const result = await runOnHost(ENTER, [this.#net(), "--", command, ...args], options);
      // nsenter itself is there, so a missing program is its exit code.
      return result.exitCode === 127 ? runOnHost(command, args, options) : result;
    };
  }

  /** Starts a program of the host inside, to speak to it. */
  get open(): OpenCommand {
    return (command, args) => openOnHost(ENTER, [this.#net(), "--", command, ...args]);
  }

  /** Lines for `ip -batch`; all must succeed. */
  async ip(...lines: readonly string[]): Promise<void> {
    await this.tool("ip", ["-batch", "-"], lines.join("\n"));
  }

  async tool(command: string, args: readonly string[], stdin = ""): Promise<string> {
    return tool(ENTER, [this.#net(), "--", command, ...args], stdin);
  }

  /** Starts a Node script inside, with a channel for messages. */
  spawn(script: URL, ...args: readonly string[]): ChildProcess {
    const command = [this.#net(), "--", process.execPath, script.pathname, ...args];
    const child = spawn(ENTER, command, { stdio: ["ignore", "inherit", "inherit", "ipc"] });
    this.#children.add(child);
    return child;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const child of this.#children) {
      if (child.exitCode !== null || child.signalCode !== null) continue;
      child.kill("SIGKILL");
      await once(child, "exit");
    }
    await tool("ip", ["netns", "delete", this.name]);
  }

  #net(): string {
    return `--net=/run/netns/${this.name}`;
  }
}

/** A program in a namespace that serves and calls. */
export class Peer {
  readonly #child: ChildProcess;
  readonly #waiting = new Map<number, (reply: PeerReply) => void>();
  #count = 0;

  constructor(namespace: Namespace) {
    this.#child = namespace.spawn(new URL("netns-peer.ts", import.meta.url));
    this.#child.on("message", (reply: PeerReply) => {
      this.#waiting.get(reply.id)?.(reply);
      this.#waiting.delete(reply.id);
    });
  }

  async serve(name: string, host = "0.0.0.0", port = 8080): Promise<void> {
    const { text } = await this.ask({ do: "serve", name, host, port });
    if (text !== "serving") throw new Error(`Cannot serve on port ${port}: ${text}`);
  }

  /** `call("tcp 10.96.0.5:80")` gives what the other side said, or the code of the error. */
  async call(target: string, localPort?: number): Promise<string> {
    return (await this.timedCall(target, localPort)).text;
  }

  /** UDP calls come from a port that no call had before: the kernel would take it for the same flow. */
  timedCall(target: string, localPort: number = FIRST_PORT + this.#count): Promise<PeerReply> {
    return this.ask({ do: "call", ...parseTarget(target), localPort });
  }

  /** Opens a TCP connection that stays; answers as `call` does. */
  async keep(target: string, connection: number): Promise<string> {
    return (await this.ask({ do: "keep", ...parseTarget(target), connection })).text;
  }

  async useKept(connection: number): Promise<string> {
    return (await this.ask({ do: "use-kept", connection })).text;
  }

  /** The sorted answers of a DNS server, or the code of the error. */
  async resolve(server: string, name: string, type: PeerResolve["type"] = "A"): Promise<string> {
    return (await this.ask({ do: "resolve", server, name, type })).text;
  }

  ask(request: WithoutId<PeerRequest>): Promise<PeerReply> {
    this.#count += 1;
    const id = this.#count;
    const { promise, resolve } = Promise.withResolvers<PeerReply>();
    this.#waiting.set(id, resolve);
    this.#child.send({ ...request, id });
    return promise;
  }
}

/**
 * A node as the agent wires it, in namespaces: pods hang on veths of the node with an address of their own, routed by
 * 169.254.1.1; `outside` stands for another machine, on an Ethernet with the node.
 */
export class TestNode implements AsyncDisposable {
  readonly clusterId: string;
  readonly node: Namespace;
  readonly #stack = new AsyncDisposableStack();

  private constructor(clusterId: string, node: Namespace) {
    this.clusterId = clusterId;
    this.node = this.#stack.use(node);
  }

  static async create(clusterId: string): Promise<TestNode> {
    return new TestNode(clusterId, await Namespace.create());
  }

  /** The node's own programs. */
  nodePeer(): Peer {
    return new Peer(this.node);
  }

  /** A pod with this address; `index` tells the pods of a node apart. */
  async addPod(address: string, index: number): Promise<Peer> {
    const pod = this.#stack.use(await Namespace.create());
    const veth = vethName(this.clusterId, `${index}`.padStart(8, "0"));
    await this.node.ip(
      `link add ${veth} type veth peer name eth0 netns ${pod.name}`,
      `addr add ${GATEWAY}/32 dev ${veth}`,
      `link set ${veth} up`,
      `route add ${address}/32 dev ${veth}`,
    );
    await pod.ip(
      `addr add ${address}/32 dev eth0`,
      "link set eth0 up",
      `route add ${GATEWAY}/32 dev eth0`,
      `route add default via ${GATEWAY} dev eth0`,
    );
    return new Peer(pod);
  }

  /**
   * Another node, in 198.51.100.0/24 with this one at .1; it has a pod's address, and its way to all other pods is
   * this node.
   */
  async addOutside(address: string, pod: string, podCidr: string): Promise<Peer> {
    const outside = this.#stack.use(await Namespace.create());
    await this.node.ip(
      `link add wire type veth peer name wire netns ${outside.name}`,
      "addr add 198.51.100.1/24 dev wire",
      "link set wire up",
      `route add ${pod}/32 via ${address}`,
    );
    await outside.ip(
      `addr add ${address}/24 dev wire`,
      "link set wire up",
      `addr add ${pod}/32 dev lo`,
      `route add ${podCidr} via 198.51.100.1`,
    );
    return new Peer(outside);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stack[Symbol.asyncDispose]();
  }
}

function parseTarget(target: string): PeerCall {
  const match = /^(tcp|udp) ([\d.]+):(\d+)$/.exec(target);
  if (match === null) throw new Error(`Cannot parse the target "${target}"`);
  const [, protocol, address = "", port] = match;
  return { protocol: protocol === "udp" ? "udp" : "tcp", address, port: Number(port) };
}

/** A run that was killed could not clean up; its namespaces carry its process id. */
async function removeLeftovers(): Promise<void> {
  const names = (await tool("ip", ["netns", "list"])).split("\n").map((line) => line.split(" ")[0]);
  for (const name of names) {
    const pid = new RegExp(`^${PREFIX}(\\d+)-\\d+$`).exec(name ?? "")?.[1];
    if (name === undefined || pid === undefined || isAlive(Number(pid))) continue;
    await tool("ip", ["netns", "delete", name]);
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

async function tool(command: string, args: readonly string[], stdin = ""): Promise<string> {
  const signal = AbortSignal.timeout(30_000);
  const { exitCode, stdout, stderr } = await runOnHost(command, args, { stdin, signal });
  if (exitCode !== 0) throw new Error(`"${command} ${args.join(" ")}" failed: ${stderr.trim()}`);
  return stdout;
}
