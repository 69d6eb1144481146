import { readFile } from "node:fs/promises";
import { expect, test } from "vitest";
import { agentUnit, clusterUnit } from "../../src/cli/agent-install.ts";
import { dataDirAt } from "../../src/cli/data-dir.ts";
import { formatUnit, type ServiceUnit } from "../../src/cli/service-unit.ts";

const UNITS: readonly ServiceUnit[] = [
  clusterUnit(dataDirAt("/var/lib/berth")),
  agentUnit("/var/lib/berth"),
];

/** As a package installs it. */
function packaged(unit: ServiceUnit): string {
  const [, , ...rest] = unit.command;
  return formatUnit({
    ...unit,
    command: ["/usr/bin/node", "/usr/lib/berth/dist/cli/main.js", ...rest],
  });
}

test.for(UNITS)("packaging/systemd/$name.service is what is installed", async (unit) => {
  const file = new URL(`../../packaging/systemd/${unit.name}.service`, import.meta.url);
  expect(await readFile(file, "utf8")).toBe(packaged(unit));
});

test("the command is this very program, and comes to systemd as it is", () => {
  const [cluster] = UNITS;
  expect(cluster?.command).toEqual([
    process.execPath,
    expect.stringMatching(/\/src\/cli\/main\.ts$/) as string,
    "supervise",
    "--data-dir",
    "/var/lib/berth",
  ]);
  const command = ["/usr/bin/node", '/a b/100%/$x/"q"\\'];
  const unit = formatUnit({ name: "berth", description: "d", command });
  expect(unit).toContain('ExecStart=/usr/bin/node "/a b/100%%/$$x/\\"q\\"\\\\"\n');
});
