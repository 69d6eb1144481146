import { expect, test } from "vitest";
import { CommandShell } from "../../src/agent/command-shell.ts";

const signal = AbortSignal.timeout(20_000);

test("gives exit code and output of each script, in their order", async () => {
  const shell = new CommandShell();
  const results = await Promise.all([
    shell.run("echo one; echo two >&2", signal),
    shell.run("cat <<'X'\nthree $HOME\nX", signal),
    shell.run("false", signal),
    shell.run("cat", signal),
  ]);
  expect(results).toEqual([
    { exitCode: 0, output: "one\ntwo\n" },
    { exitCode: 0, output: "three $HOME\n" },
    { exitCode: 1, output: "" },
    { exitCode: 0, output: "" },
  ]);
});

test("a shell that dies takes only its script with it", async () => {
  const shell = new CommandShell();
  const dead = shell.run("kill -9 $$", signal);
  const next = shell.run("echo alive", signal);
  await expect(dead).rejects.toThrow("its shell died");
  expect(await next).toEqual({ exitCode: 0, output: "alive\n" });
});

test("a script that waits is dropped when its signal aborts", async () => {
  const shell = new CommandShell();
  const stop = new AbortController();
  const first = shell.run("echo first", signal);
  const second = shell.run("echo second", stop.signal);
  stop.abort(new Error("no more"));
  await expect(second).rejects.toThrow("no more");
  expect((await first).output).toBe("first\n");
  expect(shell.load).toBe(0);
});
