import { describe, expect, test } from "vitest";
import { silentLogger } from "../../src/base/logger.ts";
import { conntrackCleaner, staleFlows } from "../../src/proxy/conntrack.ts";
import { ProxyError } from "../../src/proxy/proxy-error.ts";
import type { RunCommand } from "../../src/proxy/run-command.ts";
import { changedFrontends } from "../../src/proxy/service-table.ts";
import type { ServiceTable } from "../../src/proxy/service-table.ts";
import { endpoint, service, servicePort, slice, tableOf } from "./services.ts";

const signal = AbortSignal.timeout(10_000);

function table(protocol: "TCP" | "UDP", ...addresses: readonly string[]): ServiceTable {
  const state = {
    service: service({ ports: [servicePort({ protocol, nodePort: 30_053 })] }),
    slices: [
      slice(
        addresses.map((address) => endpoint(address)),
        { ports: [{ name: "", protocol, port: 1053 }] },
      ),
    ],
  };
  return tableOf(["shop/web", state]);
}

/** The commands that a change leads to. */
async function cleanUp(before: ServiceTable, after: ServiceTable): Promise<string[]> {
  const commands: string[] = [];
  const run: RunCommand = (command, args) => {
    commands.push([command, ...args].join(" "));
    return Promise.resolve({ exitCode: 1, stdout: "", stderr: "0 flow entries" });
  };
  await conntrackCleaner(run, silentLogger)(staleFlows(changedFrontends(before, after)), signal);
  return commands;
}

describe("conntrackCleaner()", () => {
  test("forgets the UDP flows of the endpoint that went, by each of its frontends", async () => {
    const [before, after] = [table("UDP", "10.32.0.2", "10.32.0.3"), table("UDP", "10.32.0.3")];
    expect(await cleanUp(before, after)).toEqual([
      "conntrack -D -f ipv4 -p udp --orig-dst 10.96.0.5 --orig-port-dst 80 --reply-src 10.32.0.2",
      "conntrack -D -f ipv4 -p udp --orig-port-dst 30053 --reply-src 10.32.0.2",
    ]);
  });

  test("leaves TCP, and endpoints that stay, alone", async () => {
    expect(await cleanUp(table("TCP", "10.32.0.2"), table("TCP"))).toEqual([]);
    expect(
      await cleanUp(table("UDP", "10.32.0.2"), table("UDP", "10.32.0.2", "10.32.0.3")),
    ).toEqual([]);
  });

  test("says once that the tool is missing, and then is silent", async () => {
    const warnings: string[] = [];
    let calls = 0;
    const run: RunCommand = () => {
      calls += 1;
      return Promise.reject(new ProxyError("tool-missing", "not found"));
    };
    const logger = {
      ...silentLogger,
      warn: (_: unknown, text: string) => void warnings.push(text),
    };
    const clean = conntrackCleaner(run, logger);
    const flows = staleFlows(changedFrontends(table("UDP", "10.32.0.2"), table("UDP")));
    await clean(flows, signal);
    await clean(flows, signal);
    expect([calls, warnings.length]).toEqual([1, 1]);
  });
});
