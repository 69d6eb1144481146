import { posix } from "node:path";
import { pinnedReference, readPins } from "../model/image-pins.ts";
import type { Container, Pod } from "../model/kinds.gen.ts";
import { readLogConfig } from "./log-config.ts";
import type { VolumeSpec } from "./runtime.ts";

/** What a node does for whoever asks. An absent field allows everything. */
export interface NodePolicy {
  readonly privileged?: boolean;
  readonly hostNamespaces?: readonly HostNamespace[];
  /** Folders and files of the node that pods may see, with all that is below. */
  readonly hostPaths?: readonly string[];
  /** As `hostPaths`, for what is a device. */
  readonly devices?: readonly string[];
  /** What may be added to Docker's usual capabilities. */
  readonly capabilities?: readonly string[];
  /** Globs of whole image names. */
  readonly images?: readonly string[];
  readonly users?: readonly UserRange[];
  /** Whether seccomp and AppArmor may be switched off. */
  readonly unconfined?: boolean;
  readonly volumeDrivers?: readonly string[];
  readonly logDrivers?: readonly string[];
  readonly exec?: boolean;
}

export interface UserRange {
  readonly from: number;
  readonly to: number;
}

const HOST_NAMESPACES = ["network", "pid", "ipc"] as const;
type HostNamespace = (typeof HOST_NAMESPACES)[number];

/** The file of a node's policy cannot be used. */
export class NodePolicyError extends Error {
  override readonly name = "NodePolicyError";
}

type Read = (value: unknown) => Partial<NodePolicy> | string;

const FIELDS: Readonly<Record<keyof NodePolicy, Read>> = {
  privileged: flag("privileged"),
  hostNamespaces: (value) => {
    const found = words(value, (word) => HOST_NAMESPACES.some((one) => one === word));
    return found === undefined
      ? `must be a list of ${HOST_NAMESPACES.join(", ")}`
      : { hostNamespaces: found as readonly HostNamespace[] };
  },
  hostPaths: paths("hostPaths"),
  devices: paths("devices"),
  capabilities: (value) => {
    const found = words(value, (word) => /^[A-Z_]+$/.test(word));
    if (found === undefined) return "must be a list of names such as NET_ADMIN";
    return { capabilities: found.map(bareCapability) };
  },
  images: list("images"),
  users: (value) => {
    const found = Array.isArray(value) ? value.map((one) => readRange(String(one))) : [undefined];
    const users = found.filter((range) => range !== undefined);
    return users.length < found.length
      ? `must be a list of ids and ranges such as "1000-65535"`
      : { users };
  },
  unconfined: flag("unconfined"),
  volumeDrivers: list("volumeDrivers"),
  logDrivers: list("logDrivers"),
  exec: flag("exec"),
};

/** The policy that a file states. Throws `NodePolicyError`: a field that nobody reads would allow what it forbids. Pure. */
export function toNodePolicy(value: unknown): NodePolicy {
  if (value === null || value === undefined) return {};
  if (typeof value !== "object" || Array.isArray(value))
    throw new NodePolicyError("it must be a map of fields");
  let policy: NodePolicy = {};
  for (const [name, stated] of Object.entries(value)) {
    const read = Object.hasOwn(FIELDS, name) ? FIELDS[name as keyof NodePolicy] : undefined;
    if (read === undefined)
      throw new NodePolicyError(
        `"${name}" is no field; there are ${Object.keys(FIELDS).join(", ")}`,
      );
    const found = read(stated);
    if (typeof found === "string") throw new NodePolicyError(`${name} ${found}`);
    policy = { ...policy, ...found };
  }
  return policy;
}

