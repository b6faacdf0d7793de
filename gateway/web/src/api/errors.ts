/** What a failed call says, in a form a screen can show. */

interface Issue {
  path?: (string | number)[];
  message?: string;
}
interface IssueList {
  issues?: Issue[];
}
interface ErrorBody {
  error?: string;
  message?: string;
  details?: unknown;
  bodyErrors?: IssueList | null;
  queryParameterErrors?: IssueList | null;
  pathParameterErrors?: IssueList | null;
}

export class ApiError extends Error {
  override name = "ApiError";
  constructor(
    /** 0 when no answer came. */
    readonly status: number,
    readonly code: string,
    message: string,
    readonly details: unknown = undefined,
    readonly requestId: string | null = null,
    /** Messages by body member, from validation. */
    readonly fields: Record<string, string> = {},
  ) {
    super(message);
  }
}

const BY_STATUS: Record<number, string> = {
  0: "Valet could not be reached. Check your connection and try again.",
  401: "Please sign in again.",
  403: "You are not allowed to do that.",
  404: "That is not here any more.",
  413: "That file is too large.",
  429: "That was too much at once. Wait a little and try again.",
};

/** Reads both error shapes of the contract; never throws on a body it does not know. */
export function errorFrom(status: number, body: unknown, requestId: string | null): ApiError {
  const known: ErrorBody = typeof body === "object" && body !== null ? body : {};
  const issues = [known.bodyErrors, known.queryParameterErrors, known.pathParameterErrors].flatMap(
    (list) => list?.issues ?? [],
  );
  const fields: Record<string, string> = {};
  for (const issue of issues) {
    const key = String(issue.path?.[0] ?? "");
    if (key && issue.message && !(key in fields)) fields[key] = issue.message;
  }
  const message =
    known.message ??
    issues[0]?.message ??
    BY_STATUS[status] ??
    "Something went wrong on our side. Nothing was changed; try again.";
  return new ApiError(status, known.error ?? (issues.length ? "VALIDATION_ERROR" : "UNKNOWN"), message, known.details, requestId, fields);
}

export function unreachable(): ApiError {
  return new ApiError(0, "UNREACHABLE", BY_STATUS[0] ?? "");
}

export function asApiError(error: unknown): ApiError {
  return error instanceof ApiError ? error : new ApiError(-1, "UNKNOWN", error instanceof Error ? error.message : "Something went wrong.");
}
