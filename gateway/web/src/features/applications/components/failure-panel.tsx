/** What went wrong, what is safe, what to do: in this order. */
import { CircleSlash, CircleX, ShieldCheck, ShieldQuestion } from "lucide-react";
import type { ReactNode } from "react";
import type { Review, Task } from "@/api/types";
import { failureOf, sentOf } from "@/lib/words";
import { AnswersList } from "./answers-list";

export function FailurePanel({ task, review, actions }: { task: Task; review: Review | null; actions: ReactNode }) {
  const cancelled = task.status === "cancelled";
  const failure = failureOf(task);
  const safe = (task.outcome ?? "none") === "none";
  return (
    <section aria-label={cancelled ? "Cancelled" : "What went wrong"} className="min-h-0 flex-1 lg:overflow-y-auto">
      <div className="grid gap-4 p-4 sm:p-6">
        <h2 className="flex items-start gap-2 text-lg font-semibold">
          {cancelled ? <CircleSlash aria-hidden className="mt-0.5 size-5 shrink-0 text-queued" /> : <CircleX aria-hidden className="mt-0.5 size-5 shrink-0 text-failed" />}
          {cancelled ? "You cancelled this application" : failure.title}
        </h2>
        <p className="flex items-center gap-2 font-medium">
          {safe ? <ShieldCheck aria-hidden className="size-4 shrink-0 text-submitted" /> : <ShieldQuestion aria-hidden className="size-4 shrink-0 text-needs" />}
          {sentOf(task)}
        </p>
        {cancelled ? null : <p className="break-words">{failure.advice}</p>}
        <div className="flex flex-wrap gap-2">{actions}</div>
        {task.errorCode && !cancelled ? <p className="text-xs text-muted-foreground select-all">Code {task.errorCode}</p> : null}
      </div>
      {review ? <AnswersList review={review} title={safe ? "What had been filled in" : "What was filled in"} /> : null}
    </section>
  );
}
