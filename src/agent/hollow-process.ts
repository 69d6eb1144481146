import type { ProcessStream } from "./runtime.ts";

const NOT_FOUND = 127;

/** What simulated commands there are, and how they end. */
const EXIT_CODES: Readonly<Record<string, number>> = {
  true: 0,
  false: 1,
  echo: 0,
  cat: 0,
  sleep: 0,
};

/** How a command ends by itself, and what it writes; no `exitCode` when it goes on. Pure. */
export function hollowCommand(command: readonly string[]): {
  readonly output: string;
  readonly exitCode?: number;
} {
  const [word = "", ...args] = command;
  if (word === "echo") return { output: `${args.join(" ")}\n`, exitCode: 0 };
  if (word === "true" || word === "false") return { output: "", exitCode: EXIT_CODES[word] ?? 0 };
  return { output: "" };
}

/** A simulated command with its streams: `echo`, `cat`, `sleep`, `true` and `false`; others are not found. */
export function hollowProcess(command: readonly string[]): ProcessStream {
  const [word = ""] = command;
  const input: Uint8Array[] = [];
  const exitCode = EXIT_CODES[word] ?? NOT_FOUND;
  let isFed = true;
  let isOver = false;
  let changed = Promise.withResolvers<void>();
  const change = (): void => {
    changed.resolve();
    changed = Promise.withResolvers();
  };
  async function* output(): AsyncGenerator<{
    readonly stderr: boolean;
    readonly bytes: Uint8Array;
  }> {
    const { output: text } = hollowCommand(command);
    if (text !== "") yield { stderr: false, bytes: new TextEncoder().encode(text) };
    if (word !== "sleep" && word !== "cat") return;
    for (;;) {
      if (isOver) return;
      const chunk = word === "cat" ? input.shift() : undefined;
      if (chunk !== undefined) yield { stderr: false, bytes: chunk };
      else if (word === "cat" && !isFed) return;
      else await changed.promise;
    }
  }
  return {
    output: output(),
    write: (chunk) => {
      input.push(chunk);
      change();
      return Promise.resolve();
    },
    endInput: () => {
      isFed = false;
      change();
    },
    resize: () => Promise.resolve(),
    exitCode: () => Promise.resolve(exitCode),
    hangUp: () => {
      isOver = true;
      change();
      return Promise.resolve();
    },
  };
}
