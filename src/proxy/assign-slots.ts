/**
 * Puts `wanted` into slots 0 … n-1 so that as few slots as can be differ from `previous`: what stays keeps its slot,
 * newcomers fill the holes in their order, and what lies behind the new end moves into the holes that are left. Pure.
 */
export function assignSlots<T extends object>(
  previous: readonly T[],
  wanted: readonly T[],
  key: (item: T) => string,
): readonly T[] {
  const waiting = new Map(wanted.map((item) => [key(item), item]));
  const slots: (T | undefined)[] = Array.from({ length: waiting.size }, () => undefined);
  for (const [slot, item] of previous.entries()) {
    const stays = waiting.get(key(item));
    if (stays === undefined || slot >= slots.length) continue;
    slots[slot] = stays;
    waiting.delete(key(item));
  }
  const rest = waiting.values();
  return slots.flatMap((item) => item ?? rest.next().value ?? []);
}
