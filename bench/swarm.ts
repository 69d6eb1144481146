import { Agent, request } from "node:http";
import { runCommand } from "../test/support/command.ts";
import { OwnEngine } from "../test/support/own-engine.ts";
import { imageArchiveFile } from "../test/support/test-hosts-images.ts";

/** How often the peer is asked whether all run. */
const LOOK_EVERY_MS = 20;
const LIMIT_MS = 300_000;

interface Task {
  readonly Status: { readonly State: string };
}

/** Docker Swarm on an Engine of its own, with a network of its own. */
export interface Swarm extends AsyncDisposable {
  /** From the service's creation to all its replicas running, in ms. */
  timeService(replicas: number): Promise<number>;
}

export async function startSwarm(image: string, command: readonly string[]): Promise<Swarm> {
  const engine = await OwnEngine.start();
  const docker = async (...args: readonly string[]): Promise<string> => {
    const env = {
      ...process.env,
      DOCKER_HOST: `unix://${engine.socketPath}`,
      DOCKER_API_VERSION: "1.41",
    };
    const { code, output } = await runCommand("docker", args, { env, timeoutMs: LIMIT_MS });
    if (code !== 0) throw new Error(`"docker ${args.join(" ")}" ended with ${code}: ${output}`);
    return output.trim();
  };
  const agent = new Agent({ keepAlive: true });
  const get = <T>(path: string): Promise<T> => getJson(engine.socketPath, agent, path);
  try {
    await docker("load", "--input", await imageArchiveFile(image));
    await docker("swarm", "init", "--advertise-addr", "127.0.0.1");
  } catch (error) {
    await engine[Symbol.asyncDispose]();
    throw error;
  }
  return {
    async timeService(replicas) {
      const name = `bench-${replicas}`;
      const filters = encodeURIComponent(JSON.stringify({ service: [name] }));
      const startedAt = performance.now();
      const options = ["--detach", "--no-resolve-image", "--limit-memory", "32m"];
      const count = ["--replicas", String(replicas), "--name", name];
      await docker("service", "create", ...options, ...count, image, ...command);
      await until(`${replicas} replicas run`, async () => {
        const tasks = await get<readonly Task[]>(`/v1.41/tasks?filters=${filters}`);
        return tasks.filter(({ Status }) => Status.State === "running").length === replicas;
      });
      const ms = performance.now() - startedAt;
      await docker("service", "rm", name);
      await until("no container is left", async () => {
        return (await get<readonly unknown[]>("/v1.41/containers/json?all=1")).length === 0;
      });
      return ms;
    },
    async [Symbol.asyncDispose]() {
      agent.destroy();
      await docker("swarm", "leave", "--force").catch(() => undefined);
      await engine[Symbol.asyncDispose]();
    },
  };
}

async function until(what: string, look: () => Promise<boolean>): Promise<void> {
  const limit = performance.now() + LIMIT_MS;
  while (!(await look())) {
    if (performance.now() > limit) throw new Error(`Waited in vain until ${what}`);
    await new Promise((resolve) => setTimeout(resolve, LOOK_EVERY_MS));
  }
}

function getJson<T>(socketPath: string, agent: Agent, path: string): Promise<T> {
  return new Promise((resolve, reject) => {
    const call = request({ socketPath, path, agent }, (answer) => {
      let text = "";
      answer.setEncoding("utf8");
      answer.on("data", (chunk: string) => {
        text += chunk;
      });
      answer.on("error", reject);
      answer.on("end", () => {
        if (answer.statusCode === 200) resolve(JSON.parse(text) as T);
        else reject(new Error(`GET ${path}: ${answer.statusCode ?? 0} ${text}`));
      });
    });
    call.on("error", reject);
    call.end();
  });
}
