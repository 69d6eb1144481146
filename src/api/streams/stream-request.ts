import type { Pod } from "../../model/kinds.gen.ts";
import type { AttachRequest, ExecRequest, PodTarget, StdioRequest } from "../../model/tunnel.ts";
import type { ObjectStore } from "../../store/object-store.ts";
import { badRequest, notFound } from "../failure.ts";
import { containerName } from "../pod-log.ts";
import { parseBoolean, type ResourceRequest } from "../request-info.ts";
import { refOfRequest } from "../write.ts";

/** The pod of a request, and the node that it runs on. Throws `ApiFailure`. */
export function findPod(
  objects: ObjectStore,
  what: ResourceRequest,
): { readonly pod: Pod; readonly node: string; readonly target: PodTarget } {
  const pod = objects.get(refOfRequest(what))?.object as Pod | undefined;
  if (pod === undefined) throw notFound(what.resource, what.name ?? "");
  const node = pod.spec.nodeName ?? "";
  if (node === "") throw badRequest(`pod ${pod.metadata.name} does not have a host assigned`);
  const { name, namespace = "", uid = "" } = pod.metadata;
  return { pod, node, target: { namespace, pod: name, podUid: uid } };
}

/** What exec or attach asks of the pod's node. Throws 400. Pure. */
export function parseProcessRequest(
  kind: "exec" | "attach",
  pod: Pod,
  target: PodTarget,
  query: URLSearchParams,
): ExecRequest | AttachRequest {
  const stdio = parseStdio(query);
  const container = containerName(pod, query.get("container") ?? "");
  if (kind === "attach") return { kind, ...target, ...stdio, container };
  const command = query.getAll("command");
  if (command.length === 0) throw badRequest("you must specify at least one command");
  return { kind, ...target, ...stdio, container, command };
}

function parseStdio(query: URLSearchParams): StdioRequest {
  const tty = parseBoolean(query.get("tty"));
  const stdio = {
    stdin: parseBoolean(query.get("stdin")),
    stdout: parseBoolean(query.get("stdout")),
    // A terminal has but one output.
    stderr: parseBoolean(query.get("stderr")) && !tty,
    tty,
  };
  if (stdio.stdin || stdio.stdout || stdio.stderr) return stdio;
  throw badRequest("you must specify at least 1 of stdin, stdout, stderr");
}
