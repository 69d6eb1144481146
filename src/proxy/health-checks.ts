import { once } from "node:events";
import type { Server, ServerResponse } from "node:http";
import type { Logger } from "../base/logger.ts";
import { http } from "../client/builtin-http.ts";
import { countLocalReady } from "./choose-backends.ts";
import type { ServiceState } from "./service-table.ts";

/** What a balancer is told about one Service. */
interface Health {
  readonly namespace: string;
  readonly name: string;
  readonly port: number;
  readonly localEndpoints: number;
}

/** A balancer asks often, and from several places; more connections than these wait. */
const MAX_CONNECTIONS = 500;
const REQUEST_TIMEOUT_MS = 5000;

/** Answers balancers at each Service's `healthCheckNodePort` whether this node has endpoints for clients outside. */
export class HealthChecks {
  readonly #nodeName: string;
  readonly #logger: Logger;
  /** Whether the data path follows the Services. */
  readonly #isHealthy: () => boolean;
  readonly #healths = new Map<string, Health>();
  readonly #servers = new Map<string, { readonly port: number; readonly server: Server }>();

  constructor(options: {
    readonly nodeName: string;
    readonly logger: Logger;
    readonly isHealthy: () => boolean;
  }) {
    this.#nodeName = options.nodeName;
    this.#logger = options.logger;
    this.#isHealthy = options.isHealthy;
  }

  /** Takes over what changed; resolves once the ports are open. */
  async update(states: ReadonlyMap<string, ServiceState>): Promise<void> {
    for (const [key, state] of states) {
      const health = toHealth(state, this.#nodeName);
      if (health === undefined) this.#healths.delete(key);
      else this.#healths.set(key, health);
      await this.#serve(key, health?.port);
    }
  }

  close(): void {
    for (const { server } of this.#servers.values()) shut(server);
    this.#servers.clear();
  }

  async #serve(key: string, port: number | undefined): Promise<void> {
    const open = this.#servers.get(key);
    if (open?.port === port) return;
    if (open !== undefined) shut(open.server);
    this.#servers.delete(key);
    if (port === undefined) return;
    const server = http.createServer((request, response) => {
      request.resume();
      this.#answer(key, response);
    });
    server.maxConnections = MAX_CONNECTIONS;
    server.requestTimeout = REQUEST_TIMEOUT_MS;
    this.#servers.set(key, { port, server });
    try {
      server.listen(port, "0.0.0.0");
      await once(server, "listening");
      server.on("error", () => undefined);
    } catch (error) {
      this.#servers.delete(key);
      this.#logger.error(
        { error, service: key },
        `Cannot answer health checks on port ${port}: another program of the node has it`,
      );
    }
  }

  #answer(key: string, response: ServerResponse): void {
    const health = this.#healths.get(key);
    if (health === undefined) {
      response.writeHead(404).end();
      return;
    }
    const { namespace, name, localEndpoints } = health;
    const serviceProxyHealthy = this.#isHealthy();
    const isUp = localEndpoints > 0 && serviceProxyHealthy;
    response.writeHead(isUp ? 200 : 503, {
      "content-type": "application/json",
      "x-content-type-options": "nosniff",
      "x-load-balancing-endpoint-weight": `${localEndpoints}`,
    });
    response.end(
      JSON.stringify({ service: { namespace, name }, localEndpoints, serviceProxyHealthy }),
    );
  }
}

function toHealth({ service, slices }: ServiceState, nodeName: string): Health | undefined {
  const { type, externalTrafficPolicy, healthCheckNodePort: port = 0 } = service?.spec ?? {};
  if (service === undefined || port === 0) return undefined;
  if (type !== "LoadBalancer" || externalTrafficPolicy !== "Local") return undefined;
  const { namespace = "", name } = service.metadata;
  return { namespace, name, port, localEndpoints: countLocalReady(slices, nodeName) };
}

function shut(server: Server): void {
  server.close();
  server.closeAllConnections();
}
