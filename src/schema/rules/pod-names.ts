import { reportDuplicate, reportDuplicates } from "./duplicates.ts";
import type { PodRule } from "./rule.ts";
import { eachContainer } from "./rule.ts";

/** Names are unique: of containers, volumes, variables, ports, mounts and devices, and addresses of host aliases. */
export const podNames: PodRule = (spec, path, report) => {
  const seen = new Map<string, readonly (string | number)[]>();
  const unique = (list: string, field: string): Parameters<typeof reportDuplicates>[2] => ({
    path: [...path, list],
    field,
    report,
  });
  reportDuplicates(spec.volumes, (volume) => volume.name, unique("volumes", "name"));
  reportDuplicates(spec.hostAliases, (alias) => alias.ip, unique("hostAliases", "ip"));
  eachContainer(spec, (container, place) => {
    const at = [...path, ...place];
    const before = seen.get(container.name);
    if (before === undefined) seen.set(container.name, at);
    else {
      const [here, there] = [
        [...at, "name"],
        [...before, "name"],
      ];
      reportDuplicate(container.name, { at: here, before: there, report });
    }
    const inside = (list: string, field: string): Parameters<typeof reportDuplicates>[2] => ({
      path: [...at, list],
      field,
      report,
    });
    reportDuplicates(container.env, (variable) => variable.name, inside("env", "name"));
    reportDuplicates(container.ports, (port) => port.name, inside("ports", "name"));
    reportDuplicates(
      container.volumeMounts,
      (mount) => mount.mountPath,
      inside("volumeMounts", "mountPath"),
    );
    reportDuplicates(
      container.volumeDevices,
      (device) => device.devicePath,
      inside("volumeDevices", "devicePath"),
    );
  });
};