/** What a node has against a pod as it is written; `undefined`: nothing. Paths and users are looked at again later. Pure. */
export function podRefusal(policy: NodePolicy, pod: Pod): string | undefined {
  const containers: readonly Container[] = [
    ...(pod.spec.initContainers ?? []),
    ...pod.spec.containers,
  ];
  const unsafe = namespaceRefusal(policy, pod) ?? unconfinedRefusal(policy, pod, "the pod");
  if (unsafe !== undefined) return unsafe;
  for (const { hostPath } of pod.spec.volumes ?? []) {
    // A link may lead to a device that is allowed: what it really is shows when it is mounted.
    const mayBeDevice = policy.devices !== undefined;
    const why =
      hostPath === undefined || mayBeDevice ? undefined : pathRefusal(policy, hostPath.path);
    if (why !== undefined) return why;
  }
  const driver = readLogConfig(pod.metadata.annotations)?.driver;
  if (driver !== undefined && policy.logDrivers?.includes(driver) === false)
    return `log driver "${driver}" ${notIn("logDrivers")}`;
  for (const container of containers) {
    const why = containerRefusal(policy, pod, container);
    if (why !== undefined) return why;
  }
  return undefined;
}

function namespaceRefusal(
  { hostNamespaces: allowed }: NodePolicy,
  { spec }: Pod,
): string | undefined {
  const wanted: readonly (readonly [HostNamespace, boolean | undefined])[] = [
    ["network", spec.hostNetwork],
    ["pid", spec.hostPID],
    ["ipc", spec.hostIPC],
  ];
  const found = wanted.find(([name, asks]) => asks === true && allowed?.includes(name) === false);
  return found === undefined
    ? undefined
    : `the ${found[0]} namespace of the host ${notIn("hostNamespaces")}`;
}

function containerRefusal(policy: NodePolicy, pod: Pod, container: Container): string | undefined {
  const { securityContext: security = {} } = container;
  const name = `container "${container.name}"`;
  if (security.privileged === true && policy.privileged === false)
    return `${name} is privileged, which this node forbids`;
  const added = (security.capabilities?.add ?? [])
    .map(bareCapability)
    .find((one) => policy.capabilities?.includes(one) === false);
  if (added !== undefined) return `capability ${added} of ${name} ${notIn("capabilities")}`;
  const unconfined = unconfinedRefusal(policy, { spec: container }, name);
  if (unconfined !== undefined) return unconfined;
  const image = pinnedReference(container.image, readPins(pod.metadata));
  if (policy.images?.some((glob) => matchesImage(glob, image)) === false)
    return `image "${wholeImageName(image)}" of ${name} ${notIn("images")}`;
  const user = security.runAsUser ?? pod.spec.securityContext?.runAsUser;
  return user === undefined ? undefined : userRefusal(policy, String(user), name);
}

function unconfinedRefusal(
  { unconfined }: NodePolicy,
  {
    spec: { securityContext },
  }: { readonly spec: Pick<Container, "securityContext"> | Pod["spec"] },
  name: string,
): string | undefined {
  if (unconfined !== false) return undefined;
  const { seccompProfile, appArmorProfile } = securityContext ?? {};
  const off = seccompProfile?.type === "Unconfined" ? "seccomp" : undefined;
  const what = off ?? (appArmorProfile?.type === "Unconfined" ? "AppArmor" : undefined);
  return what === undefined ? undefined : `${name} switches ${what} off, which this node forbids`;
}

/** What the node has against the user that a container runs as: an id, or a name of the image's. Pure. */
export function userRefusal({ users }: NodePolicy, user: string, name: string): string | undefined {
  if (users === undefined) return undefined;
  const [owner = ""] = user.split(":");
  const id = ["", "root"].includes(owner) ? 0 : /^\d+$/.test(owner) ? Number(owner) : undefined;
  if (id === undefined)
    return `the id of user "${owner}" of ${name} cannot be told from its image: set runAsUser`;
  const isAllowed = users.some(({ from, to }) => from <= id && id <= to);
  return isAllowed ? undefined : `user ${id} of ${name} ${notIn("users")}`;
}

