import { createServer, type Http2Server, type ServerHttp2Stream } from "node:http2";
import {
  createServer as createTcpServer,
  type AddressInfo,
  type Server,
  type Socket,
} from "node:net";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { decodeHealthResponse, encodeHealthRequest } from "../../src/agent/probe-grpc-codec.ts";
import { runProbe } from "../../src/agent/probe.ts";
import { Semaphore } from "../../src/agent/semaphore.ts";
import { FakeRuntime } from "../support/fake-runtime.ts";
import { ManualClock, settle } from "../support/manual-clock.ts";
import { container } from "./pod-builder.ts";

/** A framed message. */
function framed(...message: readonly number[]): Buffer {
  const head = Buffer.alloc(5);
  head.writeUInt32BE(message.length, 1);
  return Buffer.concat([head, Buffer.from(message)]);
}

describe("encodeHealthRequest()", () => {
  test.for([
    ["", "0000000000"],
    ["shop", "00000000060a0473686f70"],
    ["ü", "00000000040a02c3bc"],
  ] as const)("%o", ([service, hex]) => {
    expect(encodeHealthRequest(service).toString("hex")).toBe(hex);
  });

  test("a length of more than 127 takes two bytes", () => {
    const bytes = encodeHealthRequest("x".repeat(300));
    expect(bytes.subarray(0, 8).toString("hex")).toBe("000000012f0aac02");
    expect(bytes).toHaveLength(5 + 3 + 300);
  });
});

describe("decodeHealthResponse()", () => {
  test.for([
    ["nothing is UNKNOWN", framed(), "UNKNOWN"],
    ["SERVING", framed(0x08, 1), "SERVING"],
    ["NOT_SERVING", framed(0x08, 2), "NOT_SERVING"],
    ["SERVICE_UNKNOWN", framed(0x08, 3), "SERVICE_UNKNOWN"],
    ["a number without a name", framed(0x08, 0x80, 0x01), 128],
    ["the last one counts", framed(0x08, 2, 0x08, 1), "SERVING"],
    [
      "fields of other kinds are stepped over",
      framed(0x12, 2, 8, 2, 0x19, 1, 2, 3, 4, 5, 6, 7, 8, 0x25, 1, 2, 3, 4, 0x30, 9, 0x08, 1),
      "SERVING",
    ],
  ] as const)("%s", ([, bytes, status]) => {
    expect(decodeHealthResponse(bytes)).toBe(status);
  });

  test.for([
    ["no frame", Buffer.alloc(4), "holds no message"],
    ["compressed", Buffer.from([1, 0, 0, 0, 0]), "compressed"],
    ["cut off", framed(0x08, 1).subarray(0, 6), "cut off"],
    ["an endless number", framed(0x08, ...Array.from({ length: 12 }, () => 0xff)), "not a Health"],
    ["a field that is longer than the message", framed(0x12, 100, 1), "not a Health"],
    ["an unknown wire type", framed(0x0b), "not a Health"],
  ] as const)("refuses %s", ([, bytes, message]) => {
    expect(() => decodeHealthResponse(bytes)).toThrow(message);
  });

  test("any bytes give a status or an error, and it ends", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), (bytes) => {
        let outcome: unknown;
        try {
          outcome = decodeHealthResponse(framed(...bytes));
        } catch (error) {
          outcome = error instanceof Error ? error.message : error;
        }
        expect(["string", "number"]).toContain(typeof outcome);
      }),
      { numRuns: 300 },
    );
  });
});

type Answer = (stream: ServerHttp2Stream, service: Buffer) => void;

/** What a health server on the loop-back answers, as the probe tells it. */
async function ask(answer: Answer, service = ""): Promise<string> {
  const server = createServer();
  server.on("stream", (stream, headers) => {
    const chunks: Buffer[] = [];
    stream.on("error", () => undefined);
    stream.on("data", (chunk: Buffer) => chunks.push(chunk));
    stream.on("end", () => {
      expect(headers[":path"]).toBe("/grpc.health.v1.Health/Check");
      expect(headers["content-type"]).toBe("application/grpc");
      expect(headers["te"]).toBe("trailers");
      answer(stream, Buffer.concat(chunks));
    });
  });
  return await probeServer(server, { service });
}

