import { spawn } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** A bare repository that is filled through `git fast-import`: ten thousand files in a second. */
export class SyncRepo implements AsyncDisposable {
  readonly dir: string;
  readonly path: string;
  #commits = 0;

  private constructor(dir: string) {
    this.dir = dir;
    this.path = join(dir, "repo.git");
  }

  static async make(): Promise<SyncRepo> {
    const repo = new SyncRepo(await mkdtemp(join(tmpdir(), "berth-bench-sync-")));
    await repo.git(["init", "-q", "--bare", "-b", "main", repo.path]);
    return repo;
  }

  /** One commit on `main` with these files in place of their older ones. Gives its id. */
  async commit(
    files: ReadonlyMap<string, string | Uint8Array>,
    message = "change",
  ): Promise<string> {
    this.#commits += 1;
    const parts: Uint8Array[] = [];
    const text = (line: string): void => void parts.push(Buffer.from(line));
    const data = (content: string | Uint8Array): void => {
      const bytes = Buffer.from(content);
      text(`data ${bytes.length}\n`);
      parts.push(bytes);
      text("\n");
    };
    text(
      `commit refs/heads/main\ncommitter Ada <ada@example.org> ${1_700_000_000 + this.#commits} +0000\n`,
    );
    data(message);
    if (this.#commits > 1) text("from refs/heads/main^0\n");
    for (const [path, content] of files) {
      text(`M 100644 inline ${path}\n`);
      data(content);
    }
    await this.git(["-C", this.path, "fast-import", "--quiet", "--force"], Buffer.concat(parts));
    return (await this.git(["-C", this.path, "rev-parse", "main"])).trim();
  }

  async git(args: readonly string[], input: Uint8Array = new Uint8Array()): Promise<string> {
    const child = spawn("git", args, {
      stdio: ["pipe", "pipe", "inherit"],
      env: {
        PATH: process.env["PATH"] ?? "",
        GIT_CONFIG_NOSYSTEM: "1",
        GIT_CONFIG_GLOBAL: "/dev/null",
      },
    });
    const closed = new Promise<number>((resolve) =>
      child.once("close", (code) => resolve(code ?? 1)),
    );
    child.stdin.on("error", () => undefined); // Its exit tells why.
    child.stdin.end(input);
    const chunks: Buffer[] = [];
    for await (const chunk of child.stdout as AsyncIterable<Buffer>) chunks.push(chunk);
    const code = await closed;
    if (code !== 0) throw new Error(`git ${args.join(" ")} ended with ${code}`);
    return Buffer.concat(chunks).toString();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await rm(this.dir, { recursive: true, force: true });
  }
}
