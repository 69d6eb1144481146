import { posix } from "node:path";
import { isIPv6 } from "node:net";
import type { NFSVolumeSource } from "../model/kinds.gen.ts";
import type { StringMap } from "../model/meta.ts";

/** A folder of an NFS server, as a pod or a PersistentVolume names it. */
export interface NfsShare extends Pick<NFSVolumeSource, "server" | "path" | "readOnly"> {
  /** Of the PersistentVolume; they win over what is usual. */
  readonly mountOptions?: readonly string[];
}

/** The Engine calls the kernel itself, which takes version 3 for granted where a mount program would try 4 first. */
const USUAL_VERSION = "nfsvers=4";

/** The options of the Engine's own volume driver for a share, or for a folder below it. Pure. */
export function nfsOptions(share: NfsShare, subPath = ""): StringMap {
  const { server, path, readOnly, mountOptions = [] } = share;
  const stated = mountOptions.filter((option) => !option.startsWith("addr="));
  const hasVersion = stated.some((option) => /^(?:nfs)?vers=/.test(option));
  const options = [
    `addr=${server}`,
    ...(hasVersion ? [] : [USUAL_VERSION]),
    ...(readOnly === true ? ["ro"] : []),
    ...stated,
  ];
  const device = posix.join("/", path, subPath);
  return {
    type: "nfs",
    o: options.join(","),
    device: isIPv6(server) ? `[${server}]:${device}` : `:${device}`,
  };
}

interface Cure {
  readonly when: RegExp;
  readonly say: string;
}

/** What mount(2) says, and what helps. */
const CURES: readonly Cure[] = [
  {
    when: /no such device|unknown filesystem/i,
    say: "the node's kernel has no NFS client: load it (modprobe nfs), or install a kernel that has it",
  },
  {
    when: /no such host|Temporary failure in name resolution|error resolving/i,
    say: "the node cannot find the server by its name: write its address, or correct the node's resolver",
  },
  {
    when: /connection refused/i,
    say: "nothing serves NFS at that address: start the server (Debian: nfs-kernel-server) and open port 2049",
  },
  {
    when: /connection timed out|no route to host|network is unreachable/i,
    say: "the server does not answer: check its address, its firewall (port 2049) and the route to it",
  },
  {
    when: /permission denied|access denied/i,
    say: "the server does not export that folder to this node: check /etc/exports there",
  },
  {
    when: /no such file or directory/i,
    say: "the server has no such folder, or exports another root: check the path",
  },
  {
    when: /protocol not supported|invalid argument/i,
    say: "server and node speak different versions, or an option is wrong: state nfsvers in mountOptions of a PersistentVolume",
  },
];

const MOUNT_FAILED = /failed to mount local volume: (?<what>mount .*)$/s;

/** Why the Engine could not mount a volume, with what helps; `undefined` when something else went wrong. Pure. */
export function mountFailure(message: string): string | undefined {
  const what = MOUNT_FAILED.exec(message)?.groups?.["what"];
  const isName = /error resolving passed in (?:nfs|network volume) address/i.test(message);
  if (what === undefined && !isName) return undefined;
  const cure = CURES.find(({ when }) => when.test(message))?.say;
  return `${what ?? message}${cure === undefined ? "" : `; ${cure}`}`;
}