async function probeServer(
  server: Http2Server | Server,
  { service = "", clock = new ManualClock(), whileAsking = async (): Promise<void> => {} } = {},
): Promise<string> {
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  const left: Promise<void>[] = [];
  server.on("connection", (socket: Socket) => {
    left.push(new Promise((resolve) => socket.once("close", () => resolve())));
  });
  try {
    const result = runProbe(
      {
        grpc: { port, service },
        periodSeconds: 10,
        timeoutSeconds: 1,
        successThreshold: 1,
        failureThreshold: 3,
      },
      { container: container(), containerId: "c1", ip: "127.0.0.1" },
      {
        runtime: new FakeRuntime(clock),
        clock,
        execs: new Semaphore(1),
        measureLoop: () => () => 0,
      },
      new AbortController().signal,
    );
    await whileAsking();
    const outcome = await result;
    // However it went, the probe leaves no connection behind.
    await Promise.all(left);
    return outcome.kind === "failure"
      ? outcome.message.replace(String(port), "PORT")
      : outcome.kind;
  } finally {
    await new Promise<void>((resolve) => server.close(() => resolve()));
  }
}

function replies(body: Buffer, trailers: Readonly<Record<string, string>> = {}): Answer {
  return (stream) => {
    stream.respond(
      { ":status": 200, "content-type": "application/grpc" },
      { waitForTrailers: true },
    );
    stream.on("wantTrailers", () => stream.sendTrailers({ "grpc-status": "0", ...trailers }));
    stream.end(body);
  };
}

/** An answer of headers alone. */
function refuses(code: number, message: string): Answer {
  return (stream) => {
    const ends = { "grpc-status": String(code), "grpc-message": message };
    stream.respond(
      { ":status": 200, "content-type": "application/grpc", ...ends },
      { endStream: true },
    );
  };
}

describe("a grpc probe", () => {
  test.for([
    ["serves", replies(framed(0x08, 1)), "success"],
    [
      "does not serve",
      replies(framed(0x08, 2)),
      'service unhealthy (responded with "NOT_SERVING")',
    ],
    [
      "does not know the service",
      refuses(5, "unknown%20service"),
      "error: health rpc probe failed: rpc error: code = NotFound desc = unknown service",
    ],
    [
      "has no health service",
      refuses(12, "unknown service grpc.health.v1.Health"),
      "error: this server does not implement the grpc health protocol (grpc.health.v1.Health): unknown service grpc.health.v1.Health",
    ],
    [
      "fails after a good message",
      replies(framed(0x08, 1), { "grpc-status": "13", "grpc-message": "no" }),
      "error: health rpc probe failed: rpc error: code = Internal desc = no",
    ],
    [
      "is another server",
      (stream: ServerHttp2Stream) => {
        stream.respond({ ":status": 404 });
        stream.end("not here");
      },
      "error: health rpc probe failed: unexpected HTTP status code received from server: 404",
    ],
    [
      "talks without end",
      replies(Buffer.alloc(100_000)),
      "error: health rpc probe failed: the reply is longer than 4096 bytes",
    ],
    [
      "hangs up",
      (stream: ServerHttp2Stream) => stream.session?.destroy(),
      expect.stringMatching(/^error: /) as string,
    ],
  ] as const)("of a server that %s", async ([, answer, outcome]) => {
    expect(await ask(answer)).toEqual(outcome);
  });

  test("names the service", async () => {
    let asked = "";
    await ask((stream, request) => {
      asked = request.toString("hex");
      replies(framed(0x08, 1))(stream, request);
    }, "shop");
    expect(asked).toBe("00000000060a0473686f70");
  });

  test("nobody listens", async () => {
    const server = createTcpServer();
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const { port } = server.address() as AddressInfo;
    await new Promise<void>((resolve) => server.close(() => resolve()));
    const clock = new ManualClock();
    const result = await runProbe(
      {
        grpc: { port, service: "" },
        periodSeconds: 10,
        timeoutSeconds: 1,
        successThreshold: 1,
        failureThreshold: 3,
      },
      { container: container(), containerId: "c1", ip: "127.0.0.1" },
      {
        runtime: new FakeRuntime(clock),
        clock,
        execs: new Semaphore(1),
        measureLoop: () => () => 0,
      },
      new AbortController().signal,
    );
    const address = `127.0.0.1:${port}`;
    expect(result).toEqual({
      kind: "failure",
      message: `error: failed to connect service at "${address}": dial tcp ${address}: connect: connection refused`,
    });
  });

  test("a server that never answers is left when the time is over", async () => {
    const clock = new ManualClock();
    const server = createServer();
    const asked = Promise.withResolvers<void>();
    const left = Promise.withResolvers<void>();
    server.on("stream", (stream) => {
      stream.on("error", () => undefined);
      stream.on("close", () => left.resolve());
      asked.resolve();
    });
    const whileAsking = async (): Promise<void> => {
      await asked.promise;
      await clock.advance(1_000);
      await settle();
    };
    expect(await probeServer(server, { clock, whileAsking })).toBe(
      "timeout: health rpc did not complete within 1s",
    );
    await left.promise;
  });
});
