import type { Clock, Millis } from "../base/clock.ts";
import type { DoctorReport } from "../model/doctor.ts";
import { badRequest, unavailable } from "./failure.ts";
import type { TunnelHub } from "./tunnel.ts";

/** How long a node may look: each other node that does not answer costs it seconds. */
const LIMIT_MS: Millis = 30_000;
const MAX_REPORT_BYTES: number = 4 * 1024 * 1024;

/** What a node finds about its network. Throws 503 when it cannot be asked, or does not answer in time. */
export async function askDoctor(
  { tunnels, clock }: { readonly tunnels: TunnelHub; readonly clock: Clock },
  node: string,
): Promise<DoctorReport> {
  if (node === "") throw badRequest('the query must name a "node"');
  if (!tunnels.isConnected(node)) throw unavailable(`node "${node}" is not connected`);
  const { promise, resolve, reject } = Promise.withResolvers<DoctorReport>();
  const over = new AbortController();
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  const link = tunnels.open(
    node,
    { kind: "doctor" },
    {
      data: (channel, chunk) => {
        link?.taken(channel, chunk.length);
        bytes += chunk.length;
        if (bytes > MAX_REPORT_BYTES) reject(unavailable(`node "${node}" says too much`));
        else chunks.push(chunk);
      },
      ended: () => undefined,
      drained: () => undefined,
      closed: () => resolve(JSON.parse(Buffer.concat(chunks).toString("utf8")) as DoctorReport),
      failed: (code, message) => reject(unavailable(`node "${node}": ${message} (${code})`)),
    },
  );
  if (link === undefined) throw unavailable(`node "${node}" serves too many streams`);
  clock.sleep(LIMIT_MS, over.signal).then(
    () => reject(unavailable(`node "${node}" did not answer within ${LIMIT_MS / 1000} s`)),
    () => undefined,
  );
  try {
    return await promise;
  } finally {
    over.abort();
    link.reset(499, "the answer is no longer wanted");
  }
}
