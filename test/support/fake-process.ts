import type { ProcessStream } from "../../src/agent/runtime.ts";

const NOT_FOUND = 127;

/** What a command does in a container of the fake host: `echo`, `cat`, `false`, `sleep`, and `stderr` (an echo to there). */
export function fakeProcess(command: readonly string[], onEnd: () => void): ProcessStream {
  const [word, ...args] = command;
  const input: Uint8Array[] = [];
  let inputEnded = false;
  let ended = false;
  let wake = Promise.withResolvers<void>();
  const poke = (): void => {
    wake.resolve();
    wake = Promise.withResolvers();
  };
  const finish = (): void => {
    if (!ended) onEnd();
    ended = true;
    poke();
  };
  async function* run(): AsyncGenerator<{ stderr: boolean; bytes: Uint8Array }> {
    const text = Buffer.from(`${args.join(" ")}\n`);
    if (word === "echo" || word === "stderr") yield { stderr: word === "stderr", bytes: text };
    const isOver = (): boolean => ended;
    while (!isOver() && ["cat", "sleep"].includes(word ?? "")) {
      const chunk = word === "cat" ? input.shift() : undefined;
      if (chunk !== undefined) yield { stderr: false, bytes: chunk };
      else if (word === "cat" && inputEnded) break;
      else await wake.promise;
    }
    finish();
  }
  const codes: Readonly<Record<string, number>> = {
    echo: 0,
    stderr: 0,
    cat: 0,
    sleep: 0,
    false: 1,
  };
  return {
    output: run(),
    write: (chunk) => {
      input.push(chunk);
      poke();
      return Promise.resolve();
    },
    endInput: () => {
      inputEnded = true;
      poke();
    },
    resize: () => Promise.resolve(),
    exitCode: () => Promise.resolve(codes[word ?? ""] ?? NOT_FOUND),
    hangUp: () => {
      finish();
      return Promise.resolve();
    },
  };
}
