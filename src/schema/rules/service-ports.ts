import type { Service } from "../../model/kinds.gen.ts";
import { formatPath } from "../finding.ts";
import { reportDuplicates } from "./duplicates.ts";
import type { ObjectRule } from "./rule.ts";

/** A Service has ports, unless it needs none, and several are told apart by name and by number. */
export const servicePorts: ObjectRule<Service> = ({ spec }, report) => {
  const { ports } = spec;
  const path = ["spec", "ports"];
  const needsNone = spec.clusterIP === "None" || (spec.type as string) === "ExternalName";
  if (ports.length === 0 && !needsNone) {
    const message = "spec.ports must have at least one port, unless spec.clusterIP is None";
    report({ code: "field/required", message, path });
    return;
  }
  if (ports.length > 1) {
    ports.forEach((port, index) => {
      if (port.name !== undefined) return;
      const message = `${formatPath([...path, index, "name"])} is required when there are several ports`;
      report({ code: "field/required", message, path: [...path, index] });
    });
  }
  reportDuplicates(ports, (port) => port.name, { path, field: "name", report });
  reportDuplicates(ports, (port) => `${port.port}/${port.protocol}`, {
    path,
    field: "port",
    report,
  });
  reportDuplicates(
    ports,
    (port) => (port.nodePort === undefined ? undefined : `${port.nodePort}/${port.protocol}`),
    { path, field: "nodePort", report },
  );
};
