import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { agentUnit, clusterUnit } from "../../src/cli/agent-install.ts";
import { dataDirAt } from "../../src/cli/data-dir.ts";
import { formatUnit } from "../../src/cli/service-unit.ts";
import { runCommand } from "../support/command.ts";

test("systemd has nothing to say against the units", async () => {
  const folder = await mkdtemp(join(tmpdir(), "berth-units-"));
  try {
    for (const unit of [clusterUnit(dataDirAt("/var/lib/berth")), agentUnit("/var/lib/berth")]) {
      const file = join(folder, `${unit.name}.service`);
      await writeFile(file, formatUnit(unit));
      // Debian and Ubuntu: apt-get install systemd. It needs not run.
      const { code, output } = await runCommand("systemd-analyze", ["verify", file]);
      // Other units of the machine have their own troubles.
      const own = output.split("\n").filter((line) => line.includes(`${unit.name}.service`));
      expect([code, own]).toEqual([0, []]);
    }
  } finally {
    await rm(folder, { recursive: true });
  }
});
