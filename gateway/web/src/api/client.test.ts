import { beforeEach, describe, expect, it, vi } from "vitest";
import { api, call } from "./client";
import { ApiError } from "./errors";
import { accessToken, beginSession, useSession } from "./session";
import type { User } from "./types";

interface Sent {
  url: string;
  token: string | null;
  key: string | null;
}

let sent: Sent[];
/** Answers by path; a function may count on `sent`. */
let answers: Record<string, (request: Sent) => Response | Promise<Response>>;

const json = (status: number, body: unknown, headers: Record<string, string> = {}) =>
  new Response(JSON.stringify(body), { status, headers: { "content-type": "application/json", ...headers } });
const refreshes = () => sent.filter((request) => request.url === "/api/v1/auth/refresh").length;

beforeEach(() => {
  sent = [];
  answers = {};
  vi.stubGlobal("fetch", (url: string, init: RequestInit = {}) => {
    const headers = new Headers(init.headers);
    const request = { url, token: headers.get("authorization"), key: headers.get("idempotency-key") };
    sent.push(request);
    const path = url.replace("/api/v1", "").split("?")[0] ?? "";
    const answer = answers[path];
    return answer ? Promise.resolve(answer(request)) : Promise.reject(new TypeError("no network"));
  });
  beginSession({ accessToken: "old", tokenType: "Bearer", expiresIn: 900, user: { id: "u" } as User });
});

const guarded = (request: Sent) => (request.token === "Bearer new" ? json(200, { data: [] }) : json(401, { error: "UNAUTHORIZED", message: "expired" }));
const renewed = () => json(200, { accessToken: "new", tokenType: "Bearer", expiresIn: 900 });

describe("an expired token", () => {
  it("is renewed once for all calls that find it, and each is sent once more", async () => {
    let release: (answer: Response) => void = () => undefined;
    answers = { "/resumes": guarded, "/qa-bank": guarded, "/auth/refresh": () => new Promise((resolve) => { release = resolve; }) };
    const all = Promise.all([api.resumes(), api.answers(), api.resumes()]);
    await vi.waitFor(() => {
      expect(sent).toHaveLength(4);
    });
    release(renewed());
    await all;
    expect(refreshes()).toBe(1);
    expect(sent.filter((request) => request.token === "Bearer new")).toHaveLength(3);
    expect(accessToken()).toBe("new");
  });

  it("that another call has renewed meanwhile is not renewed again", async () => {
    let release: (answer: Response) => void = () => undefined;
    answers = {
      "/resumes": guarded,
      "/qa-bank": (request) => (request.token === "Bearer old" ? new Promise((resolve) => { release = resolve; }) : json(200, { data: [] })),
      "/auth/refresh": renewed,
    };
    const slow = api.answers();
    await api.resumes();
    release(json(401, {}));
    await slow;
    expect(refreshes()).toBe(1);
  });

  it("is not tried a third time", async () => {
    answers = { "/resumes": () => json(401, { error: "UNAUTHORIZED", message: "no" }), "/auth/refresh": renewed };
    await expect(api.resumes()).rejects.toMatchObject({ status: 401 });
    expect(sent.filter((request) => request.url === "/api/v1/resumes")).toHaveLength(2);
  });

  it("that cannot be renewed ends the session", async () => {
    answers = { "/resumes": guarded, "/auth/refresh": () => json(401, {}) };
    await expect(api.resumes()).rejects.toBeInstanceOf(ApiError);
    expect(useSession.getState()).toMatchObject({ phase: "signed-out", reason: "expired" });
  });

  it("does not end the session when the server cannot be reached", async () => {
    answers = { "/resumes": guarded };
    await expect(api.resumes()).rejects.toMatchObject({ code: "UNREACHABLE" });
    expect(useSession.getState().phase).toBe("signed-in");
  });

  it("keeps the idempotency key on the repeat", async () => {
    answers = { "/tasks": (request) => (request.token === "Bearer new" ? json(201, {}) : json(401, {})), "/auth/refresh": renewed };
    await api.createTask({ jobUrl: "https://x.example", mode: "copilot", resumeId: "r" }, "key-1");
    expect(sent.filter((request) => request.url === "/api/v1/tasks").map((request) => request.key)).toEqual(["key-1", "key-1"]);
  });
});

describe("errors", () => {
  it("carry code, message, details and the request to quote", async () => {
    answers = { "/tasks": () => json(400, { error: "URL_REFUSED", message: "no", details: { reason: "scheme" } }, { "x-request-id": "r-1" }) };
    await expect(call("GET", "/tasks")).rejects.toMatchObject({ status: 400, code: "URL_REFUSED", details: { reason: "scheme" }, requestId: "r-1" });
  });

  it("read the contract's validation shape by member", async () => {
    const bodyErrors = { name: "ZodError", issues: [{ code: "too_small", path: ["password"], message: "At least 8 characters" }] };
    answers = { "/auth/register": () => json(400, { bodyErrors, pathParameterErrors: null, queryParameterErrors: null, headerErrors: null }) };
    await expect(api.register({ email: "a@b.c", name: "A", password: "x" })).rejects.toMatchObject({
      message: "At least 8 characters",
      fields: { password: "At least 8 characters" },
    });
  });

  it("survive an answer that is not JSON", async () => {
    answers = { "/resumes": () => new Response("<html>bad gateway</html>", { status: 502 }) };
    await expect(api.resumes()).rejects.toMatchObject({ status: 502, code: "UNKNOWN" });
  });
});
