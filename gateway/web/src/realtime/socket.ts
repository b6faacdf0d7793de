/**
 * The person's event socket. Delivers each numbered message once and in order, resumes after a loss
 * from the last number seen, and says when it cannot (`onReset`: read everything again).
 * Knows nothing of React or of caches; those are in `apply.ts`.
 */
import type { ServerMessage } from "@/api/types";

export type LiveState = "connecting" | "live" | "lost";

/** The part of WebSocket used here, so that tests can stand in for the network. */
export type SocketLike = Pick<WebSocket, "onmessage" | "onclose" | "close">;

export interface SocketDeps {
  /** A valid token, or `null` when signed out; may throw when the server cannot be reached. */
  token: (rejected: boolean) => Promise<string | null>;
  open: (url: string) => SocketLike;
  onMessage: (message: ServerMessage) => void;
  /** Messages were missed for good: everything on screen may be out of date. */
  onReset: () => void;
  onState: (state: LiveState) => void;
  schedule?: (run: () => void, ms: number) => () => void;
  random?: () => number;
}

const FIRST_DELAY_MS = 1_000;
const LONGEST_DELAY_MS = 30_000;
/** The server greets at once; a socket that stays mute this long is not one. */
const HELLO_TIMEOUT_MS = 10_000;
/** Close code of the contract for a missing, invalid or expired token. */
const BAD_TOKEN = 4001;

const later = (run: () => void, ms: number) => {
  const timer = setTimeout(run, ms);
  return () => {
    clearTimeout(timer);
  };
};

export class EventSocket {
  /** The last number handed on; `null` until the first greeting. */
  private seen: number | null = null;
  private socket: SocketLike | null = null;
  private delay = FIRST_DELAY_MS;
  private cancelTimer: (() => void) | null = null;
  private running = false;
  private rejected = false;
  /** Where a gap was found; a second one at the same place is not repaired by asking again. */
  private gapAt: number | null = null;
  /** Changes with every connection, so that a late answer for an old one is ignored. */
  private attempt = 0;

  constructor(private readonly deps: SocketDeps) {}

  start(): void {
    if (this.running) return;
    this.running = true;
    void this.connect();
  }

  stop(): void {
    this.running = false;
    this.attempt += 1;
    this.cancelTimer?.();
    this.drop();
  }

  /** The network is back, or the page is: do not sit out the rest of the delay. */
  nudge(): void {
    if (!this.running || this.socket) return;
    this.delay = FIRST_DELAY_MS;
    void this.connect();
  }

  private drop(): void {
    const old = this.socket;
    this.socket = null;
    if (!old) return;
    old.onmessage = old.onclose = null;
    old.close();
  }

  private arm(run: () => void, ms: number): void {
    this.cancelTimer?.();
    this.cancelTimer = (this.deps.schedule ?? later)(run, ms);
  }

  private async connect(): Promise<void> {
    this.cancelTimer?.();
    const attempt = ++this.attempt;
    let token: string | null;
    try {
      token = await this.deps.token(this.rejected);
    } catch {
      if (attempt === this.attempt) this.retryLater();
      return;
    }
    if (attempt !== this.attempt || !this.running) return;
    if (token === null) {
      this.stop();
      return;
    }
    this.rejected = false;
    const since = this.seen === null ? "" : `&since=${this.seen}`;
    const socket = this.deps.open(`/api/v1/ws?token=${encodeURIComponent(token)}${since}`);
    this.socket = socket;
    socket.onmessage = (event) => {
      if (typeof event.data === "string") this.receive(event.data);
    };
    socket.onclose = (event) => {
      this.rejected = event.code === BAD_TOKEN;
      this.socket = null;
      this.retryLater();
    };
    this.arm(() => {
      this.drop();
      this.retryLater();
    }, HELLO_TIMEOUT_MS);
  }

  private retryLater(): void {
    if (!this.running) return;
    this.deps.onState("lost");
    // Up to a quarter early, so that a restarted server is not met by everyone in one instant.
    const wait = this.delay * (1 - 0.25 * (this.deps.random ?? Math.random)());
    this.delay = Math.min(this.delay * 2, LONGEST_DELAY_MS);
    this.arm(() => void this.connect(), wait);
  }

  private receive(text: string): void {
    let message: ServerMessage;
    try {
      message = JSON.parse(text) as ServerMessage;
    } catch {
      return;
    }
    if (message.type === "hello") {
      this.greeted(message.seq);
    } else if (message.type === "reset") {
      this.live();
      this.seen = message.seq;
      this.deps.onReset();
    } else if (message.seq === undefined) {
      this.deps.onMessage(message);
    } else {
      this.number(message, message.seq);
    }
  }

  private live(): void {
    this.cancelTimer?.();
    this.delay = FIRST_DELAY_MS;
    this.deps.onState("live");
  }

  private greeted(seq: number): void {
    this.live();
    if (this.seen === null) {
      // What was read before the greeting may be older than it.
      this.seen = seq;
      this.deps.onReset();
    } else if (seq < this.seen) {
      // The server's counter went back: it is not the history we knew.
      this.seen = seq;
      this.deps.onReset();
    }
  }

  private number(message: ServerMessage, seq: number): void {
    if (this.seen !== null && seq <= this.seen) return;
    if (this.seen !== null && seq > this.seen + 1) {
      if (this.gapAt !== this.seen) {
        this.gapAt = this.seen;
        this.drop();
        void this.connect();
        return;
      }
      this.seen = seq;
      this.deps.onReset();
      return;
    }
    this.seen = seq;
    this.deps.onMessage(message);
  }
}
