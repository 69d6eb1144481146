/** The servers of repositories that have pull requests. Forgejo speaks as Gitea does. */
export type ForgeKind = "github" | "gitlab" | "gitea";

/** A repository on such a server, and who we are there. */
export interface ForgeOptions {
  readonly kind: ForgeKind;
  /** Where the API is, without a slash at the end: `https://api.github.com`, `https://gitlab.example/api/v4`. */
  readonly apiUrl: string;
  /** `owner/name`; on GitLab also `group/subgroup/name`, or the project's number. */
  readonly project: string;
  readonly token: string;
}

/** A pull request, or what GitLab calls a merge request. */
export interface PullRequest {
  /** As people name it: `#7`, on GitLab `!7`. */
  readonly number: number;
  readonly url: string;
  readonly title: string;
  /** The branch that is to be merged, and the one it is merged into. */
  readonly head: string;
  readonly base: string;
  /** Commit at the head. */
  readonly headCommit: string;
}

export interface PullRequestQuery {
  readonly head: string;
  /** Any, unless given. */
  readonly base?: string;
}

export interface NewPullRequest {
  readonly head: string;
  readonly base: string;
  readonly title: string;
  readonly body: string;
}

export interface Comment {
  /** Of the pull request. */
  readonly number: number;
  /** What the comment begins with: the same one is written again in place of a second. */
  readonly marker: string;
  /** Markdown that begins with the marker. At most `MAX_COMMENT_CHARACTERS`. */
  readonly body: string;
}

export interface CommitStatus {
  readonly commit: string;
  /** Which check it is: a later status of that name replaces this one. */
  readonly name: string;
  readonly state: "pending" | "success" | "failure";
  /** Cut after `MAX_STATUS_CHARACTERS`. */
  readonly description: string;
  readonly url?: string;
}

/** GitHub takes 65,536 characters, the others more. */
export const MAX_COMMENT_CHARACTERS = 65_000;
/** GitHub's limit; GitLab takes 255. */
export const MAX_STATUS_CHARACTERS = 140;

/**
 * One repository on a server with pull requests. Each call may be repeated: `openPullRequest` finds the one that is
 * open for the branches already, `upsertComment` keeps one comment a marker. A refusal is a `ForgeError`.
 */
export interface Forge {
  readonly kind: ForgeKind;
  /** The open one of a branch of this repository; the newest, where there are several. */
  findPullRequest(query: PullRequestQuery, signal: AbortSignal): Promise<PullRequest | undefined>;
  openPullRequest(request: NewPullRequest, signal: AbortSignal): Promise<PullRequest>;
  /** The text of the comment that begins with the marker. */
  findComment(
    at: Pick<Comment, "number" | "marker">,
    signal: AbortSignal,
  ): Promise<string | undefined>;
  upsertComment(comment: Comment, signal: AbortSignal): Promise<"created" | "updated" | "same">;
  setStatus(status: CommitStatus, signal: AbortSignal): Promise<void>;
}

export type ForgeErrorCode =
  | "unreachable"
  | "unauthorized"
  | "not-found"
  | "refused"
  | "rate-limited"
  | "bad-answer";

/** The server said no, or nothing: `message` says what, where, why and the cure, without the token. */
export class ForgeError extends Error {
  override readonly name = "ForgeError";
  readonly code: ForgeErrorCode;

  constructor(code: ForgeErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}
