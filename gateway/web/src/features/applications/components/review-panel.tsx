/** The right pane while the form waits for the person: every answer, and the one button that sends. */
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { CircleCheck, Hand, Search, TriangleAlert } from "lucide-react";
import { useCallback, useEffect, useRef, useState } from "react";
import { api } from "@/api/client";
import { ApiError, asApiError } from "@/api/errors";
import { keys } from "@/api/queries";
import type { Band, Review, ReviewField, Task } from "@/api/types";
import { ErrorNote } from "@/components/notes";
import { Button } from "@/components/ui/button";
import { cn } from "@/lib/cn";
import { count } from "@/lib/format";
import { BAND_WORD, employerOf } from "@/lib/words";
import { announce } from "@/stores/notices";
import { useReviewEditor } from "../hooks/use-review-editor";
import { applyDrafts, countBands, groupFields, isEmpty, missing, neighbour, nextOpen, placeFields, type Places } from "../model/review";
import { AnswerRow } from "./answer-row";
import { HeldPage } from "./held-page";

const BAND_ICON = {
  needs_you: <Hand aria-hidden className="size-3.5 text-needs" />,
  worth_a_look: <Search aria-hidden className="size-3.5 text-muted-foreground" />,
  sure: <CircleCheck aria-hidden className="size-3.5 text-submitted" />,
} satisfies Record<Band, React.ReactNode>;

interface ReviewPanelProps {
  task: Task;
  review: Review;
  hovered: string | null;
  active: string | null;
  onHover: (id: string | null) => void;
  onActive: (id: string | null) => void;
}

/** The server's refusals of Submit, in words that say what to do. */
function explain(error: unknown): ApiError {
  const known = asApiError(error);
  const words: Record<string, string> = {
    STALE_REVIEW: "The employer's form changed meanwhile. Nothing was sent. Look at the answers again, then submit.",
    NEEDS_YOU: "Some required answers are still missing. Nothing was sent.",
    NOT_REVIEWABLE: "This application is no longer waiting for you. Nothing was sent by this press.",
  };
  const message = words[known.code];
  return message ? new ApiError(known.status, known.code, message, known.details, known.requestId) : known;
}

