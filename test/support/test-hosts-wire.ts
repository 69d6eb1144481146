import { Machine } from "./test-hosts-machine.ts";

/** Where a machine hangs: `segment` 0 is one Ethernet, 1 another, with a router between them. */
export interface Port {
  readonly name: string;
  readonly segment: number;
  readonly address: string;
}

interface Pair {
  readonly a: Port;
  readonly b: Port;
}

const TABLE = "harness";
/** Networks for documentation: no host and no cluster has them. */
const SEGMENTS = ["192.0.2", "198.51.100", "203.0.113"] as const;
const FIRST_HOST = 11;

/** The address of the n-th machine. Pure. */
export function portOf(index: number, segment: number): Port {
  const network = SEGMENTS[segment];
  if (network === undefined) throw new Error(`There are only ${SEGMENTS.length} segments`);
  return { name: `port${index}`, segment, address: `${network}.${FIRST_HOST + index}` };
}

/** The Ethernets between machines, in a namespace of their own, and the router that joins them. */
export class Wire {
  readonly #router: Machine;
  readonly #mtu: number;
  readonly #cuts = new Set<Pair>();
  readonly #isolated = new Set<Port>();
  readonly #loss = new Map<Port, number>();
  readonly #delayed = new Set<Port>();

  private constructor(router: Machine, mtu: number) {
    this.#router = router;
    this.#mtu = mtu;
  }

  static async open(dir: string, mtu: number): Promise<Wire> {
    const router = await Machine.boot("router", dir);
    await router.mustRun(["sh", "-c", "echo 1 > /proc/sys/net/ipv4/ip_forward"]);
    const lines = SEGMENTS.flatMap((network, index) => [
      `link add lan${index} mtu ${mtu} type bridge forward_delay 0`,
      `addr add ${network}.1/24 dev lan${index}`,
      `link set lan${index} up`,
    ]);
    await router.mustRun(["ip", "-batch", "-"], { input: lines.join("\n") });
    return new Wire(router, mtu);
  }

  /** Plugs a machine in: it gets `eth0`, its address and a default route. */
  async plug(machine: Machine, { name, segment, address }: Port): Promise<void> {
    const mtu = this.#mtu;
    const outside = [
      `link add ${name} mtu ${mtu} type veth peer name eth0 mtu ${mtu} netns ${machine.pid}`,
      `link set ${name} master lan${segment} up`,
    ];
    // By its pid the router would look for the machine among its own processes.
    await this.#router.batchOutside(outside);
    const inside = [
      `addr add ${address}/24 broadcast + dev eth0`,
      "link set eth0 up",
      `route add default via ${SEGMENTS[segment] ?? ""}.1`,
    ];
    await machine.mustRun(["ip", "-batch", "-"], { input: inside.join("\n") });
  }

  /** Nothing goes between the two, or to and from `a` when there is no `b`. Connections are not told. */
  async cut(a: Port, b?: Port): Promise<void> {
    if (b === undefined) this.#isolated.add(a);
    else this.#cuts.add({ a, b });
    await this.#apply();
  }

  /** Loses so many percent of what comes from a machine. */
  async lose(port: Port, percent: number): Promise<void> {
    this.#loss.set(port, percent);
    await this.#apply();
  }

  /** Each packet to and from a machine takes so long. Needs a kernel with `sch_netem`. */
  async delay(port: Port, ms: number): Promise<void> {
    const device = ["dev", port.name, "root", "netem"];
    const netem = ["tc", "qdisc", "replace", ...device, "delay", `${ms}ms`];
    const { code, output } = await this.#router.run(netem);
    if (code !== 0)
      throw new Error(`Cannot delay packets, the kernel has no sch_netem: ${output.trim()}`);
    this.#delayed.add(port);
  }

  /** Takes back all cuts, losses and delays. */
  async heal(): Promise<void> {
    this.#cuts.clear();
    this.#isolated.clear();
    this.#loss.clear();
    await this.#apply();
    for (const { name } of this.#delayed)
      await this.#router.mustRun(["tc", "qdisc", "delete", "dev", name, "root"]);
    this.#delayed.clear();
  }

  async close(): Promise<void> {
    await this.#router.close();
  }

  async #apply(): Promise<void> {
    await this.#router.mustRun(["nft", "-f", "-"], { input: this.#rules() });
  }

  #rules(): string {
    const both = [...this.#cuts].flatMap(({ a, b }) => [
      { from: a, to: b },
      { from: b, to: a },
    ]);
    const onEthernet = both.map(({ from, to }) => `iifname ${from.name} oifname ${to.name} drop`);
    const onRouter = both.map(
      ({ from, to }) => `ip saddr ${from.address} ip daddr ${to.address} drop`,
    );
    const inbound = [
      ...[...this.#isolated].map(({ name }) => `iifname ${name} drop`),
      ...[...this.#loss].map(([{ name }, percent]) =>
        percent >= 100
          ? `iifname ${name} drop`
          : `iifname ${name} numgen random mod 100 < ${percent} drop`,
      ),
    ];
    const outbound = [...this.#isolated].map(({ name }) => `oifname ${name} drop`);
    const chain = (name: string, hook: string, rules: readonly string[]): string =>
      `chain ${name} { type filter hook ${hook} priority 0; ${rules.map((rule) => `${rule}; `).join("")}}`;
    const tables = [
      ["bridge", chain("inbound", "prerouting", inbound)],
      ["bridge", chain("between", "forward", onEthernet)],
      ["bridge", chain("outbound", "postrouting", outbound)],
      ["ip", chain("routed", "forward", onRouter)],
    ];
    const fresh = ["bridge", "ip"].flatMap((family) => [
      `add table ${family} ${TABLE}`,
      `delete table ${family} ${TABLE}`,
    ]);
    const filled = tables.map(([family, text]) => `table ${family} ${TABLE} {\n${text}\n}`);
    return [...fresh, ...filled, ""].join("\n");
  }
}
