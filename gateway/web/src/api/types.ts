/**
 * The shapes the gateway speaks, under `/api/v1`. Types only, so that the whole file can be replaced
 * by one generated from the gateway's OpenAPI document. Dates are ISO-8601 text in UTC.
 */

export type TaskStatus = "created" | "queued" | "in_progress" | "waiting_human" | "completed" | "failed" | "cancelled";
export type Mode = "copilot" | "autopilot";
export type Outcome = "none" | "sent" | "unknown";
export type Phase =
  | "starting_browser"
  | "navigating"
  | "analyzing"
  | "filling"
  | "reviewing"
  | "submitting"
  | "verifying"
  | "cleanup";

export interface Pagination {
  page: number;
  pageSize: number;
  total: number;
  totalPages: number;
}
export interface Page<T> {
  data: T[];
  pagination: Pagination;
}

export interface User {
  id: string;
  email: string;
  name: string;
  avatarUrl: string | null;
  role: "user" | "admin" | "superadmin";
  subscriptionTier: string;
  createdAt: string;
}
export interface AccessToken {
  accessToken: string;
  tokenType: "Bearer";
  /** Seconds. */
  expiresIn: number;
}
export interface SignedIn extends AccessToken {
  user: User;
}

export type InteractionType =
  | "review"
  | "captcha"
  | "two_factor"
  | "login_required"
  | "bot_check"
  | "rate_limited"
  | "verification"
  | "question"
  | "outcome_unknown";
export interface Interaction {
  type: InteractionType;
  screenshotUrl?: string | null;
  pageUrl?: string | null;
  timeoutSeconds?: number | null;
  message?: string | null;
  pausedAt: string;
  /** Of `outcome_unknown`: the permit of the click that is asked about. The answer names it. */
  permit?: string;
}

export interface Screenshot {
  id: string;
  /** A path with an expiring signature, usable in an img element. */
  url: string;
  step?: number | string | null;
  label?: string | null;
  takenAt: string;
  width: number;
  height: number;
}
export interface Confirmation {
  text: string;
  number: string | null;
  url: string | null;
  at: string;
  /** Whose word it is. */
  by: "site" | "person";
}
export interface ReviewSummary {
  revision: number;
  fields: number;
  needsYou: number;
  worthALook: number;
}

export interface Task {
  id: string;
  jobUrl: string;
  platform: string;
  ats?: string | null;
  status: TaskStatus;
  phase?: Phase | null;
  outcome?: Outcome;
  mode: Mode;
  resumeId?: string | null;
  jobTitle?: string | null;
  companyName?: string | null;
  jobLocation?: string | null;
  progress: number;
  currentStep?: string | null;
  fieldsFilled?: number | null;
  durationSeconds?: number | null;
  errorCode?: string | null;
  errorMessage?: string | null;
  retryCount?: number;
  screenshots?: { items?: Screenshot[] } | null;
  notes?: string | null;
  createdAt: string;
  updatedAt: string;
  startedAt?: string | null;
  completedAt?: string | null;
  submittedAt?: string | null;
  /** While it waits for the person: until when its page stays open; null when it is closed. */
  heldUntil?: string | null;
  confirmation?: Confirmation | null;
  review?: ReviewSummary | null;
  /** Only on the answer for one application, not in lists. */
  interaction?: Interaction | null;
}
export type TaskPage = Page<Task>;

export interface TaskStats {
  total: number;
  completed: number;
  inProgress: number;
  needsReview: number;
}

export type TaskEventType =
  | "state_change"
  | "field_filled"
  | "screenshot_taken"
  | "llm_decision"
  | "error"
  | "captcha_detected"
  | "human_takeover"
  | "checkpoint";
export interface TaskEvent {
  id: string;
  taskId: string;
  eventType: TaskEventType;
  fromStatus: string | null;
  toStatus: string | null;
  eventData: Record<string, unknown> | null;
  createdAt: string;
}

export type FieldKind =
  | "text"
  | "email"
  | "tel"
  | "url"
  | "number"
  | "date"
  | "password"
  | "textarea"
  | "richtext"
  | "select"
  | "combobox"
  | "radio"
  | "checkbox"
  | "checkbox_group"
  | "file"
  | "other";
