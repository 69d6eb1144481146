import { createSocket } from "node:dgram";
import { Resolver } from "node:dns/promises";
import { once } from "node:events";
import { connect, createServer } from "node:net";
import type { PeerCall, PeerReply, PeerRequest, PeerResolve } from "./netns.ts";

/** Runs inside a network namespace: serves and calls as the test says, by messages of its parent. */
const CALL_TIMEOUT_MS = 2000;
const kept = new Map<number, ReturnType<typeof connect>>();

process.on("message", (request: PeerRequest) => {
  void answer(request).then((reply) => process.send?.({ ...reply, id: request.id }));
});
process.on("disconnect", () => process.exit(0));

async function answer(request: PeerRequest): Promise<PeerReply> {
  const startedAt = performance.now();
  try {
    const text = await carryOut(request);
    return { id: request.id, text, ms: performance.now() - startedAt };
  } catch (error) {
    const code = error instanceof Error && "code" in error ? String(error.code) : String(error);
    return { id: request.id, text: code, ms: performance.now() - startedAt };
  }
}

function carryOut(request: PeerRequest): Promise<string> {
  if (request.do === "serve") return serve(request.name, request.host, request.port);
  if (request.do === "keep") return keep(request);
  if (request.do === "use-kept") return useKept(request.connection);
  if (request.do === "resolve") return resolve(request);
  return request.protocol === "tcp" ? callTcp(request) : callUdp(request);
}

/** Answers `name address-of-the-client`, by TCP for each line and by UDP for each datagram. */
async function serve(name: string, host: string, port: number): Promise<string> {
  const tcp = createServer((socket) => {
    socket.on("error", () => undefined);
    socket.on("data", () => socket.write(`${name} ${socket.remoteAddress ?? ""}\n`));
  });
  tcp.listen({ port, host });
  const udp = createSocket("udp4");
  udp.on("message", (_message, from) =>
    udp.send(`${name} ${from.address}\n`, from.port, from.address),
  );
  udp.bind(port, host);
  await Promise.all([once(tcp, "listening"), once(udp, "listening")]);
  return "serving";
}

/** Asks a DNS server as a program would; by UDP, and by TCP when the answer was cut. */
async function resolve({ server, name, type }: PeerResolve): Promise<string> {
  const resolver = new Resolver({ timeout: CALL_TIMEOUT_MS, tries: 1 });
  resolver.setServers([server]);
  const answers: unknown[] = await (type === "A"
    ? resolver.resolve4(name)
    : resolver.resolveSrv(name));
  return answers
    .map((answer) => JSON.stringify(answer).replaceAll('"', ""))
    .toSorted()
    .join(" ");
}

async function callTcp({ address, port }: PeerCall): Promise<string> {
  const signal = AbortSignal.timeout(CALL_TIMEOUT_MS);
  const socket = connect({ host: address, port, signal });
  try {
    socket.write("hello\n");
    const [data] = (await once(socket, "data", { signal })) as [Buffer];
    return data.toString().trim();
  } finally {
    socket.destroy();
  }
}

async function callUdp({ address, port, localPort }: PeerCall): Promise<string> {
  const signal = AbortSignal.timeout(CALL_TIMEOUT_MS);
  const socket = createSocket("udp4");
  try {
    if (localPort !== undefined) {
      socket.bind(localPort);
      await once(socket, "listening");
    }
    const connected = once(socket, "connect", { signal });
    socket.connect(port, address);
    await connected;
    const answered = once(socket, "message", { signal });
    socket.send("hello\n", (error) => {
      if (error !== null && error !== undefined) socket.emit("error", error);
    });
    const [data] = (await answered) as [Buffer];
    return data.toString().trim();
  } finally {
    socket.close();
  }
}

async function keep({
  address,
  port,
  connection,
}: PeerCall & { connection: number }): Promise<string> {
  const socket = connect({ host: address, port });
  kept.set(connection, socket);
  socket.on("error", () => undefined);
  return useKept(connection);
}

async function useKept(connection: number): Promise<string> {
  const socket = kept.get(connection);
  if (socket === undefined || socket.destroyed) return "CLOSED";
  const signal = AbortSignal.timeout(CALL_TIMEOUT_MS);
  const answered = once(socket, "data", { signal });
  socket.write("hello\n");
  const [data] = (await answered) as [Buffer];
  return data.toString().trim();
}
