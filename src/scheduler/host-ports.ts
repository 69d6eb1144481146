import { ANY_ADDRESS, type HostPort } from "../model/host-ports.ts";

/** The ports of one host that are taken: what two pods take is counted twice. */
export class PortSet {
  /** `TCP/80` → address → takers. */
  readonly #taken = new Map<string, Map<string, number>>();

  add({ ip, protocol, port }: HostPort, sign: 1 | -1): void {
    const key = `${protocol}/${port}`;
    const takers = this.#taken.get(key) ?? new Map<string, number>();
    const count = (takers.get(ip) ?? 0) + sign;
    if (count > 0) takers.set(ip, count);
    else takers.delete(ip);
    if (takers.size > 0) this.#taken.set(key, takers);
    else this.#taken.delete(key);
  }

  /** Whether the port is taken on that address, or either address stands for all. */
  conflicts({ ip, protocol, port }: HostPort): boolean {
    const takers = this.#taken.get(`${protocol}/${port}`);
    if (takers === undefined) return false;
    return ip === ANY_ADDRESS || takers.has(ip) || takers.has(ANY_ADDRESS);
  }
}
