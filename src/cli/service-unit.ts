export interface ServiceUnit {
  /** Of the service, without `.service`. */
  readonly name: "berth" | "berth-agent";
  readonly description: string;
  readonly command: readonly string[];
}

/**
 * What a node never needs, though it is root: it enters namespaces of containers, wires them, gives files of volumes
 * their owners and ends processes.
 */
const NEEDLESS_CAPABILITIES: readonly string[] = [
  "CAP_AUDIT_CONTROL",
  "CAP_AUDIT_READ",
  "CAP_BLOCK_SUSPEND",
  "CAP_LINUX_IMMUTABLE",
  "CAP_MAC_ADMIN",
  "CAP_MAC_OVERRIDE",
  "CAP_SYSLOG",
  "CAP_SYS_BOOT",
  "CAP_SYS_MODULE",
  "CAP_SYS_PACCT",
  "CAP_SYS_TIME",
  "CAP_SYS_TTY_CONFIG",
  "CAP_WAKE_ALARM",
];

/**
 * The unit of a service for systemd. It has no file system of its own: volumes, hostPath folders and the namespaces of
 * containers are the machine's. Pure.
 */
export function formatUnit({ description, command }: ServiceUnit): string {
  return `[Unit]
Description=${description}
After=network-online.target docker.service
# Not "Requires": it waits for Docker by itself, and a restart of Docker must not end it.
Wants=network-online.target docker.service
StartLimitIntervalSec=0

[Service]
Type=exec
ExecStart=${command.map(quoteArgument).join(" ")}
Restart=always
RestartSec=2
# Containers are Docker's: they are not in this group, and run on.
KillMode=mixed
TimeoutStopSec=30
OOMScoreAdjust=-900
LimitNOFILE=1048576
TasksMax=infinity
CapabilityBoundingSet=~${NEEDLESS_CAPABILITIES.join(" ")}
LockPersonality=yes
NoNewPrivileges=yes
RestrictRealtime=yes
SystemCallArchitectures=native

[Install]
WantedBy=multi-user.target
`;
}

/** As systemd reads an argument: quotes where there is need, and none of its specifiers and variables. Pure. */
function quoteArgument(argument: string): string {
  const text = argument.replaceAll("%", "%%").replaceAll("$", "$$$$");
  if (/^[\w@%+=:,./$-]+$/.test(text)) return text;
  return `"${text.replaceAll("\\", "\\\\").replaceAll('"', '\\"')}"`;
}
