import { Check, CircleAlert, Pencil } from "lucide-react";
import { memo, type Ref } from "react";
import type { ReviewField } from "@/api/types";
import { Button } from "@/components/ui/button";
import { cn } from "@/lib/cn";
import { BAND_WORD, SOURCE_WORD } from "@/lib/words";
import { controlOf, isEmpty, type Draft } from "../model/review";
import { FieldEditor } from "./field-editor";

const BAND_TONE = { sure: "text-muted-foreground", worth_a_look: "text-foreground", needs_you: "text-needs" } as const;

export interface AnswerRowProps {
  field: ReviewField;
  draft: Draft | undefined;
  /** Its editor stands open because an answer is wanted. */
  asked: boolean;
  editing: boolean;
  active: boolean;
  lit: boolean;
  accepted: boolean;
  onFocus: (id: string) => void;
  onHover: (id: string | null) => void;
  onEdit: (id: string, open: boolean) => void;
  onDone: (id: string) => void;
  onSave: (field: ReviewField, value: string | null, remember: boolean) => void;
  onAccept: (field: ReviewField) => void;
  ref?: Ref<HTMLLIElement>;
}

/** Where a value is from, in a word; the detail on hover. */
export function SourceChip({ field, hint }: { field: Pick<ReviewField, "source" | "sourceDetail">; hint?: string }) {
  if (!field.source) return null;
  const more = [field.sourceDetail, hint].filter(Boolean).join(" · ");
  return (
    <span title={more || undefined} className="rounded-sm border px-1.5 text-xs text-muted-foreground">
      {SOURCE_WORD[field.source] ?? field.source}
      {more ? <span className="sr-only">: {more}</span> : null}
    </span>
  );
}

function Confidence({ field, accepted }: { field: ReviewField; accepted: boolean }) {
  const number = field.confidence === null ? null : field.confidence.toFixed(2);
  if (accepted || (field.overridden && field.band === "sure")) {
    return (
      <span className="flex items-center justify-end gap-1 text-submitted" title={number ? `Confidence was ${number}` : undefined}>
        <Check aria-hidden className="size-3.5" strokeWidth={2.5} />
        {accepted ? "Looked at" : "Set by you"}
      </span>
    );
  }
  return (
    <span className={BAND_TONE[field.band]} title={number ? `Confidence ${number}` : "No confidence is known for this answer"}>
      {BAND_WORD[field.band]}
      {number ? <span className="sr-only">, confidence {number}</span> : null}
    </span>
  );
}

export const AnswerRow = memo(function AnswerRow({ field, draft, asked, editing, active, lit, accepted, onFocus, onHover, onEdit, onDone, onSave, onAccept, ref }: AnswerRowProps) {
  const fixed = controlOf(field) === "none";
  const open = !fixed && (editing || asked);
  // Under the heading "Sure" the word would only repeat it; the number stays on hover.
  const plain = field.band === "sure" && !field.overridden && field.source !== null;
  const sureness = field.confidence === null ? BAND_WORD.sure : `${BAND_WORD.sure}, confidence ${field.confidence.toFixed(2)}`;
  const canAccept = !open && field.band === "worth_a_look" && !accepted;
  return (
    <li
      ref={ref}
      data-field={field.id}
      tabIndex={-1}
      aria-current={active ? "true" : undefined}
      onFocus={(event) => {
        // Tabbing into the row's controls makes it the current one as well.
        if (event.target === event.currentTarget || event.currentTarget.contains(event.target)) onFocus(field.id);
      }}
      onPointerEnter={() => {
        onHover(field.id);
      }}
      onPointerLeave={() => {
        onHover(null);
      }}
      className={cn(
        "group grid scroll-my-24 gap-x-4 gap-y-1 border-l-2 border-l-transparent px-4 py-2.5 outline-none sm:grid-cols-[minmax(0,4fr)_minmax(0,6fr)_6rem] sm:py-2",
        lit && "bg-hover",
        active && "border-l-primary bg-primary-soft/60",
      )}
    >
      <div className="min-w-0 text-sm text-muted-foreground sm:pt-px">
        <span className="break-words">{field.label}</span>
        {field.required ? (
          <span title="Required" className="text-needs">
            {"\u00a0*"}
            <span className="sr-only"> required</span>
          </span>
        ) : null}
        {field.note && field.band !== "sure" ? <p className={cn("mt-1 first-letter:uppercase", field.band === "needs_you" && "text-needs")}>{field.note}</p> : null}
      </div>
      <div className="min-w-0">
        {open ? (
          <FieldEditor
            field={field}
            focus={editing && !asked}
            onSave={(value, remember) => {
              onSave(field, value, remember);
            }}
            onEnter={() => {
              onEdit(field.id, true);
            }}
            onLeave={() => {
              onEdit(field.id, false);
            }}
            onDone={() => {
              onDone(field.id);
            }}
          />
        ) : (
          <div className="flex items-start gap-1">
            {fixed ? (
              <Value field={field} />
            ) : (
              <button
                type="button"
                tabIndex={active ? 0 : -1}
                aria-label={`Edit ${field.label}`}
                onClick={() => {
                  onEdit(field.id, true);
                }}
                className="flex min-w-0 flex-1 items-start justify-between gap-2 rounded-sm text-left pointer-coarse:min-h-11"
              >
                <Value field={field} />
                <Pencil aria-hidden className="mt-1 size-3.5 shrink-0 text-muted-foreground opacity-0 transition-opacity group-hover:opacity-100 group-aria-[current=true]:opacity-100" />
              </button>
            )}
          </div>
        )}
        {draft?.state === "failed" ? (
          <p role="alert" className="mt-1 flex flex-wrap items-center gap-x-2 text-sm text-failed">
            <CircleAlert aria-hidden className="size-3.5" />
            Not saved. {draft.problem}
            <Button
              variant="link"
              size="text"
              className="text-sm"
              onClick={() => {
                onSave(field, draft.value, draft.remember);
              }}
            >
              Try again
            </Button>
          </p>
        ) : null}
      </div>
      <div className="flex flex-wrap items-center gap-x-2 gap-y-0.5 text-xs sm:flex-col sm:items-end sm:pt-0.5">
        {draft?.state === "saving" ? <span className="text-muted-foreground">Saving…</span> : plain ? null : <Confidence field={field} accepted={accepted} />}
        {field.source === "user" ? null : <SourceChip field={field} hint={plain ? sureness : undefined} />}
        {canAccept ? (
          <Button
            variant="link"
            size="text"
            className="text-xs"
            tabIndex={active ? 0 : -1}
            onClick={() => {
              onAccept(field);
            }}
          >
            Looks right
          </Button>
        ) : null}
      </div>
    </li>
  );
});

export function Value({ field }: { field: Pick<ReviewField, "value" | "required"> }) {
  return isEmpty(field.value) ? (
    <span className={field.required ? "text-needs" : "text-muted-foreground"}>{field.required ? "No answer yet" : "Left empty"}</span>
  ) : (
    <span className="min-w-0 font-medium break-words whitespace-pre-wrap">{field.value}</span>
  );
}
