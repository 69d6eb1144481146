import { importImages } from "./image.mjs";
import { busyboxLayer, helloLayer } from "./layers.mjs";
import { findNode } from "./packages.mjs";

/** The images that Berth makes on this machine, by name; each resolves to whether it had to be made. */
export const IMAGES = {
  /** The demo, twice: the same bits, and a `VERSION` that tells them apart. */
  hello: async () =>
    await importImages(
      await helloLayer(await findNode()),
      ["1", "2"].map((version) => ({
        reference: `berth.local/hello:${version}`,
        config: {
          Cmd: ["/usr/local/bin/node", "/app/server.mjs"],
          Env: ["PATH=/usr/local/bin", `VERSION=${version}`],
          ExposedPorts: { "8080/tcp": {} },
          WorkingDir: "/app",
        },
      })),
    ),
  /** For tests and benchmarks. */
  busybox: async () =>
    await importImages(busyboxLayer(), [
      { reference: "berth.local/busybox:1", config: { Cmd: ["sh"], Env: ["PATH=/bin"] } },
    ]),
};
