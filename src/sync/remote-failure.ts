import { GitError, type GitErrorCode } from "./git.ts";
import { lastLine } from "./git-process.ts";

interface Rule {
  readonly code: GitErrorCode;
  readonly says: RegExp;
  readonly cure: string;
}

/** What Git and HTTP servers say when a remote cannot be used. The first match wins. */
const RULES: readonly Rule[] = [
  {
    code: "host-key",
    says: /host key verification failed|remote host identification has changed|host key is known for/i,
    cure: 'the server\'s host key is not one of the pinned ones; compare it with what the host publishes ("ssh-keyscan" shows it), and only then put it into "known_hosts" of the Secret',
  },
  {
    code: "unauthorized",
    says: /permission denied \(|invalid format|error in libcrypto|load key/i,
    cure: "the server refuses the deploy key; give the private key whose public half is a deploy key of the repository",
  },
  {
    code: "unauthorized",
    says: /authentication failed|could not read (?:username|password)|terminal prompts disabled|error: 40[13]\b|HTTP 40[13]\b/i,
    cure: "the server refuses the credentials; give a user and a token that may read it (and write to it, for commits)",
  },
  {
    code: "not-a-repository",
    says: /repository .*not found|does not appear to be a git repository|error: 404\b|HTTP 404\b|not valid: is this a git repository/i,
    cure: "there is no Git repository at this address; check the URL",
  },
  {
    code: "unreachable",
    says: /could not resolve|failed to connect|couldn't connect|connection|timed out|certificate|ssl|rpc failed|early eof|unexpected disconnect|hung up|error: 5\d\d\b|HTTP 5\d\d\b|ECONN|ENOTFOUND|EAI_AGAIN|EPIPE|ETIMEDOUT|socket|network|too slow|operation too slow|aborted|empty reply/i,
    cure: "check the address, the network and the server; Berth keeps what runs and tries again",
  },
];

/** A failure to talk to a remote, from what was said, with the cure. `shown` is the URL without credentials. Pure. */
export function remoteFailure(shown: string, said: string, cause?: unknown): GitError {
  const rule = RULES.find(({ says }) => says.test(said));
  const why = lastLine(said);
  const options = cause === undefined ? undefined : { cause };
  if (rule === undefined) {
    return new GitError("io", `Cannot use repository "${shown}": ${why}`, options);
  }
  return new GitError(
    rule.code,
    `Cannot reach repository "${shown}": ${rule.cure} (${why})`,
    options,
  );
}

/** The server took the connection but not the commit. Pure. */
export function pushRejected(shown: string, branch: string, why: string): GitError {
  return new GitError(
    "rejected",
    `Cannot push to branch "${branch}" of repository "${shown}": the server rejects it: ${why}; if the branch is protected, let Berth's user push to it`,
  );
}
