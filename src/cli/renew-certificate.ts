import { X509Certificate } from "node:crypto";
import { join } from "node:path";
import { backoffMs, type BackoffPolicy } from "../base/backoff.ts";
import type { Clock, Millis } from "../base/clock.ts";
import type { Logger } from "../base/logger.ts";
import { createApiClient } from "../client/http-client.ts";
import type { ApiCredentials } from "../client/transport.ts";
import type { JoinAnswer } from "../model/join-token.ts";
import { BERTH_PATHS } from "../model/node-endpoints.ts";
import { JOIN_FILES } from "./join-dir.ts";

export interface RenewalOptions {
  /** The folder of the join: where what is new is kept. */
  readonly dir: string;
  /** What the node uses now. */
  readonly credentials: () => ApiCredentials;
  /** Told what to use from now on. */
  readonly use: (credentials: ApiCredentials) => void;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly signal: AbortSignal;
  /** From 0 up to 1: spreads the renewals of many nodes. `Math.random` unless told. */
  readonly random?: () => number;
}

/** Renewed within this part of its life, at a time that is each node's own. */
const EARLIEST = 0.5;
const LATEST = 0.8;
const RETRY: BackoffPolicy = { baseMs: 10_000, maxMs: 600_000 };
/** Timers take no more. */
const MAX_SLEEP_MS: Millis = 86_400_000;

/**
 * Keeps the node's certificate fresh while it runs, until `signal` aborts. One that has ended meanwhile, since the machine
 * was off, is renewed too, as long as the cluster lets it.
 */
export async function renewCertificate(options: RenewalOptions): Promise<void> {
  const { credentials, clock, logger, signal, random = Math.random } = options;
  for (let failures = 0; !signal.aborted;) {
    const due = failures === 0 ? renewalTime(credentials().cert, random()) : clock.now();
    await sleepUntil(due, clock, signal);
    if (signal.aborted) return;
    try {
      const fresh = await renew(options);
      options.use(fresh);
      failures = 0;
      logger.info(
        { until: new X509Certificate(fresh.cert).validTo },
        "Renewed the node's certificate",
      );
    } catch (error) {
      if (signal.aborted) return;
      failures += 1;
      const { validTo } = new X509Certificate(credentials().cert);
      logger.warn(
        { error, failures, until: validTo },
        "Cannot renew the node's certificate: trying again",
      );
      await clock.sleep(backoffMs(RETRY, failures), signal).catch(() => undefined);
    }
  }
}

/** When a certificate is to be renewed, in ms since the epoch; `share` is from 0 up to 1. Pure. */
export function renewalTime(cert: string, share: number): Millis {
  const { validFrom, validTo } = new X509Certificate(cert);
  const [from, to] = [Date.parse(validFrom), Date.parse(validTo)];
  return from + (to - from) * (EARLIEST + (LATEST - EARLIEST) * share);
}

async function renew({ dir, credentials, signal }: RenewalOptions): Promise<ApiCredentials> {
  // Loaded when it is needed, every few days: its libraries would take a tenth of the node's memory.
  const { createRequest, writePrivateFile } = await import("../api/pki.ts");
  const current = credentials();
  const { csr, key } = await createRequest("renewal");
  const client = createApiClient(current);
  try {
    const { cert } = await client.request<JoinAnswer>("POST", BERTH_PATHS.renew, { csr }, signal);
    // The key first: a certificate without its key is worse than an old pair, which is taken as one by its certificate.
    await writePrivateFile(join(dir, JOIN_FILES.nextKey), key);
    await writePrivateFile(join(dir, JOIN_FILES.cert), cert);
    await writePrivateFile(join(dir, JOIN_FILES.key), key);
    return { ...current, cert, key };
  } finally {
    client.close();
  }
}

async function sleepUntil(at: Millis, clock: Clock, signal: AbortSignal): Promise<void> {
  for (let left = at - clock.now(); left > 0 && !signal.aborted; left = at - clock.now()) {
    await clock.sleep(Math.min(left, MAX_SLEEP_MS), signal).catch(() => undefined);
  }
}
