/**
 * Who is signed in. The access token lives in memory only; the refresh cookie is the browser's and
 * never seen here. `refresh` is shared: however many calls find the token expired, one goes out.
 */
import { create } from "zustand";
import type { AccessToken, SignedIn, User } from "./types";

export type SessionState =
  | { phase: "loading" }
  /** The server could not be asked; not the same as being signed out. */
  | { phase: "unreachable" }
  | { phase: "signed-out"; reason?: "expired" | "chosen" }
  | { phase: "signed-in"; user: User };

export const useSession = create<SessionState>(() => ({ phase: "loading" }));

/** Longest wait for a refresh; behind it every other call waits. */
const REFRESH_TIMEOUT_MS = 15_000;
/** A token this close to its end is renewed before it is used for a socket. */
const EXPIRY_MARGIN_MS = 20_000;

let token: { value: string; expiresAt: number } | null = null;
let inFlight: Promise<string | null> | null = null;

/** Signing out in one window signs out the others. */
const otherWindows = typeof BroadcastChannel === "undefined" ? null : new BroadcastChannel("valet-session");
otherWindows?.addEventListener("message", (event) => {
  if (event.data === "signed-out" && token) endSession("chosen", false);
});

export function accessToken(): string | null {
  return token?.value ?? null;
}

function keep(answer: AccessToken): string {
  token = { value: answer.accessToken, expiresAt: Date.now() + answer.expiresIn * 1000 };
  return answer.accessToken;
}

/** Windows share one refresh cookie, which works once: they take turns. */
const REFRESH_LOCK = "valet-refresh";

/**
 * Asks for a new access token with the refresh cookie. `null` means signed out for good; it throws
 * when the server cannot be reached, which says nothing about the session.
 */
export function refresh(): Promise<string | null> {
  inFlight ??= inTurn().finally(() => {
    inFlight = null;
  });
  return inFlight;
}

async function inTurn(): Promise<string | null> {
  // Outside secure contexts there are no locks; a single window needs none.
  const locks = typeof navigator !== "undefined" && "locks" in navigator ? navigator.locks : null;
  return locks ? locks.request(REFRESH_LOCK, { signal: AbortSignal.timeout(2 * REFRESH_TIMEOUT_MS) }, askForToken) : askForToken();
}

async function askForToken(): Promise<string | null> {
  const answer = await fetch("/api/v1/auth/refresh", {
    method: "POST",
    credentials: "include",
    headers: { "Content-Type": "application/json" },
    body: "{}",
    signal: AbortSignal.timeout(REFRESH_TIMEOUT_MS),
  });
  if (answer.status === 400 || answer.status === 401 || answer.status === 403) {
    token = null;
    return null;
  }
  if (!answer.ok) throw new Error(`refresh answered ${answer.status}`);
  return keep((await answer.json()) as AccessToken);
}

/** A token good for at least a few seconds, renewed first when it is not. */
export async function freshToken(): Promise<string | null> {
  if (token && token.expiresAt - Date.now() > EXPIRY_MARGIN_MS) return token.value;
  return refresh();
}

export function beginSession(answer: SignedIn): void {
  keep(answer);
  useSession.setState({ phase: "signed-in", user: answer.user }, true);
}

export function endSession(reason: "expired" | "chosen", tellOthers = reason === "chosen"): void {
  token = null;
  if (tellOthers) otherWindows?.postMessage("signed-out");
  useSession.setState({ phase: "signed-out", reason }, true);
}

/** On page load: from the refresh cookie to a signed-in person, or to the sign-in page. */
export async function restoreSession(): Promise<void> {
  useSession.setState({ phase: "loading" }, true);
  try {
    const value = await refresh();
    if (!value) {
      useSession.setState({ phase: "signed-out" }, true);
      return;
    }
    const answer = await fetch("/api/v1/auth/me", {
      headers: { Authorization: `Bearer ${value}` },
      signal: AbortSignal.timeout(REFRESH_TIMEOUT_MS),
    });
    if (answer.status === 401) {
      useSession.setState({ phase: "signed-out" }, true);
      return;
    }
    if (!answer.ok) throw new Error(`me answered ${answer.status}`);
    useSession.setState({ phase: "signed-in", user: (await answer.json()) as User }, true);
  } catch {
    useSession.setState({ phase: "unreachable" }, true);
  }
}
