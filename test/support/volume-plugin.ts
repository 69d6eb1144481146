import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { createServer, type IncomingMessage, type Server } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";

const SOCKETS = "/run/docker/plugins";

interface Asked {
  readonly Name?: string;
  readonly Opts?: Readonly<Record<string, string>> | null;
}

/**
 * A volume plugin of the Docker Engine, for one test: volumes are folders, and each call is kept. Its name is its own, and
 * its socket goes with it.
 */
export class VolumePlugin implements AsyncDisposable {
  readonly driver: string;
  /** `Mount disk`, in the order of their coming. */
  readonly calls: string[] = [];
  readonly options: Map<string, Readonly<Record<string, string>>> = new Map();
  readonly #root: string;
  readonly #socket: string;
  readonly #server: Server;

  private constructor(driver: string, root: string) {
    this.driver = driver;
    this.#root = root;
    this.#socket = join(SOCKETS, `${driver}.sock`);
    this.#server = createServer((request, response) => {
      void this.#answer(request).then((body) => response.end(JSON.stringify(body)));
    });
  }

  static async open(driver: string): Promise<VolumePlugin> {
    await mkdir(SOCKETS, { recursive: true });
    const plugin = new VolumePlugin(driver, await mkdtemp(join(tmpdir(), "berth-plugin-")));
    await new Promise<void>((resolve) => plugin.#server.listen(plugin.#socket, resolve));
    return plugin;
  }

  folderOf(volume: string): string {
    return join(this.#root, volume);
  }

  async #answer(request: IncomingMessage): Promise<object> {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const { Name: name = "", Opts: options } = JSON.parse(
      Buffer.concat(chunks).toString() || "{}",
    ) as Asked;
    const call = (request.url ?? "").replace(/^\/(?:VolumeDriver\.)?/, "");
    if (["Create", "Mount", "Unmount", "Remove"].includes(call)) this.calls.push(`${call} ${name}`);
    switch (call) {
      case "Plugin.Activate":
        return { Implements: ["VolumeDriver"] };
      case "Capabilities":
        return { Capabilities: { Scope: "local" } };
      case "Create":
        this.options.set(name, options ?? {});
        await mkdir(this.folderOf(name), { recursive: true });
        return { Err: "" };
      case "Remove":
        this.options.delete(name);
        await rm(this.folderOf(name), { recursive: true, force: true });
        return { Err: "" };
      case "List":
        return { Volumes: [...this.options.keys()].map((one) => this.#describe(one)), Err: "" };
      case "Get":
        return this.options.has(name)
          ? { Volume: this.#describe(name), Err: "" }
          : { Err: `no volume "${name}"` };
      case "Path":
      case "Mount":
        return { Mountpoint: this.folderOf(name), Err: "" };
      default:
        return { Err: "" };
    }
  }

  #describe(name: string): object {
    return { Name: name, Mountpoint: this.folderOf(name), Status: {} };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
    await rm(this.#socket, { force: true });
    await rm(this.#root, { recursive: true, force: true });
  }
}
