/**
 * The product's words for what the server calls by code. Everything a person reads about a state,
 * a source or a failure is worded here, so that one thing has one name on every screen.
 */
import type { Band, FieldSource, Interaction, InteractionType, Phase, QaCategory, QaUsageMode, Task } from "@/api/types";
import { parseJobUrl } from "./urls";

export type Look = "queued" | "working" | "needs" | "submitted" | "failed" | "cancelled";

export function lookOf(task: Pick<Task, "status" | "outcome">): Look {
  switch (task.status) {
    case "created":
    case "queued":
      return "queued";
    case "in_progress":
      return "working";
    case "waiting_human":
      return "needs";
    case "completed":
      return "submitted";
    case "failed":
      return "failed";
    case "cancelled":
      return "cancelled";
  }
}

export const LOOK_WORD: Record<Look, string> = {
  queued: "Queued",
  working: "Working",
  needs: "Needs you",
  submitted: "Submitted",
  failed: "Failed",
  cancelled: "Cancelled",
};

export const PHASE_WORD: Record<Phase, string> = {
  starting_browser: "Opening a browser",
  navigating: "Opening the posting",
  analyzing: "Reading the form",
  filling: "Filling the form",
  reviewing: "Checking the answers",
  submitting: "Submitting",
  verifying: "Checking that it arrived",
  cleanup: "Tidying up",
};

export const BAND_WORD: Record<Band, string> = { sure: "Sure", worth_a_look: "Worth a look", needs_you: "Needs you" };

export const SOURCE_WORD: Record<FieldSource, string> = {
  profile: "Profile",
  resume: "Resume",
  qa_bank: "Your answers",
  inferred: "Inferred",
  llm: "Model",
  default: "Default",
  user: "You",
  page: "The page",
};

export const CATEGORY_WORD: Record<QaCategory, string> = {
  work_authorization: "Work authorisation",
  experience: "Experience",
  compensation: "Pay",
  availability: "Availability",
  identity: "About you",
  custom: "Other",
};

export const USAGE_WORD: Record<QaUsageMode, string> = {
  always_use: "Always use",
  ask_each_time: "Ask me each time",
  decline_to_answer: "Decline to answer",
};

function fromUrl(url: string) {
  return parseJobUrl(url).job;
}

export const employerOf = (task: Pick<Task, "companyName" | "jobUrl">): string =>
  task.companyName ?? fromUrl(task.jobUrl)?.employer ?? fromUrl(task.jobUrl)?.host ?? "Unknown employer";

/** Before the page was read there is no title; the address without its host stands in. */
export function titleOf(task: Pick<Task, "jobTitle" | "jobUrl">): string {
  const job = task.jobTitle ? null : fromUrl(task.jobUrl);
  return task.jobTitle ?? (job ? job.canonical.slice(job.canonical.indexOf("/") + 1) : task.jobUrl);
}

/** One application in a sentence: the employer where known, else what the posting is called. */
export const nameOf = (task: Pick<Task, "companyName" | "jobTitle" | "jobUrl">): string =>
  task.companyName ?? fromUrl(task.jobUrl)?.employer ?? titleOf(task);

const ATS_WORD: Record<string, string> = {
  greenhouse: "Greenhouse",
  lever: "Lever",
  workday: "Workday",
  linkedin: "LinkedIn",
  ashby: "Ashby",
  icims: "iCIMS",
  smartrecruiters: "SmartRecruiters",
  workable: "Workable",
  bamboohr: "BambooHR",
  taleo: "Taleo",
  successfactors: "SuccessFactors",
  teamtailor: "Teamtailor",
  jazzhr: "JazzHR",
  breezy: "Breezy",
};

/** The system behind the form: what the page turned out to be, else what its address says. */
export function systemOf(task: Pick<Task, "ats" | "jobUrl">): string | null {
  return ATS_WORD[task.ats ?? ""] ?? fromUrl(task.jobUrl)?.system ?? null;
}

/** What is going on, in a few words. */
export function stepOf(task: Task): string {
  const look = lookOf(task);
  if (look === "queued") return task.currentStep ?? "Waiting for a free browser";
  if (look === "working") return task.currentStep ?? (task.phase ? PHASE_WORD[task.phase] : "Starting");
  if (look === "needs") return wantOf(task);
  if (look === "submitted") return task.confirmation?.number ? `Confirmation ${task.confirmation.number}` : "Received by the employer";
  if (task.outcome === "sent") return "It was sent all the same";
  if (look === "failed") return failureOf(task).title;
  return "Nothing was sent";
}

/** What is wanted, as a title; what can be done about it is the server's sentence. */
const BLOCKER: Record<Exclude<InteractionType, "review" | "question" | "outcome_unknown">, string> = {
  captcha: "Solve a puzzle on the page",
  two_factor: "The site wants a code that was sent to you",
  login_required: "Sign in on the employer's site",
  bot_check: "Pass a check on the page",
  rate_limited: "The site asks to slow down",
  verification: "Confirm something on the page",
};

export type BlockerType = keyof typeof BLOCKER;

export const blockerOf = (interaction: Interaction | null | undefined): BlockerType | null =>
  interaction && interaction.type in BLOCKER ? (interaction.type as BlockerType) : null;

export const blockerTitle = (type: BlockerType): string => BLOCKER[type];

/** What an application that waits wants from the person. */
export function wantOf(task: Task): string {
  const blocker = blockerOf(task.interaction);
  if (blocker) return BLOCKER[blocker];
  if (task.interaction?.type === "outcome_unknown") return "Was it sent? We did not see the answer";
  if (task.review) {
    return task.review.needsYou > 0
      ? `${task.review.needsYou} of ${task.review.fields} answers need you`
      : `Review ${task.review.fields} ${task.review.fields === 1 ? "answer" : "answers"}, then submit`;
  }
  return task.currentStep ?? "Review the answers, then submit";
}

export interface Failure {
  title: string;
  advice: string;
  /** Trying again cannot end differently. */
  final: boolean;
}

/** Said apart on every screen about a failure. */
const NOTHING_SENT = /^Nothing was sent( this time)?\.\s*/;

/** The server's sentences, taken apart: the first is what happened, the rest what to do. */
export function failureOf(task: Pick<Task, "errorCode" | "errorMessage">): Failure {
  const words = task.errorMessage?.trim() ?? "";
  const end = words.indexOf(". ");
  const first = end < 0 ? words.replace(/\.$/, "") : words.slice(0, end);
  const rest = end < 0 ? "" : words.slice(end + 2).replace(NOTHING_SENT, "");
  return {
    title: first || "It could not be finished",
    advice: rest || "Try again, or open the posting and apply there yourself.",
    final: task.errorCode === "JOB_CLOSED" || task.errorCode === "URL_REFUSED",
  };
}

/** What the employer has, said first on every screen about a failure. */
export function sentOf(task: Pick<Task, "outcome" | "status">): string {
  if (task.outcome === "sent") return "Your application was sent.";
  if (task.outcome === "unknown") return "We do not know whether your application was sent.";
  return task.status === "completed" ? "Your application was sent." : "Nothing was sent to the employer.";
}