export type FieldSource = "profile" | "resume" | "qa_bank" | "inferred" | "llm" | "default" | "user" | "page";
export type Band = "sure" | "worth_a_look" | "needs_you";
export interface Box {
  x: number;
  y: number;
  width: number;
  height: number;
}
export interface ReviewField {
  id: string;
  name: string;
  label: string;
  section: string | null;
  step: number;
  kind: FieldKind;
  required: boolean;
  options: { value: string; label: string }[];
  multiple: boolean;
  /** A choice is given by its label; several are joined with "; ". */
  value: string | null;
  source: FieldSource | null;
  sourceDetail: string | null;
  confidence: number | null;
  band: Band;
  note: string | null;
  sensitive: boolean;
  editable: boolean;
  qaBankEntryId: string | null;
  overridden: boolean;
  /** In pixels of the review's screenshot. */
  box: Box | null;
}
export interface ReviewWarning {
  code: string;
  message: string;
}
export interface Review {
  taskId: string;
  revision: number;
  formDigest: string;
  valuesDigest: string;
  pageUrl: string;
  status: "open" | "approved" | "closed";
  screenshot: { id: string; url: string; width: number; height: number } | null;
  counts: { total: number; sure: number; worthALook: number; needsYou: number };
  warnings: ReviewWarning[];
  fields: ReviewField[];
}
export interface ReviewEdit {
  fieldId: string;
  value: string | null;
  remember?: boolean;
}

export type ResumeStatus = "uploading" | "parsing" | "parsed" | "parse_failed";
export interface ParsedResume {
  fullName?: string;
  email?: string;
  phone?: string;
  location?: string;
  summary?: string;
  skills?: string[];
  education?: { school: string; degree: string; fieldOfStudy?: string; startDate?: string; endDate?: string }[];
  workHistory?: { title: string; company: string; location?: string; startDate?: string; endDate?: string }[];
  languages?: string[];
  certifications?: string[];
  websites?: string[];
  totalYearsExperience?: number;
  workAuthorization?: string;
}
export interface Resume {
  id: string;
  filename: string;
  mimeType: string;
  fileSizeBytes: number;
  isDefault: boolean;
  status: ResumeStatus;
  parsedData: ParsedResume | null;
  parsingConfidence: number | null;
  /** Why it could not be read. */
  parseError: { code: string; message: string } | null;
  createdAt: string;
  parsedAt: string | null;
}

export interface Preferences {
  submissionMode: "review_before_submit" | "auto_submit";
  confidenceThreshold: number;
  dailyLimit: number;
  minDelayMinutes: number;
  /** Plain privacy notices are accepted without asking. */
  acceptPrivacyNotices: boolean;
}

export type QaCategory = "work_authorization" | "experience" | "compensation" | "availability" | "identity" | "custom";
export type QaUsageMode = "always_use" | "ask_each_time" | "decline_to_answer";
export interface QaEntry {
  id: string;
  category: QaCategory;
  question: string;
  answer: string;
  usageMode: QaUsageMode;
  source: "user_input" | "resume_inferred" | "application_learned";
  timesUsed: number;
  createdAt: string;
  updatedAt: string;
}

export type ConsentType = "tos_acceptance" | "privacy_policy" | "copilot_disclaimer" | "autopilot_consent";
export interface ConsentRecord {
  id: string;
  type: ConsentType;
  version: string;
  createdAt: string;
}

/** What the socket says. `seq` counts per person without gaps; a message without it is not kept. */
export type ServerMessage = { seq?: number; at?: string } & (
  | { type: "hello" | "reset"; seq: number }
  | {
      type: "task_update";
      taskId: string;
      status: TaskStatus;
      progress?: number;
      currentStep?: string | null;
      phase?: Phase | null;
    }
  | { type: "progress"; taskId: string; step?: string; pct: number; message?: string | null }
  | { type: "field_filled"; taskId: string; fieldId: string; label: string; done: number; total: number }
  | { type: "task_needs_human"; taskId: string; status?: TaskStatus; interaction?: Partial<Interaction> | null }
  | { type: "field_review" | "review_pending" | "task_resumed" | "completed" | "error" | "state_change"; taskId: string }
  | { type: "resume_parsed" | "resume_parse_failed"; resumeId: string }
);
