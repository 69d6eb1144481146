/** Ends a script with one message for people: what, why and the cure. */
export class Stop extends Error {
  name = "Stop";
}

/** Runs one named step and prints how long it took. */
export async function step(title, action) {
  const startedAt = performance.now();
  process.stdout.write(`- ${title} ... `);
  try {
    const result = await action();
    process.stdout.write(`${seconds(startedAt)}\n`);
    return result;
  } catch (error) {
    process.stdout.write(`failed after ${seconds(startedAt)}\n`);
    throw error;
  }
}

/** Runs a script's main function: a failure is printed as one message, never as a stack trace. */
export async function main(action) {
  try {
    process.exitCode = (await action()) ?? 0;
  } catch (error) {
    const text = error instanceof Stop ? error.message : unexpected(error);
    process.stderr.write(`\n${text}\n`);
    process.exitCode = 1;
  }
}

export function seconds(startedAt) {
  return `${((performance.now() - startedAt) / 1000).toFixed(1)} s`;
}

function unexpected(error) {
  if (process.env.BERTH_DEBUG) return String(error?.stack ?? error);
  return `${error?.message ?? error}\nThis is unexpected; BERTH_DEBUG=1 shows where it happened.`;
}
