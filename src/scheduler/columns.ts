/** A copy with room for at least `size` numbers, at least doubled; what is new holds `fill`. Pure. */
export function grown<T extends Float64Array | Int32Array | Uint8Array>(
  numbers: T,
  size: number,
  fill = 0,
): T {
  const Made = numbers.constructor as new (length: number) => T;
  const larger = new Made(Math.max(size, numbers.length * 2));
  larger.set(numbers);
  if (fill !== 0) larger.fill(fill, numbers.length);
  return larger;
}

/** Adds to one number of a column; 0 where there is none yet. */
export function addTo(numbers: Float64Array | Int32Array, index: number, amount: number): void {
  numbers[index] = (numbers[index] ?? 0) + amount;
}
