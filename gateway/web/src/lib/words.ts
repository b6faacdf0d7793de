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

const BLOCKER: Record<Exclude<InteractionType, "review" | "question" | "outcome_unknown">, { title: string; what: string }> = {
  captcha: {
    title: "Solve a puzzle on the page",
    what: "The employer's site wants to see that a person is there. Valet does not get around such checks: look again later, or open the page and apply there yourself.",
  },
  two_factor: { title: "Enter the code sent to you", what: "The site sent a code to your phone or e-mail and waits for it." },
  login_required: {
    title: "Sign in on the employer's site",
    what: "This form is behind a sign-in, and Valet never makes accounts or chooses passwords for you. Open the page and apply there with your own account, or let Valet look again if it opened meanwhile.",
  },
  bot_check: {
    title: "Pass a check on the page",
    what: "The employer's site is checking for automation. Valet does not get around such checks: look again later, or open the page and apply there yourself.",
  },
  rate_limited: { title: "The site asks to slow down", what: "It answers no more requests for now. Waiting a few minutes usually helps." },
  verification: { title: "Confirm something on the page", what: "The site asks for a confirmation that only you can give." },
};

export type BlockerType = keyof typeof BLOCKER;

export const blockerOf = (interaction: Interaction | null | undefined): BlockerType | null =>
  interaction && interaction.type in BLOCKER ? (interaction.type as BlockerType) : null;

export const blockerWords = (type: BlockerType) => BLOCKER[type];

/** What an application that waits wants from the person. */
export function wantOf(task: Task): string {
  const blocker = blockerOf(task.interaction);
  if (blocker) return BLOCKER[blocker].title;
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
  final?: true;
}

const AGAIN = "Trying again fills the form afresh and sends it only when you press Submit.";

const FAILURES: Record<string, Failure> = {
  URL_REFUSED: {
    title: "This address cannot be opened",
    advice: "Valet opens public job postings only. Check the address and apply with the right one.",
  },
  PAGE_NOT_FOUND: { title: "The posting is gone", advice: "The site says this page does not exist. The job may have been closed." },
  PAGE_UNREACHABLE: {
    title: "The employer's site did not answer",
    advice: "Try again in a few minutes, or open the posting yourself to see whether it loads.",
  },
  PAGE_TIMEOUT: { title: "The employer's site took too long", advice: "It may be slow today. Try again, or open the posting yourself." },
  NOT_A_FORM: {
    title: "No application form on this page",
    advice: "Open the posting, find the page with the form itself and apply with its address.",
  },
  JOB_CLOSED: { title: "The job takes no more applications", advice: "The posting says it is closed. There is nothing to try again.", final: true },
  ALREADY_APPLIED: { title: "You already applied to this job", advice: "Apply in copilot mode if you want to send it a second time." },
  LOGIN_REQUIRED: { title: "The form is behind a sign-in", advice: "Open the posting and apply there with your own account." },
  FILL_FAILED: {
    title: "Some fields could not be filled",
    advice: "Try again, or open the posting and fill it in yourself; your answers are listed here.",
  },
  SUBMIT_REJECTED: {
    title: "The employer's form refused an answer",
    advice: "Try again and look at the answers the form complained about.",
  },
  NOT_SENT: { title: "Not sent, as you told us", advice: AGAIN },
  REVIEW_EXPIRED: { title: "The review waited too long", advice: "Your answers are kept. " + AGAIN },
  BROWSER_LOST: { title: "The browser went away", advice: "Trying again opens a new one. " + AGAIN },
  BROWSER_START_FAILED: { title: "No browser could be opened", advice: "Try again in a few minutes." },
  HOST_LOST: { title: "The browser's machine went away", advice: "Trying again uses another one. " + AGAIN },
  ARTIFACT_STORAGE_FULL: { title: "There is no room left for pictures of the page", advice: "Whoever runs this Valet has to make room; then try again." },
  QUARANTINED: { title: "This application kept failing", advice: "It was stopped so that it does no harm. Try again, or apply yourself." },
};

export function failureOf(task: Pick<Task, "errorCode" | "errorMessage">): Failure {
  const known = FAILURES[task.errorCode ?? ""];
  return known ?? {
    title: task.errorMessage ?? "It could not be finished",
    advice: "Try again, or open the posting and apply there yourself.",
  };
}

/** What the employer has, said first on every screen about a failure. */
export function sentOf(task: Pick<Task, "outcome" | "status">): string {
  if (task.outcome === "sent") return "Your application was sent.";
  if (task.outcome === "unknown") return "We do not know whether your application was sent.";
  return task.status === "completed" ? "Your application was sent." : "Nothing was sent to the employer.";
}
