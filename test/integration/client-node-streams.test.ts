import { PassThrough, Writable } from "node:stream";
import { Attach, Exec, KubeConfig, PortForward, type V1Status } from "@kubernetes/client-node";
import { afterAll, beforeAll, expect, test } from "vitest";
import { eventually } from "../support/eventually.ts";
import { openStreamBed, type StreamBed } from "../support/stream-bed.ts";

let bed: StreamBed;
const config = new KubeConfig();
beforeAll(async () => {
  bed = await openStreamBed();
  const script = "httpd -p 127.0.0.1:8080 -h /www; exec cat";
  await bed.run({ containers: [{ command: ["sh", "-c", script], stdin: true }] });
  config.loadFromString(await bed.api.kubeconfig());
});
afterAll(async () => {
  await bed?.[Symbol.asyncDispose]();
});

/** Keeps what is written to it. */
class Sink extends Writable {
  text = "";

  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.text += chunk.toString();
    done();
  }
}

test("Exec: input, both outputs, and the status at the end", async () => {
  const [out, err, input] = [new Sink(), new Sink(), new PassThrough()];
  const ended = Promise.withResolvers<V1Status>();
  const command = ["sh", "-c", "read line; echo got $line; echo bad >&2; exit 4"];
  await new Exec(config).exec("shop", "web", "app", command, out, err, input, false, ended.resolve);
  input.write("a word\n");
  expect(await ended.promise).toMatchObject({
    status: "Failure",
    reason: "NonZeroExitCode",
    details: { causes: [{ reason: "ExitCode", message: "4" }] },
  });
  expect([out.text, err.text]).toEqual(["got a word\n", "bad\n"]);
});

test("Exec of what is not there is refused before anything begins", async () => {
  const started = new Exec(config).exec("shop", "web", "chair", ["ls"], null, null, null, false);
  await expect(started).rejects.toMatchObject({
    message: expect.stringContaining("400") as string,
  });
});

test("Attach: what the process reads and writes", async () => {
  const [out, input] = [new Sink(), new PassThrough()];
  const socket = await new Attach(config).attach("shop", "web", "app", out, null, input, false);
  input.write("by attach\n");
  await eventually("it comes back", () => out.text.includes("by attach\n"));
  socket.close();
});

test("PortForward: a page of a server on the pod's loopback", async () => {
  const [out, err, input] = [new Sink(), new Sink(), new PassThrough()];
  const socket = await new PortForward(config).portForward("shop", "web", [8080], out, err, input);
  input.write("GET / HTTP/1.0\r\n\r\n");
  await eventually("the page comes", () => out.text.endsWith("hello from a pod\n"));
  if (typeof socket !== "function") socket.close();
});

test("PortForward: a port where nobody listens", async () => {
  const [out, err, input] = [new Sink(), new Sink(), new PassThrough()];
  await new PortForward(config).portForward("shop", "web", [9], out, err, input);
  await eventually("the reason comes", () => err.text.includes("connection refused"));
});
