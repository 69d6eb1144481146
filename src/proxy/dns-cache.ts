import type { Clock, Millis } from "../base/clock.ts";
import { findTtls, isTruncated } from "./dns-wire.ts";
import type { Ttls } from "./dns-wire.ts";

/** Answers are kept no longer than this, whatever their TTL. */
const MAX_AGE_MS = 30_000;

/** How long an answer may serve while its upstream is away, and what clients are told to keep it for. */
const MAX_STALE_MS = 3_600_000;
const STALE_TTL_SECONDS = 30;

/** The oldest entries make room. */
const MAX_ENTRIES = 2000;

const RCODE = 0x0f;
const NOERROR = 0;
const NXDOMAIN = 3;

interface Entry {
  readonly response: Buffer;
  readonly storedAt: Millis;
  readonly validMs: Millis;
  readonly ttls: Ttls;
}

/** Answers of upstream servers, kept for a short while, byte by byte. */
export class DnsCache {
  readonly #clock: Clock;
  readonly #entries = new Map<string, Entry>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** The answer with its TTLs counted down; its id is that of the query that it was stored for. */
  get(key: string): Buffer | undefined {
    const entry = this.#entries.get(key);
    if (entry === undefined) return undefined;
    const age = this.#clock.monotonic() - entry.storedAt;
    if (age >= entry.validMs) return undefined;
    const response = Buffer.from(entry.response);
    const seconds = Math.floor(age / 1000);
    for (const offset of entry.ttls.offsets) {
      response.writeUInt32BE(Math.max(0, response.readUInt32BE(offset) - seconds), offset);
    }
    return response;
  }

  /** An answer that is over, for when nobody gives a newer one (RFC 8767). */
  getStale(key: string): Buffer | undefined {
    const entry = this.#entries.get(key);
    if (entry === undefined) return undefined;
    if (this.#clock.monotonic() - entry.storedAt >= MAX_STALE_MS) {
      this.#entries.delete(key);
      return undefined;
    }
    const response = Buffer.from(entry.response);
    for (const offset of entry.ttls.offsets) response.writeUInt32BE(STALE_TTL_SECONDS, offset);
    return response;
  }

  /** Keeps an answer if it may be kept: complete, and either a success or a certain "no". */
  put(key: string, response: Buffer): void {
    const rcode = (response[3] ?? 0) & RCODE;
    if (isTruncated(response)) return;
    if (rcode !== NOERROR && rcode !== NXDOMAIN) return;
    const ttls = findTtls(response);
    if (ttls === undefined || ttls.least === 0) return;
    if (this.#entries.size >= MAX_ENTRIES) {
      const [oldest] = this.#entries.keys();
      if (oldest !== undefined) this.#entries.delete(oldest);
    }
    const validMs = Math.min(ttls.least * 1000, MAX_AGE_MS);
    this.#entries.delete(key);
    this.#entries.set(key, { response, storedAt: this.#clock.monotonic(), validMs, ttls });
  }
}
