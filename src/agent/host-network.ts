import { networkInterfaces } from "node:os";
import { runCommand } from "./run-command.ts";

/** How the host reaches others. */
export interface HostNetwork {
  readonly address: string;
  readonly mtu: number;
}

interface Route {
  readonly dev: string;
  readonly prefsrc?: string;
  readonly metric?: number;
}

interface Link {
  readonly mtu: number;
  readonly addr_info: readonly {
    readonly family: string;
    readonly local: string;
    readonly scope: string;
  }[];
}

const DEFAULT_MTU = 1500;

/** Address and MTU of the link of the default route; of any link where there is no such route. */
export async function readHostNetwork(signal: AbortSignal): Promise<HostNetwork> {
  const { stdout } = await runCommand("ip", ["-4", "-j", "route", "show", "default"], "", signal);
  const routes = parseJson(stdout) as readonly Route[];
  const [route] = routes.toSorted((a, b) => (a.metric ?? 0) - (b.metric ?? 0));
  if (route !== undefined) {
    const links = await runCommand(
      "ip",
      ["-4", "-j", "addr", "show", "dev", route.dev],
      "",
      signal,
    );
    const [link] = parseJson(links.stdout) as readonly Link[];
    const own = link?.addr_info.find(
      (entry) => entry.family === "inet" && entry.scope === "global",
    );
    const address = route.prefsrc ?? own?.local;
    if (address !== undefined) return { address, mtu: link?.mtu ?? DEFAULT_MTU };
  }
  const all = Object.values(networkInterfaces()).flatMap((entries) => entries ?? []);
  const usable = all.find((entry) => entry.family === "IPv4" && !entry.internal);
  return { address: usable?.address ?? "127.0.0.1", mtu: DEFAULT_MTU };
}

function parseJson(text: string): readonly unknown[] {
  return text.trim() === "" ? [] : (JSON.parse(text) as readonly unknown[]);
}