/** What the node has against a path of its own, with all links followed. Pure. */
export function pathRefusal(
  { hostPaths, devices }: NodePolicy,
  path: string,
  isDevice = false,
): string | undefined {
  const isListed = isDevice && devices !== undefined;
  const allowed = isListed ? devices : hostPaths;
  if (allowed === undefined) return undefined;
  const plain = posix.normalize(path);
  const isBelow = allowed.some(
    (prefix) => plain === prefix || prefix === "/" || plain.startsWith(`${prefix}/`),
  );
  return isBelow ? undefined : `host path "${plain}" ${notIn(isListed ? "devices" : "hostPaths")}`;
}

/** What the node has against a volume of the Engine: its driver, or the folder that it would show. Pure. */
export function volumeRefusal(
  policy: NodePolicy,
  { driver, options }: NonNullable<VolumeSpec["plugin"]>,
): string | undefined {
  const { type = "", o = "", device = "" } = options;
  const isShare = driver === "local" && type === "nfs";
  const name = isShare ? "nfs" : driver;
  if (policy.volumeDrivers?.includes(name) === false)
    return `volume driver "${name}" ${notIn("volumeDrivers")}`;
  if (driver !== "local" || isShare || device === "" || type === "tmpfs") return undefined;
  const isBind = o.split(",").some((option) => option === "bind" || option === "rbind");
  return isBind ? pathRefusal(policy, device) : pathRefusal(policy, device, true);
}

function notIn(field: keyof NodePolicy): string {
  return `is not among the ${field} that this node allows`;
}

/** The name with its registry and, of Docker Hub's own images, its folder: `docker.io/library/busybox:1`. Pure. */
export function wholeImageName(image: string): string {
  const [first = "", ...rest] = image.split("/");
  const hasRegistry = rest.length > 0 && (/[.:]/.test(first) || first === "localhost");
  if (!hasRegistry) return `docker.io/${rest.length === 0 ? "library/" : ""}${image}`;
  if (!["docker.io", "index.docker.io"].includes(first)) return image;
  return `docker.io/${rest.length === 1 ? "library/" : ""}${rest.join("/")}`;
}

/** `*` stands for any characters but "/", `**` for any. */
function matchesImage(glob: string, image: string): boolean {
  const pattern = glob
    .split("**")
    .map((part) =>
      part
        .split("*")
        .map((text) => text.replaceAll(/[\\^$.|?+()[\]{}]/g, String.raw`\$&`))
        .join("[^/]*"),
    )
    .join(".*");
  return new RegExp(`^${pattern}$`).test(wholeImageName(image));
}

function bareCapability(name: string): string {
  return name.replace(/^CAP_/, "");
}

function flag(name: "privileged" | "unconfined" | "exec"): Read {
  return (value) => (typeof value === "boolean" ? { [name]: value } : "must be true or false");
}

function list(name: "images" | "volumeDrivers" | "logDrivers"): Read {
  return (value) => {
    const found = words(value, (word) => word !== "");
    return found === undefined ? "must be a list of texts" : { [name]: found };
  };
}

function paths(name: "hostPaths" | "devices"): Read {
  return (value) => {
    const found = words(value, (word) => word.startsWith("/") && !word.includes("*"));
    if (found === undefined) return "must be a list of absolute paths, without *";
    const plain = found.map((path) => posix.normalize(path).replace(/(?<=.)\/$/, ""));
    return { [name]: plain };
  };
}

function words(value: unknown, isGood: (word: string) => boolean): readonly string[] | undefined {
  if (!Array.isArray(value)) return undefined;
  const found = value.filter((one): one is string => typeof one === "string" && isGood(one));
  return found.length === value.length ? found : undefined;
}

function readRange(text: string): UserRange | undefined {
  const match = /^(\d{1,10})(?:-(\d{1,10}))?$/.exec(text);
  if (match === null) return undefined;
  const from = Number(match[1]);
  const to = Number(match[2] ?? match[1]);
  return from <= to ? { from, to } : undefined;
}
