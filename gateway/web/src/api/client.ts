/**
 * One function per route the UI uses, over `call`: bearer token, one shared refresh and one repeat
 * on 401, a timeout on every wait, and errors as `ApiError`.
 */
import { ApiError, errorFrom, unreachable } from "./errors";
import { accessToken, endSession, refresh } from "./session";
import type * as T from "./types";

const BASE = "/api/v1";
/** Longer than any answer the gateway gives on purpose. */
const CALL_TIMEOUT_MS = 30_000;
/** 10 MiB over a slow uplink. */
const UPLOAD_TIMEOUT_MS = 5 * 60_000;

interface CallOptions {
  body?: unknown;
  query?: Record<string, string | number | undefined>;
  headers?: Record<string, string>;
  signal?: AbortSignal;
}

/** Sends once with the current token; on 401 refreshes (shared) and sends once more. */
async function withToken(path: string, send: (token: string | null) => Promise<Response>): Promise<Response> {
  const used = accessToken();
  const answer = await send(used);
  if (answer.status !== 401 || path.startsWith("/auth/")) return answer;
  // Another call may have renewed the token while this one was on its way.
  const current = accessToken();
  const renewed = current && current !== used ? current : await refresh().catch(() => undefined);
  if (renewed === undefined) throw unreachable();
  if (renewed === null) {
    endSession("expired");
    return answer;
  }
  return send(renewed);
}

async function read<R>(answer: Response): Promise<R> {
  const text = await answer.text();
  let body: unknown;
  try {
    body = text ? JSON.parse(text) : undefined;
  } catch {
    body = undefined;
  }
  if (!answer.ok) throw errorFrom(answer.status, body, answer.headers.get("x-request-id"));
  return body as R;
}

export async function call<R>(method: string, path: string, options: CallOptions = {}): Promise<R> {
  const query = Object.entries(options.query ?? {}).filter((entry) => entry[1] !== undefined && entry[1] !== "");
  const search = query.length ? `?${new URLSearchParams(query.map(([key, value]) => [key, String(value)]))}` : "";
  // The contract's action routes want a JSON body even when they read nothing from it.
  const body = method === "GET" ? undefined : JSON.stringify(options.body ?? {});
  const timeout = AbortSignal.timeout(CALL_TIMEOUT_MS);
  const signal = options.signal ? AbortSignal.any([options.signal, timeout]) : timeout;
  try {
    const answer = await withToken(path, (token) =>
      fetch(BASE + path + search, {
        method,
        body,
        signal,
        credentials: "include",
        headers: {
          ...(body === undefined ? {} : { "Content-Type": "application/json" }),
          ...(token ? { Authorization: `Bearer ${token}` } : {}),
          ...options.headers,
        },
      }),
    );
    return await read<R>(answer);
  } catch (error) {
    if (error instanceof ApiError || options.signal?.aborted) throw error;
    throw unreachable();
  }
}

/** Uploads with progress, which fetch cannot report. `onProgress` gets 0..1. */
function send(path: string, form: FormData, onProgress: (part: number) => void, token: string | null): Promise<Response> {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open("POST", BASE + path);
    request.timeout = UPLOAD_TIMEOUT_MS;
    if (token) request.setRequestHeader("Authorization", `Bearer ${token}`);
    request.upload.onprogress = (event) => {
      if (event.lengthComputable) onProgress(event.loaded / event.total);
    };
    const lost = () => {
      reject(unreachable());
    };
    request.onerror = lost;
    request.ontimeout = lost;
    request.onload = () => {
      const requestId = request.getResponseHeader("x-request-id");
      resolve(
        new Response(request.responseText || null, {
          status: request.status,
          headers: requestId ? { "x-request-id": requestId } : {},
        }),
      );
    };
    request.send(form);
  });
}

async function upload<R>(path: string, file: File, onProgress: (part: number) => void): Promise<R> {
  const form = new FormData();
  form.append("file", file);
  return read<R>(await withToken(path, (token) => send(path, form, onProgress, token)));
}

export interface TaskQuery {
  page?: number;
  pageSize?: number;
  status?: T.TaskStatus;
  search?: string;
  sortBy?: "createdAt" | "updatedAt" | "status" | "jobTitle" | "companyName";
  sortOrder?: "asc" | "desc";
}

const id = encodeURIComponent;

