/** From recorded events to the sentences of a timeline, oldest first. Pure. */
import type { Phase, TaskEvent } from "@/api/types";
import { LOOK_WORD, PHASE_WORD, lookOf } from "@/lib/words";
import type { TaskStatus } from "@/api/types";
import { count } from "@/lib/format";

export interface Moment {
  id: string;
  at: string;
  text: string;
  tone: "plain" | "good" | "problem" | "needs";
}

const STATUS: readonly string[] = ["created", "queued", "in_progress", "waiting_human", "completed", "failed", "cancelled"];

function statusMoment(to: string): Pick<Moment, "text" | "tone"> | null {
  if (!STATUS.includes(to)) return null;
  const status = to as TaskStatus;
  const look = lookOf({ status });
  switch (look) {
    case "queued":
      return { text: status === "created" ? "Received" : "Queued", tone: "plain" };
    case "working":
      return { text: "Started working", tone: "plain" };
    case "needs":
      return { text: "Waiting for you", tone: "needs" };
    case "submitted":
      return { text: "Submitted", tone: "good" };
    default:
      return { text: LOOK_WORD[look], tone: look === "failed" ? "problem" : "plain" };
  }
}

const textOf = (data: TaskEvent["eventData"], key: string): string | null => {
  const value = data?.[key];
  return typeof value === "string" && value.trim() ? value : null;
};

function read(event: TaskEvent): Pick<Moment, "text" | "tone"> | null {
  const message = textOf(event.eventData, "message");
  const step = textOf(event.eventData, "step");
  const phase = step && step in PHASE_WORD ? PHASE_WORD[step as Phase] : null;
  switch (event.eventType) {
    case "state_change": {
      if (event.fromStatus === "waiting_human" && event.toStatus === "in_progress") return { text: "Went on", tone: "plain" };
      const moment = event.toStatus && event.toStatus !== event.fromStatus ? statusMoment(event.toStatus) : null;
      if (moment) return moment;
      const text = message ?? phase;
      return text ? { text, tone: "plain" } : null;
    }
    case "error":
      return { text: message ?? "Something went wrong", tone: "problem" };
    case "captcha_detected":
      return { text: message ?? "The page asks for a person", tone: "needs" };
    case "human_takeover": {
      const note = textOf(event.eventData, "note");
      const noted = note ? `: “${note}”` : "";
      if (step === "blocker_resolved") return { text: `You asked to look again${noted}`, tone: "plain" };
      if (step === "outcome_answered") {
        return { text: `You said that it ${event.eventData?.sent === true ? "arrived" : "did not arrive"}${noted}`, tone: "plain" };
      }
      return { text: message ?? "You took over", tone: "needs" };
    }
    case "screenshot_taken":
      return { text: message ?? "Took a picture of the page", tone: "plain" };
    case "field_filled": {
      const filled = event.eventData?.filled;
      if (typeof filled === "number") return { text: `${count(filled, "field")} filled`, tone: "plain" };
      const label = textOf(event.eventData, "label");
      return { text: message ?? (label ? `Filled “${label}”` : "Filled a field"), tone: "plain" };
    }
    case "llm_decision":
      return { text: message ?? "Asked the model about an answer", tone: "plain" };
    case "checkpoint": {
      const text = message ?? (step === "approved" ? "Approved" : step === "permit_returned" ? "It was not submitted" : phase);
      return text ? { text, tone: "plain" } : null;
    }
  }
}

/** `events` as the server gives them, newest first. Repeats of one sentence are told once, with their number. */
export function timeline(events: readonly TaskEvent[]): Moment[] {
  const moments: (Moment & { times: number })[] = [];
  for (const event of [...events].reverse()) {
    const said = read(event);
    if (!said) continue;
    const last = moments.at(-1);
    // The server writes one change as several events of the same instant, some of them in the same words.
    const twin = moments.findLast((moment) => moment.at === event.createdAt && moment.text === said.text);
    if (twin) {
      if (said.tone !== "plain") twin.tone = said.tone;
    } else if (last?.text === said.text) {
      last.times += 1;
      last.at = event.createdAt;
    } else {
      moments.push({ id: event.id, at: event.createdAt, ...said, times: 1 });
    }
  }
  return moments.map(({ times, ...moment }) => ({ ...moment, text: times > 1 ? `${moment.text} (${times})` : moment.text }));
}