export function ReviewPanel({ task, review, hovered, active, onHover, onActive }: ReviewPanelProps) {
  const client = useQueryClient();
  const { drafts, save, flush } = useReviewEditor(task.id);
  const [editing, setEditing] = useState<string | null>(null);
  const [accepted, setAccepted] = useState<ReadonlySet<string>>(new Set());
  const [places, setPlaces] = useState<Places>({});
  const list = useRef<HTMLDivElement>(null);

  const fields = applyDrafts(review.fields, drafts);
  const placed = placeFields(places, fields);
  // Derived from props with memory: settles in the same pass, before anything is painted.
  if (placed !== places) setPlaces(placed);
  const groups = groupFields(fields, placed);
  const counts = countBands(fields);
  const unseen = fields.filter((field) => field.band === "worth_a_look" && !accepted.has(field.id)).length;
  const lacking = missing(fields);

  const focusRow = useCallback(
    (id: string | null) => {
      onActive(id);
      if (!id) return;
      // After the render that makes it current.
      requestAnimationFrame(() => {
        const row = list.current?.querySelector<HTMLElement>(`[data-field="${CSS.escape(id)}"]`);
        row?.scrollIntoView({ block: "nearest" });
        (row?.querySelector<HTMLElement>("input:not([type=hidden]), textarea, select, button[role=radio], button[role=checkbox]") ?? row)?.focus({ preventScroll: true });
      });
    },
    [onActive],
  );

  const submit = useMutation({
    mutationFn: async () => {
      if (!(await flush())) throw new ApiError(-1, "NOT_SAVED", "Some of your changes could not be saved. Nothing was sent; try those answers again first.");
      const current = client.getQueryData<Review>(keys.review(task.id)) ?? review;
      return api.approve(task.id, current.revision);
    },
    onMutate: () => {
      announce("Submitting the application");
    },
    onSuccess: (answer) => {
      client.setQueryData<Task>(keys.detail(task.id), (old) => ({ ...old, ...answer, interaction: null }));
    },
    onError: (error) => {
      announce(explain(error).message);
    },
    onSettled: () => {
      void client.invalidateQueries({ queryKey: keys.task(task.id) });
      void client.invalidateQueries({ queryKey: keys.tasks });
    },
  });
  const busy = submit.isPending || submit.isSuccess;
  const forgetRefusal = submit.reset;

  const press = () => {
    if (busy) return;
    const first = lacking[0];
    if (first) {
      announce(`${first.label} needs an answer first`);
      if (!first.editable) onActive(first.id);
      else focusRow(first.id);
      return;
    }
    submit.mutate();
  };

  const saveField = useCallback(
    (field: ReviewField, value: string | null, remember: boolean) => {
      save({ fieldId: field.id, value, remember });
      // What was said about the last press is about answers that are no longer these.
      forgetRefusal();
    },
    [save, forgetRefusal],
  );
  const edit = useCallback((id: string, open: boolean) => {
    setEditing((current) => (open ? id : current === id ? null : current));
  }, []);
  const done = (id: string) => {
    setEditing(null);
    focusRow(nextOpen(groups, id, accepted) ?? id);
  };
  const accept = useCallback(
    (field: ReviewField) => {
      if (field.band === "needs_you") {
        if (!isEmpty(field.value)) save({ fieldId: field.id, value: field.value });
      } else {
        setAccepted((all) => new Set(all).add(field.id));
      }
    },
    [save],
  );

  const onKey = (event: KeyboardEvent) => {
    const target = event.target as HTMLElement;
    const typing = target.closest("input, textarea, select, [role=radio], [role=checkbox], [role=dialog], [role=menu]");
    if (typing || event.ctrlKey || event.metaKey || event.altKey) return;
    const field = fields.find((candidate) => candidate.id === active);
    if (event.key === "Enter" && event.shiftKey) {
      event.preventDefault();
      press();
    } else if (event.key === "j" || event.key === "ArrowDown") {
      event.preventDefault();
      focusRow(neighbour(groups, active, 1));
    } else if (event.key === "k" || event.key === "ArrowUp") {
      event.preventDefault();
      focusRow(neighbour(groups, active, -1));
    } else if (event.key === "e" && field) {
      event.preventDefault();
      setEditing(field.id);
    } else if (event.key === "Enter" && field && !(target.closest("button, a") && !target.closest("[data-field]"))) {
      event.preventDefault();
      accept(field);
      const next = nextOpen(groups, field.id, accepted);
      if (next) focusRow(next);
    }
  };
  const handler = useRef(onKey);
  useEffect(() => {
    handler.current = onKey;
  });
  useEffect(() => {
    const listen = (event: KeyboardEvent) => {
      handler.current(event);
    };
    window.addEventListener("keydown", listen);
    return () => {
      window.removeEventListener("keydown", listen);
    };
  }, []);

  return (
    <section aria-label="What we answer" className="flex min-h-0 flex-1 flex-col">
      <div className="flex flex-wrap items-baseline gap-x-2 border-b px-4 py-3">
        <h2 className="font-semibold">{count(counts.total, "answer")}</h2>
        <p className="text-muted-foreground" aria-live="polite">
          {counts.needsYou ? <span className="font-medium text-needs">{counts.needsYou} need{counts.needsYou === 1 ? "s" : ""} you</span> : "none needs you"}
          {" · "}
          {unseen ? `${unseen} worth a look` : "all else looks right"}
        </p>
      </div>
      <div className="border-b px-4 py-2 text-sm text-muted-foreground pointer-coarse:has-[button]:py-0.5">
        {task.heldUntil ? "Page kept open: " : null}
        <HeldPage task={task} closed="your answers are kept, and the form is filled in again when you submit." />
      </div>
      <div ref={list} className="min-h-0 flex-1 lg:overflow-y-auto">
        {review.warnings.map((warning, index) => (
          <p key={index} className="flex items-start gap-2 border-b border-needs-line bg-needs-soft px-4 py-2.5">
            <TriangleAlert aria-hidden className="mt-0.5 size-4 shrink-0 text-needs" />
            {warning.message}
          </p>
        ))}
        {groups.map((group) => (
          <section key={group.band} aria-labelledby={`group-${group.band}`} className="border-b last:border-b-0">
            <h3 id={`group-${group.band}`} className="sticky top-14 z-10 flex items-center gap-2 border-b bg-muted px-4 py-1.5 text-sm font-medium md:top-0">
              {BAND_ICON[group.band]}
              {BAND_WORD[group.band]}
              <span className="text-muted-foreground tabular-nums">{group.fields.length}</span>
            </h3>
            <ul className="divide-y divide-border/60">
              {group.fields.map((field) => (
                <AnswerRow
                  key={field.id}
                  field={field}
                  draft={drafts[field.id]}
                  asked={placed[field.id] === "needs_you" && (field.band === "needs_you" || drafts[field.id]?.state === "failed")}
                  editing={editing === field.id}
                  active={active === field.id}
                  lit={hovered === field.id}
                  accepted={accepted.has(field.id)}
                  onFocus={onActive}
                  onHover={onHover}
                  onEdit={edit}
                  onDone={done}
                  onSave={saveField}
                  onAccept={accept}
                />
              ))}
            </ul>
          </section>
        ))}
      </div>
      <footer className="sticky bottom-[calc(3.5rem+env(safe-area-inset-bottom))] z-10 grid gap-2 border-t bg-card px-4 py-3 md:bottom-0">
        {submit.error ? <ErrorNote error={explain(submit.error)} /> : null}
        <div className="flex flex-wrap items-center gap-x-4 gap-y-2">
          <Button variant="primary" size="lg" onClick={press} aria-disabled={busy || lacking.length > 0} className={cn(!busy && "aria-disabled:opacity-60")}>
            {busy ? "Submitting…" : "Submit application"}
          </Button>
          <div className="min-w-0 flex-1 basis-48">
            <p className="font-medium">{busy ? `Sending to ${employerOf(task)} now.` : "Nothing is sent until you press Submit."}</p>
            <p className="text-sm text-muted-foreground">
              {lacking.length && !busy ? (
                <button type="button" onClick={press} className="underline underline-offset-2">
                  {count(lacking.length, "required answer")} missing
                </button>
              ) : (
                <span className="hidden sm:inline">
                  <Key>e</Key> edits, <Key>Enter</Key> accepts, <Key>Shift Enter</Key> submits
                </span>
              )}
            </p>
          </div>
        </div>
      </footer>
    </section>
  );
}

function Key({ children }: { children: string }) {
  return <kbd className="rounded-sm border px-1 font-sans text-xs">{children}</kbd>;
}
