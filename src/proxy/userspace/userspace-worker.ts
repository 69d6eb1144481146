import { parentPort, workerData } from "node:worker_threads";
import { invariant } from "../../base/assert.ts";
import { systemClock } from "../../base/system-clock.ts";
import { serial } from "../serial.ts";
import { RelaySet } from "./relay-set.ts";
import type {
  UserspaceAnswer,
  UserspaceUpdate,
  UserspaceWorkerData,
} from "./userspace-messages.ts";

invariant(parentPort !== null, "the thread of the user-space proxy was started as a process");
const port = parentPort;
const relays = new RelaySet(workerData as UserspaceWorkerData, systemClock);
const inTurn = serial();
const forever = new AbortController();

port.on("message", (update: UserspaceUpdate) => void inTurn(() => carryOut(update)));
void relays.tend(forever.signal);

async function carryOut({ sequence, set, gone }: UserspaceUpdate): Promise<void> {
  for (const key of gone) relays.delete(key);
  const failures: string[] = [];
  for (const [key, frontend] of set) failures.push(...(await relays.set(key, frontend)));
  const answer: UserspaceAnswer = { sequence, failures };
  port.postMessage(answer);
}