export const api = {
  login: (body: { email: string; password: string }) => call<T.SignedIn>("POST", "/auth/login", { body }),
  register: (body: { email: string; password: string; name: string }) =>
    call<{ message: string }>("POST", "/auth/register", { body }),
  logout: () => call("POST", "/auth/logout"),
  revokeAll: () => call("POST", "/auth/revoke-all"),

  tasks: (query: TaskQuery, signal?: AbortSignal) => call<T.TaskPage>("GET", "/tasks", { query: { ...query }, signal }),
  taskStats: (signal?: AbortSignal) => call<T.TaskStats>("GET", "/tasks/stats", { signal }),
  task: (task: string, signal?: AbortSignal) => call<T.Task>("GET", `/tasks/${id(task)}`, { signal }),
  taskEvents: (task: string, signal?: AbortSignal) =>
    call<T.Page<T.TaskEvent>>("GET", `/tasks/${id(task)}/events`, { query: { pageSize: 100 }, signal }),
  /** The same key always answers with the same application. */
  createTask: (body: { jobUrl: string; mode: T.Mode; resumeId: string }, idempotencyKey: string) =>
    call<T.Task>("POST", "/tasks", { body, headers: { "Idempotency-Key": idempotencyKey } }),
  cancelTask: (task: string) => call("DELETE", `/tasks/${id(task)}`),
  retryTask: (task: string) => call<T.Task>("POST", `/tasks/${id(task)}/retry`),
  review: (task: string, signal?: AbortSignal) => call<T.Review>("GET", `/tasks/${id(task)}/review`, { signal }),
  editReview: (task: string, body: { revision: number; edits: T.ReviewEdit[] }) =>
    call<T.Review>("PATCH", `/tasks/${id(task)}/review`, { body }),
  approve: (task: string, revision: number) => call<T.Task>("POST", `/tasks/${id(task)}/approve`, { body: { revision } }),
  /** `permit`: which click is meant, as the question says. */
  answerOutcome: (task: string, body: { answer: "sent" | "not_sent"; permit?: string; note?: string }) =>
    call<T.Task>("POST", `/tasks/${id(task)}/outcome`, { body }),
  hold: (task: string, minutes: number) => call<{ heldUntil: string }>("POST", `/tasks/${id(task)}/hold`, { body: { minutes } }),
  resolveBlocker: (task: string) =>
    call<{ message: string }>("POST", `/tasks/${id(task)}/resolve-blocker`, { body: { resolvedBy: "human" } }),

  resumes: (signal?: AbortSignal) => call<{ data: T.Resume[] }>("GET", "/resumes", { signal }),
  uploadResume: (file: File, onProgress: (part: number) => void) =>
    upload<{ id: string; status: T.ResumeStatus }>("/resumes/upload", file, onProgress),
  deleteResume: (resume: string) => call("DELETE", `/resumes/${id(resume)}`),
  makeDefaultResume: (resume: string) => call<T.Resume>("PUT", `/resumes/${id(resume)}/default`),
  retryResume: (resume: string) => call("POST", `/resumes/${id(resume)}/retry`),

  answers: (signal?: AbortSignal) => call<{ data: T.QaEntry[] }>("GET", "/qa-bank", { signal }),
  createAnswer: (body: Pick<T.QaEntry, "category" | "question" | "answer" | "usageMode">) =>
    call<T.QaEntry>("POST", "/qa-bank", { body: { ...body, source: "user_input" } }),
  updateAnswer: (entry: string, body: { answer?: string; usageMode?: T.QaUsageMode }) =>
    call<T.QaEntry>("PUT", `/qa-bank/${id(entry)}`, { body }),
  deleteAnswer: (entry: string) => call("DELETE", `/qa-bank/${id(entry)}`),

  preferences: (signal?: AbortSignal) => call<T.Preferences>("GET", "/users/me/preferences", { signal }),
  changePreferences: (body: Partial<T.Preferences>) => call<T.Preferences>("PUT", "/users/me/preferences", { body }),

  consents: (signal?: AbortSignal) => call<{ data: T.ConsentRecord[] }>("GET", "/consent", { signal }),
  consentAccepted: (type: T.ConsentType, version: string, signal?: AbortSignal) =>
    call<{ accepted: boolean; acceptedAt: string | null }>("GET", "/consent/check", { query: { type, version }, signal }),
  giveConsent: (type: T.ConsentType, version: string) => call<T.ConsentRecord>("POST", "/consent", { body: { type, version } }),
};
