import type { Clock } from "../base/clock.ts";
import type { Logger } from "../base/logger.ts";
import { NftProxy } from "./nft-proxy.ts";
import type { RulesetOptions } from "./nft-ruleset.ts";
import { nftTool } from "./nft.ts";
import { ProxyError } from "./proxy-error.ts";
import type { OpenCommand, RunCommand } from "./run-command.ts";
import type { ServiceProxy } from "./service-proxy.ts";
import { disownServices } from "./userspace/own-services.ts";
import { UserspaceProxy } from "./userspace/userspace-proxy.ts";

export interface ChooseProxyOptions {
  readonly ruleset: RulesetOptions;
  readonly run: RunCommand;
  /** Starts programs that stay; without it each call is a process. */
  readonly open?: OpenCommand | undefined;
  readonly clock: Clock;
  readonly logger: Logger;
}

export interface ChosenProxy {
  readonly proxy: ServiceProxy;
  /** Why the kernel's rules are not used. */
  readonly reason: string | undefined;
}

/** Everything that our rules need of nft and the kernel; tried, never applied. */
const TRIAL = `table ip berth_trial {
  map endpoints { typeof numgen random mod 2 . ip daddr . tcp dport : ip daddr . tcp dport; }
  set clients { type ipv4_addr; flags dynamic,timeout; timeout 60s; size 16; }
  chain spread {
    update @clients { ip saddr }
    meta l4proto tcp dnat ip to numgen random mod 2 . ip daddr . tcp dport map @endpoints
  }
  chain refuse { meta l4proto tcp reject with tcp reset; }
  chain nat { type nat hook prerouting priority -100; fib daddr type local goto spread; }
  chain forward { type filter hook forward priority -110; ct status & dnat != dnat goto refuse; }
}
`;

/** The kernel's rules where nft works; else sockets in user space. */
export async function chooseProxy(
  options: ChooseProxyOptions,
  signal: AbortSignal,
): Promise<ChosenProxy> {
  const { ruleset, run, open, clock, logger } = options;
  const nft = nftTool(run, open, clock);
  const reason = await whyNot(() => nft.check(TRIAL, signal));
  if (reason === undefined) {
    // Left by a time without nftables.
    await disownServices(run, ruleset.serviceCidr, signal);
    return { proxy: new NftProxy({ nft, ruleset, clock, logger }), reason };
  }
  const { podCidr, serviceCidr, dnsIp } = ruleset;
  const proxy = new UserspaceProxy({
    network: { podCidr, serviceCidr, dnsIp },
    run,
    clock,
    logger,
  });
  return { proxy, reason };
}

async function whyNot(check: () => Promise<string>): Promise<string | undefined> {
  try {
    const said = await check();
    return said === ""
      ? undefined
      : `nft said "${said.trim().split("\n")[0]?.slice(0, 200) ?? ""}"`;
  } catch (error) {
    if (error instanceof ProxyError) return error.message;
    throw error;
  }
}
