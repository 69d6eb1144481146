import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { freePort } from "../support/cluster.ts";
import { runCommand } from "../support/command.ts";
import { eventually } from "../support/eventually.ts";
import { openKubectl, type Kubectl } from "../support/kubectl.ts";
import { findAllKubectls, openStreamBed, type StreamBed } from "../support/stream-bed.ts";

const binaries = await findAllKubectls();
/** `tar` for `kubectl cp`, a terminal's `stty`, and a page on the loopback only. */
const SETUP =
  "for name in tar stty sha256sum; do /bin/busybox ln -s busybox /bin/$name; done; " +
  "httpd -p 127.0.0.1:8080 -h /www; exec cat";

let bed: StreamBed;
let folder: string;
const kubectls = new Map<string, Kubectl>();
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "berth-exec-"));
  bed = await openStreamBed();
  await bed.run({
    name: "web",
    containers: [{ command: ["sh", "-c", SETUP], stdin: true, tty: false }],
  });
  const kubeconfig = await bed.api.kubeconfig();
  await writeFile(join(folder, "kubeconfig"), kubeconfig);
  for (const binary of binaries) kubectls.set(binary.minor, await openKubectl(binary, kubeconfig));
});
afterAll(async () => {
  for (const kubectl of kubectls.values()) await kubectl[Symbol.asyncDispose]();
  await bed?.[Symbol.asyncDispose]();
  await rm(folder, { recursive: true, force: true });
});

