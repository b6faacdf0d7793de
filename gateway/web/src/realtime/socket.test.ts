import { beforeEach, describe, expect, it } from "vitest";
import type { ServerMessage } from "@/api/types";
import { EventSocket, type LiveState, type SocketLike } from "./socket";

class Wire implements SocketLike {
  onmessage: SocketLike["onmessage"] = null;
  onclose: SocketLike["onclose"] = null;
  closed = false;
  constructor(readonly url: string) {}
  close() {
    this.closed = true;
  }
  say(message: object) {
    this.onmessage?.call(this as never, { data: JSON.stringify(message) } as MessageEvent);
  }
  breaks(code = 1006) {
    this.onclose?.call(this as never, { code } as CloseEvent);
  }
}

function setUp() {
  const wires: Wire[] = [];
  const got: ServerMessage[] = [];
  const states: LiveState[] = [];
  const waits: number[] = [];
  const rejections: boolean[] = [];
  let resets = 0;
  let due: (() => void) | null = null;
  const socket = new EventSocket({
    token: (rejected) => {
      rejections.push(rejected);
      return Promise.resolve("a token&");
    },
    open: (url) => {
      const wire = new Wire(url);
      wires.push(wire);
      return wire;
    },
    onMessage: (message) => got.push(message),
    onReset: () => {
      resets += 1;
    },
    onState: (state) => states.push(state),
    schedule: (run, ms) => {
      due = run;
      waits.push(ms);
      return () => {
        if (due === run) due = null;
      };
    },
    random: () => 0,
  });
  const wire = () => {
    const last = wires.at(-1);
    if (!last) throw new Error("nothing was opened");
    return last;
  };
  /** Lets what waits for the token go on. */
  const settle = () => new Promise<void>((resolve) => setTimeout(resolve));
  const pass = async () => {
    due?.();
    await settle();
  };
  return { socket, wires, wire, got, states, waits, rejections, resets: () => resets, settle, pass };
}

const update = (seq: number) => ({ type: "task_update", taskId: "t", status: "queued", seq });

describe("the event socket", () => {
  let it_: ReturnType<typeof setUp>;
  beforeEach(async () => {
    it_ = setUp();
    it_.socket.start();
    await it_.settle();
  });

  it("begins without a number, reads all again at the greeting, and hands messages on in order", () => {
    expect(it_.wire().url).toBe("/api/v1/ws?token=a%20token%26");
    it_.wire().say({ type: "hello", seq: 7 });
    it_.wire().say(update(8));
    it_.wire().say(update(9));
    expect(it_.resets()).toBe(1);
    expect(it_.got.map((message) => message.seq)).toEqual([8, 9]);
    expect(it_.states).toEqual(["live"]);
  });

  it("resumes after a loss from the last number seen, without reading all again", async () => {
    it_.wire().say({ type: "hello", seq: 7 });
    it_.wire().say(update(8));
    it_.wire().breaks();
    await it_.pass();
    expect(it_.wire().url).toContain("&since=8");
    it_.wire().say({ type: "hello", seq: 10 });
    it_.wire().say(update(9));
    it_.wire().say(update(10));
    expect(it_.got.map((message) => message.seq)).toEqual([8, 9, 10]);
    expect(it_.resets()).toBe(1);
    expect(it_.states).toEqual(["live", "lost", "live"]);
  });

  it("drops what it has seen", () => {
    it_.wire().say({ type: "hello", seq: 7 });
    it_.wire().say(update(8));
    it_.wire().say(update(8));
    it_.wire().say(update(5));
    expect(it_.got).toHaveLength(1);
  });

  it("asks for the missing part of a gap, and reads all again when it stays missing", async () => {
    it_.wire().say({ type: "hello", seq: 7 });
    it_.wire().say(update(10));
    await it_.settle();
    expect(it_.got).toHaveLength(0);
    expect(it_.wires).toHaveLength(2);
    expect(it_.wires[0]?.closed).toBe(true);
    expect(it_.wire().url).toContain("&since=7");
    it_.wire().say({ type: "hello", seq: 10 });
    it_.wire().say(update(10));
    expect(it_.wires).toHaveLength(2);
    expect(it_.resets()).toBe(2);
    it_.wire().say(update(11));
    expect(it_.got.map((message) => message.seq)).toEqual([11]);
  });

  it("reads all again when the server says the number is too old", async () => {
    it_.wire().say({ type: "hello", seq: 7 });
    it_.wire().breaks();
    await it_.pass();
    it_.wire().say({ type: "reset", seq: 900 });
    it_.wire().say(update(901));
    expect(it_.resets()).toBe(2);
    expect(it_.got.map((message) => message.seq)).toEqual([901]);
  });

  it("reads all again when the server's count went back", async () => {
    it_.wire().say({ type: "hello", seq: 70 });
    it_.wire().breaks();
    await it_.pass();
    it_.wire().say({ type: "hello", seq: 3 });
    it_.wire().say(update(4));
    expect(it_.resets()).toBe(2);
    expect(it_.got).toHaveLength(1);
  });

  it("hands on passing figures that have no number", () => {
    it_.wire().say({ type: "hello", seq: 7 });
    it_.wire().say({ type: "field_filled", taskId: "t", fieldId: "f", label: "Name", done: 1, total: 3 });
    expect(it_.got).toHaveLength(1);
  });

  it("waits longer each time, up to half a minute, and begins again at a second once greeted", async () => {
    it_.waits.length = 0;
    for (let round = 0; round < 7; round += 1) {
      it_.wire().breaks();
      await it_.pass();
    }
    // Every second wait is the one for the greeting.
    expect(it_.waits.filter((_, index) => index % 2 === 0)).toEqual([1, 2, 4, 8, 16, 30, 30].map((s) => s * 1000));
    it_.wire().say({ type: "hello", seq: 1 });
    it_.waits.length = 0;
    it_.wire().breaks();
    expect(it_.waits[0]).toBe(1000);
  });

  it("asks for a new token after its own was refused", async () => {
    it_.wire().breaks(4001);
    await it_.pass();
    expect(it_.rejections).toEqual([false, true]);
  });

  it("gives up on a server that never greets", async () => {
    const mute = it_.wire();
    await it_.pass();
    expect(mute.closed).toBe(true);
    expect(it_.states).toEqual(["lost"]);
  });

  it("is silent after stop", () => {
    const wire = it_.wire();
    it_.socket.stop();
    wire.say({ type: "hello", seq: 1 });
    wire.breaks();
    expect(it_.states).toEqual([]);
    expect(it_.wires).toHaveLength(1);
  });
});
