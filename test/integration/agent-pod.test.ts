import { request } from "node:http";
import { expect, test } from "vitest";
import { openDockerCluster } from "../support/docker-cluster.ts";
import { pod } from "../agent/pod-builder.ts";

test("a pod becomes Ready with an address that answers", async () => {
  await using cluster = await openDockerCluster();
  const { harness, image } = cluster;
  const began = performance.now();
  harness.api.put(
    pod({
      image,
      containers: [
        {
          command: ["httpd", "-f", "-p", "8080", "-h", "/www"],
          readinessProbe: {
            httpGet: { port: 8080, scheme: "HTTP" },
            periodSeconds: 10,
            timeoutSeconds: 1,
            successThreshold: 1,
            failureThreshold: 3,
          },
        },
      ],
    }),
  );
  const ready = await harness.untilReady();
  console.log("ready after", performance.now() - began);
  const ip = ready.status?.podIP ?? "";
  expect(ip).toMatch(/^10\.253\.\d+\.2$/);
  expect(await get(`http://${ip}:8080/`)).toBe("hello from a pod\n");
  console.log(
    JSON.stringify(ready.status, null, 1),
    harness.events.map((e) => `${e.reason}: ${e.message}`),
  );
});

function get(url: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const call = request(url, (answer) => {
      let text = "";
      answer
        .setEncoding("utf8")
        .on("data", (part: string) => (text += part))
        .on("end", () => resolve(text));
    });
    call.on("error", reject);
    call.end();
  });
}