describe.each(binaries)("kubectl $minor", ({ minor, path }) => {
  const kubectl = (): Kubectl => {
    const found = kubectls.get(minor);
    if (found === undefined) throw new Error(`there is no kubectl ${minor}`);
    return found;
  };
  /** A shell command on a terminal of its own; what it prints goes to a file, too, as it comes. */
  const onTerminal = (command: string, log: string): ReturnType<typeof runCommand> =>
    runCommand("script", ["-qefc", command, log], {
      env: { ...process.env, KUBECONFIG: join(folder, "kubeconfig"), SHELL: "/bin/sh" },
      timeoutMs: 20_000,
    });

  test("exec: both outputs apart, and the exit code", async () => {
    const answer = await kubectl().run(
      ..."exec -n shop web -- sh -c".split(" "),
      "echo out; echo err >&2; exit 7",
    );
    expect([answer.code, answer.stdout]).toEqual([7, "out\n"]);
    expect(answer.stderr).toBe("err\ncommand terminated with exit code 7\n");
  });

  test("exec -i: what is piped in comes out whole", async () => {
    const text = "0123456789abcdef\n".repeat(150_000);
    const answer = await kubectl().pipe(text, ..."exec -i -n shop web -- cat".split(" "));
    expect(answer.code).toBe(0);
    expect(answer.stdout === text).toBe(true);
  });

  test("exec of what is not there says so", async () => {
    const answer = await kubectl().run(..."exec -n shop web -- no-such-command".split(" "));
    expect(answer.code).not.toBe(0);
    expect(answer.output).toContain("executable file not found");
    expect((await kubectl().run(..."exec -n shop web -c other -- ls".split(" "))).output).toContain(
      "container other is not valid for pod web",
    );
  });

  test("exec -it: a terminal, with its size as it changes", async () => {
    // Each side waits for the other's word.
    const remote =
      'exec 2>/dev/null; until [ "$(stty size)" = "33 101" ]; do sleep 0.1; done; stty size; ' +
      'until [ "$(stty size)" = "40 120" ]; do sleep 0.1; done; stty size; exit 3';
    const seen = join(folder, `seen-${minor}`);
    const answer = await onTerminal(
      "stty rows 33 cols 101; " +
        `(until grep -q "33 101" ${seen}; do sleep 0.1; done; stty -F /dev/tty rows 40 cols 120) & ` +
        `${path} exec -it -n shop web -- sh -c '${remote}'`,
      seen,
    );
    expect(answer.output.replaceAll("\r", "")).toBe(
      "33 101\n40 120\ncommand terminated with exit code 3\n",
    );
    expect(answer.code).toBe(3);
  });

  test("attach: what the process reads and writes", async () => {
    const [input, seen] = [join(folder, `in-${minor}`), join(folder, `attached-${minor}`)];
    const script =
      `mkfifo ${input}; ${path} attach -i -n shop web < ${input} > ${seen} & client=$!; exec 3> ${input}; ` +
      `echo hello ${minor} >&3; until grep -q hello ${seen}; do sleep 0.1; done; kill $client; cat ${seen}`;
    const answer = await runCommand("sh", ["-c", script], {
      env: { ...process.env, KUBECONFIG: join(folder, "kubeconfig") },
      timeoutMs: 20_000,
    });
    expect(answer.stdout).toContain(`hello ${minor}\n`);
  });

  test("port-forward: a server on the pod's loopback, many connections at once", async () => {
    const port = await freePort();
    await using forward = kubectl().follow(
      ..."port-forward -n shop pod/web".split(" "),
      `${port}:8080`,
    );
    await forward.until(/Forwarding from 127\.0\.0\.1/);
    const pages = await Promise.all(
      Array.from({ length: 20 }, async () => {
        const answer = await fetch(`http://127.0.0.1:${port}/`, {
          headers: { Connection: "close" },
        });
        return answer.text();
      }),
    );
    expect(new Set(pages)).toEqual(new Set(["hello from a pod\n"]));
  });

  test("port-forward: a port where nobody listens", async () => {
    const port = await freePort();
    await using forward = kubectl().follow(
      ..."port-forward -n shop pod/web".split(" "),
      `${port}:9`,
    );
    await forward.until(/Forwarding from 127\.0\.0\.1/);
    connect(port, "127.0.0.1").on("error", () => undefined);
    expect(await forward.until(/error forwarding port 9/)).toMatch(/connection refused/);
  });

  test("cp: there and back", async () => {
    const from = join(folder, `there-${minor}`);
    const back = join(folder, `back-${minor}`);
    const content = Buffer.alloc(3_000_000, `${minor} `);
    await writeFile(from, content);
    await kubectl().text("cp", from, `shop/web:/tmp/copy-${minor}`);
    await kubectl().text("cp", `shop/web:/tmp/copy-${minor}`, back);
    expect((await readFile(back)).equals(content)).toBe(true);
  });

  test("logs -f goes on", async () => {
    await using logs = kubectl().follow(..."logs -f -n shop web".split(" "));
    await kubectl().run(
      ..."exec -n shop web -- sh -c".split(" "),
      `echo mark ${minor} > /proc/1/fd/1`,
    );
    await logs.until(new RegExp(`mark ${minor}`));
  });
});

test("a client that goes away leaves no process behind", async () => {
  const minor = binaries.at(-1)?.minor ?? "";
  const list = async (): Promise<string> =>
    (await kubectls.get(minor)?.text(..."exec -n shop web -- ps".split(" "))) ?? "";
  {
    await using left = kubectls
      .get(minor)
      ?.follow(..."exec -n shop web -- sh -c".split(" "), "echo go; sleep 4711");
    await left?.until(/go/);
    expect(await list()).toContain("sleep 4711");
  }
  await eventually("the processes have ended", async () => !(await list()).includes("sleep 4711"));
});

test("port-forward to a pod on the host's network", async () => {
  const served = await freePort();
  const script = `exec httpd -f -p 127.0.0.1:${served} -h /www`;
  await bed.run({
    name: "host",
    hostNetwork: true,
    containers: [{ command: ["sh", "-c", script] }],
  });
  const port = await freePort();
  await using forward = kubectls
    .get(binaries.at(-1)?.minor ?? "")
    ?.follow(..."port-forward -n shop pod/host".split(" "), `${port}:${served}`);
  await forward?.until(/Forwarding from 127\.0\.0\.1/);
  expect(await (await fetch(`http://127.0.0.1:${port}/`)).text()).toBe("hello from a pod\n");
});
