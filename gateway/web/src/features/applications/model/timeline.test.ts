import { expect, it } from "vitest";
import type { TaskEvent } from "@/api/types";
import { timeline } from "./timeline";

let next = 0;
const event = (eventType: TaskEvent["eventType"], eventData: TaskEvent["eventData"], from: string | null = null, to: string | null = null): TaskEvent => {
  next += 1;
  return { id: String(next), taskId: "t", eventType, fromStatus: from, toStatus: to, eventData, createdAt: `2026-01-01T00:00:${String(next).padStart(2, "0")}.000Z` };
};

it("tells the oldest first, in words, repeats once", () => {
  const told = [
    event("state_change", {}, null, "created"),
    event("checkpoint", { step: "analyzing" }),
    event("screenshot_taken", {}),
    event("screenshot_taken", {}),
    event("state_change", {}, "in_progress", "waiting_human"),
    event("error", { message: "The page went away" }),
    event("state_change", { nonsense: 1 }, "failed", "failed"),
  ].reverse();
  expect(timeline(told).map(({ text, tone }) => `${tone}: ${text}`)).toEqual([
    "plain: Received",
    "plain: Reading the form",
    "plain: Took a picture of the page (2)",
    "needs: Waiting for you",
    "problem: The page went away",
  ]);
});

it("shows no unknown status by its code", () => {
  expect(timeline([event("state_change", null, "queued", "weird_state")])).toEqual([]);
});

it("tells one change written as several events of one instant once", () => {
  const at = "2026-01-01T01:00:00.000Z";
  const told = [
    event("field_filled", { filled: 15 }),
    event("checkpoint", { step: "reviewing", message: "Ready for your review" }),
    event("state_change", {}, "in_progress", "waiting_human"),
    event("human_takeover", { step: "review", message: "Ready for your review" }),
  ]
    .map((each) => ({ ...each, createdAt: at }))
    .reverse();
  expect(timeline(told).map(({ text, tone }) => `${tone}: ${text}`)).toEqual(["plain: 15 fields filled", "needs: Ready for your review", "needs: Waiting for you"]);
});

it("tells what the person said, in their words", () => {
  const told = [
    event("human_takeover", { step: "blocker_resolved", note: "solved it" }),
    event("human_takeover", { step: "outcome_answered", sent: false, note: null }),
  ].reverse();
  expect(timeline(told).map(({ text }) => text)).toEqual(["You asked to look again: “solved it”", "You said that it did not arrive"]);
});
