import { createReadStream } from "node:fs";
import { mkdir, open, rename } from "node:fs/promises";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { Clock, Millis } from "../base/clock.ts";
import type { Logger } from "../base/logger.ts";
import type { EndpointSlice, Service } from "../model/kinds.gen.ts";
import type { ServiceState } from "./service-table.ts";
import { Wakeup } from "./wakeup.ts";

export interface ServiceMemoryOptions {
  /** Of the node. */
  readonly stateDir: string;
  readonly clock: Clock;
  readonly logger: Logger;
}

/** Changes come in bursts; one file for each is enough. */
const SAVE_DELAY_MS: Millis = 5000;

/** Lines written in one turn, so that probes and packets are not held up. */
const LINES_PER_TURN = 200;

/** What a line holds: `namespace/name` and the state. */
type Line = readonly [string, ServiceState];

/** Keeps the last Services and endpoints on disk, for a start while the control plane is away. */
export class ServiceMemory {
  readonly #options: ServiceMemoryOptions;
  readonly #file: string;
  readonly #states = new Map<string, ServiceState>();
  readonly #changed = new Wakeup();

  constructor(options: ServiceMemoryOptions) {
    this.#options = options;
    this.#file = join(options.stateDir, "services.ndjson");
  }

  /** What was written last; a line that cannot be read is left out. */
  async read(): Promise<ReadonlyMap<string, ServiceState>> {
    const states = new Map<string, ServiceState>();
    const lines = createInterface({ input: createReadStream(this.#file, "utf8") });
    try {
      for await (const line of lines) {
        const found = parseLine(line);
        if (found !== undefined) states.set(...found);
      }
    } catch (error) {
      if (!(error instanceof Error && "code" in error && error.code === "ENOENT"))
        this.#options.logger.warn({ error }, "Cannot read the Services of the last run");
    }
    return states;
  }

  /** Takes over what changed; it is written soon. */
  update(states: ReadonlyMap<string, ServiceState>): void {
    for (const [key, { service, slices }] of states) {
      if (service === undefined) this.#states.delete(key);
      else this.#states.set(key, { service, slices });
    }
    if (states.size > 0) this.#changed.wake();
  }

  /** Writes until `signal` aborts. */
  async run(signal: AbortSignal): Promise<void> {
    const { clock, logger } = this.#options;
    while (!signal.aborted) {
      try {
        await this.#changed.wait(signal);
        await clock.sleep(SAVE_DELAY_MS, signal);
        await this.#write();
      } catch (error) {
        if (!signal.aborted) logger.warn({ error }, "Cannot remember the Services on disk");
      }
    }
  }

  async #write(): Promise<void> {
    const file = this.#file;
    await mkdir(this.#options.stateDir, { recursive: true, mode: 0o700 });
    const handle = await open(`${file}.new`, "w", 0o600);
    try {
      const lines = [...this.#states];
      for (let start = 0; start < lines.length; start += LINES_PER_TURN) {
        const part = lines.slice(start, start + LINES_PER_TURN);
        await handle.write(part.map((line) => `${JSON.stringify(toLine(line))}\n`).join(""));
      }
      await handle.datasync();
    } finally {
      await handle.close();
    }
    await rename(`${file}.new`, file);
  }
}

/** What proxies and DNS look at. */
function toLine([key, { service, slices }]: Line): unknown {
  if (service === undefined) return [key, { slices: [] }];
  const { apiVersion, kind, metadata, spec, status } = service;
  const { namespace, name, annotations } = metadata;
  return [
    key,
    {
      service: { apiVersion, kind, metadata: { namespace, name, annotations }, spec, status },
      slices: slices.map(
        ({ metadata: { namespace: of, name: named }, endpoints, ports, addressType }) => ({
          metadata: { namespace: of, name: named },
          addressType,
          endpoints,
          ports,
        }),
      ),
    },
  ];
}

function parseLine(line: string): Line | undefined {
  try {
    const [key, state] = JSON.parse(line) as [
      unknown,
      { readonly service?: Service; readonly slices?: readonly EndpointSlice[] },
    ];
    if (typeof key !== "string" || state.service === undefined) return undefined;
    return [key, { service: state.service, slices: state.slices ?? [] }];
  } catch {
    return undefined;
  }
}
