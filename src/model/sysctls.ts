/** Kernel settings that belong to a pod alone and cannot harm its neighbours: Kubernetes' own list. */
const SAFE_SYSCTLS: ReadonlySet<string> = new Set([
  "kernel.shm_rmid_forced",
  "net.ipv4.ip_local_port_range",
  "net.ipv4.ip_local_reserved_ports",
  "net.ipv4.ip_unprivileged_port_start",
  "net.ipv4.ping_group_range",
  "net.ipv4.tcp_fin_timeout",
  "net.ipv4.tcp_keepalive_intvl",
  "net.ipv4.tcp_keepalive_probes",
  "net.ipv4.tcp_keepalive_time",
  "net.ipv4.tcp_rmem",
  "net.ipv4.tcp_syncookies",
  "net.ipv4.tcp_wmem",
]);

/** Whether a pod may set it; the name as `sysctlName` gives it. Pure. */
export function isSafeSysctl(name: string): boolean {
  return SAFE_SYSCTLS.has(name);
}

/** A setting's name with dots, however it was written: `net/ipv4/tcp_rmem` → `net.ipv4.tcp_rmem`. Pure. */
export function sysctlName(name: string): string {
  const slash = name.indexOf("/");
  const dot = name.indexOf(".");
  const isPath = slash !== -1 && (dot === -1 || slash < dot);
  return isPath ? name.replaceAll(/[./]/g, (char) => (char === "." ? "/" : ".")) : name;
}
