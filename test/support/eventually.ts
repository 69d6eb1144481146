import { setTimeout as sleep } from "node:timers/promises";

const LOOK_EVERY_MS = 100;

/**
 * Resolves with what `look` gives once that is neither `undefined` nor `false`. What `look` throws counts as "not yet"
 * and is told when the deadline passes, with the sentence that says what was waited for.
 */
export async function eventually<T>(
  what: string,
  look: () => Promise<T | undefined | false> | T | undefined | false,
  timeoutMs = 60_000,
): Promise<T> {
  const startedAt = performance.now();
  let last: unknown;
  for (;;) {
    try {
      const value = await look();
      if (value !== undefined && value !== false) return value;
      last = value;
    } catch (error) {
      last = error instanceof Error ? error.message : error;
    }
    if (performance.now() - startedAt > timeoutMs)
      throw new Error(
        `Waited ${timeoutMs / 1000} s in vain until ${what}; at last: ${String(last)}`,
      );
    await sleep(LOOK_EVERY_MS);
  }
}

/** Resolves when `isSo` has held at every look for `ms`; throws at the first look at which it does not. */
export async function holdsFor(
  what: string,
  ms: number,
  isSo: () => Promise<boolean>,
): Promise<void> {
  const startedAt = performance.now();
  while (performance.now() - startedAt < ms) {
    if (!(await isSo())) throw new Error(`It did not hold for ${ms / 1000} s that ${what}`);
    await sleep(LOOK_EVERY_MS);
  }
}
