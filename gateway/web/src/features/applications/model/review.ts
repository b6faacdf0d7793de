/**
 * The review as a person works on it: values, groups and what still stands in the way of Submit.
 * Pure; `use-review-editor.ts` saves.
 */
import type { Band, Review, ReviewField } from "@/api/types";

/** A value entered here and not yet confirmed by the server. */
export interface Draft {
  value: string | null;
  remember: boolean;
  state: "saving" | "failed";
  problem?: string;
}
export type Drafts = Readonly<Record<string, Draft>>;

export const BANDS: readonly Band[] = ["needs_you", "worth_a_look", "sure"];

/** How the server writes a ticked box; an unticked one is no value. */
export const TICKED = "Yes";
const SEPARATOR = "; ";

export const isEmpty = (value: string | null): boolean => value === null || value.trim() === "";

/**
 * The labels chosen in a joined value. Option labels are matched whole first, because a label may
 * itself contain the separator; what matches none is kept as it is rather than lost.
 */
export function splitChoices(value: string | null, options: ReviewField["options"]): string[] {
  const labels = options.map((option) => option.label).sort((a, b) => b.length - a.length);
  const chosen: string[] = [];
  let rest = value ?? "";
  while (rest) {
    const label = labels.find((candidate) => rest === candidate || rest.startsWith(candidate + SEPARATOR));
    const end = rest.indexOf(SEPARATOR);
    const piece = label ?? (end === -1 ? rest : rest.slice(0, end));
    if (piece) chosen.push(piece);
    rest = rest.slice(piece.length + SEPARATOR.length);
  }
  return chosen;
}

/** In the form's order, so that ticking back and forth is no change. */
export function joinChoices(chosen: readonly string[], options: ReviewField["options"]): string | null {
  const order = options.map((option) => option.label);
  const known = order.filter((label) => chosen.includes(label));
  const others = chosen.filter((label) => !order.includes(label));
  return [...known, ...others].join(SEPARATOR) || null;
}

/** The field as it will be once the draft is saved. */
function withDraft(field: ReviewField, draft: Draft | undefined): ReviewField {
  if (!draft) return field;
  return {
    ...field,
    value: draft.value,
    source: "user",
    sourceDetail: null,
    confidence: null,
    overridden: true,
    note: null,
    band: field.required && isEmpty(draft.value) ? "needs_you" : "sure",
  };
}

export const applyDrafts = (fields: readonly ReviewField[], drafts: Drafts): ReviewField[] =>
  fields.map((field) => withDraft(field, drafts[field.id]));

export interface Counts {
  total: number;
  sure: number;
  worthALook: number;
  needsYou: number;
}

export function countBands(fields: readonly ReviewField[]): Counts {
  const of = (band: Band) => fields.filter((field) => field.band === band).length;
  return { total: fields.length, sure: of("sure"), worthALook: of("worth_a_look"), needsYou: of("needs_you") };
}

/** Required fields without a value: the server refuses to submit while there is one. */
export const missing = (fields: readonly ReviewField[]): ReviewField[] =>
  fields.filter((field) => field.required && isEmpty(field.value));

export type Places = Readonly<Record<string, Band>>;

/**
 * The group each field is shown in. A field stays where it was first seen, so that a row does not
 * jump away from under the hand that just answered it; it moves only when it turns out to be worse.
 */
export function placeFields(before: Places, fields: readonly ReviewField[]): Places {
  let changed = Object.keys(before).length !== fields.length;
  const places: Record<string, Band> = {};
  for (const field of fields) {
    const old = before[field.id];
    const place = old !== undefined && BANDS.indexOf(old) <= BANDS.indexOf(field.band) ? old : field.band;
    places[field.id] = place;
    changed ||= place !== old;
  }
  return changed ? places : before;
}

export interface Group {
  band: Band;
  fields: ReviewField[];
}

export const groupFields = (fields: readonly ReviewField[], places: Places): Group[] =>
  BANDS.map((band) => ({ band, fields: fields.filter((field) => (places[field.id] ?? field.band) === band) })).filter(
    (group) => group.fields.length > 0,
  );

/** Whether the person still has something to do with this field. */
export const isOpen = (field: ReviewField, accepted: ReadonlySet<string>): boolean =>
  field.band === "needs_you" || (field.band === "worth_a_look" && !accepted.has(field.id));

/** The next open field after `id` in reading order, beginning again at the top; `null` when all is done. */
export function nextOpen(groups: readonly Group[], id: string | null, accepted: ReadonlySet<string>): string | null {
  const order = groups.flatMap((group) => group.fields);
  const at = order.findIndex((field) => field.id === id);
  const turned = [...order.slice(at + 1), ...order.slice(0, at + 1)];
  return turned.find((field) => field.id !== id && isOpen(field, accepted))?.id ?? null;
}

export function neighbour(groups: readonly Group[], id: string | null, by: 1 | -1): string | null {
  const order = groups.flatMap((group) => group.fields);
  const at = order.findIndex((field) => field.id === id);
  if (at === -1) return order[0]?.id ?? null;
  return order[Math.min(order.length - 1, Math.max(0, at + by))]?.id ?? null;
}

/** Files and single ticks are decisions about this application, not answers for the next one. */
export const canRemember = (field: ReviewField): boolean => field.kind !== "file" && field.kind !== "checkbox";

/** On for answers Valet did not have; off for what is delicate or already known. */
export const rememberByDefault = (field: ReviewField): boolean =>
  canRemember(field) && !field.sensitive && isEmpty(field.value) && field.qaBankEntryId === null;

export type ControlKind = "text" | "textarea" | "choice" | "radio" | "checkbox" | "choices" | "date" | "none";

/** Above this many a list of radios is longer than a select is opaque. */
const MOST_RADIOS = 6;

/** How the field is edited here, which need not be how the employer's page does it. */
export function controlOf(field: ReviewField): ControlKind {
  if (!field.editable) return "none";
  const options = field.options.length;
  switch (field.kind) {
    case "textarea":
    case "richtext":
      return "textarea";
    case "checkbox":
      return "checkbox";
    case "checkbox_group":
      return options ? "choices" : "text";
    case "radio":
      return options === 0 ? "text" : options <= MOST_RADIOS ? "radio" : "choice";
    case "select":
      return field.multiple && options ? "choices" : options ? "choice" : "text";
    case "combobox":
      // Its options may depend on what is typed, so one that is not listed is possible.
      return field.multiple && options ? "choices" : "text";
    case "date":
      return isEmpty(field.value) || /^\d{4}-\d{2}-\d{2}$/.test(field.value ?? "") ? "date" : "text";
    case "file":
    case "password":
      return "none";
    default:
      return "text";
  }
}

/** What was sent, as kept by the person who sent it. */
export function sentAnswers(review: Review): { label: string; value: string | null; source: string | null }[] {
  return review.fields.map(({ label, value, source }) => ({ label, value, source }));
}
