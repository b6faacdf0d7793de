/** What a submitted application turns into: proof. */
import { Check, CircleCheck, Copy, Download } from "lucide-react";
import { useState } from "react";
import type { Review, Task } from "@/api/types";
import { Button } from "@/components/ui/button";
import { exactTime } from "@/lib/format";
import { employerOf, titleOf } from "@/lib/words";
import { sentAnswers } from "../model/review";
import { AnswersList } from "./answers-list";

function download(task: Task, review: Review | null): void {
  const record = {
    employer: task.companyName ?? null,
    title: task.jobTitle ?? null,
    posting: task.jobUrl,
    submittedAt: task.submittedAt ?? task.completedAt ?? null,
    confirmation: task.confirmation ?? null,
    answers: review ? sentAnswers(review) : null,
  };
  const address = URL.createObjectURL(new Blob([JSON.stringify(record, null, 2)], { type: "application/json" }));
  const link = document.createElement("a");
  link.href = address;
  link.download = `application-${employerOf(task).toLowerCase().replace(/[^a-z0-9]+/g, "-")}-${task.id.slice(0, 8)}.json`;
  link.click();
  // The browser has taken its reference by the next turn.
  setTimeout(() => {
    URL.revokeObjectURL(address);
  });
}

function CopyNumber({ number }: { number: string }) {
  const [copied, setCopied] = useState(false);
  return (
    <Button
      variant="quiet"
      size="icon"
      aria-label={copied ? "Copied" : "Copy the confirmation number"}
      onClick={() => {
        navigator.clipboard.writeText(number).then(
          () => {
            setCopied(true);
          },
          () => {
            // Without permission the number is still there to select.
          },
        );
      }}
    >
      {copied ? <Check /> : <Copy />}
    </Button>
  );
}

export function ProofPanel({ task, review }: { task: Task; review: Review | null }) {
  const { confirmation } = task;
  const at = task.submittedAt ?? confirmation?.at ?? task.completedAt;
  return (
    <section aria-label="Proof" className="min-h-0 flex-1 lg:overflow-y-auto">
      <div className="grid gap-5 p-4 sm:p-6">
        <div className="grid gap-1">
          <h2 className="flex items-center gap-2 text-lg font-semibold">
            <CircleCheck aria-hidden className="size-5 text-submitted" />
            Submitted to {employerOf(task)}
          </h2>
          <p className="text-muted-foreground">{titleOf(task)}</p>
        </div>
        <dl className="grid grid-cols-[auto_1fr] items-center gap-x-5 gap-y-2">
          {confirmation?.number ? (
            <>
              <dt className="text-muted-foreground">Number</dt>
              <dd className="flex items-center gap-1 text-lg font-semibold tabular-nums">
                {confirmation.number}
                <CopyNumber number={confirmation.number} />
              </dd>
            </>
          ) : null}
          {at ? (
            <>
              <dt className="text-muted-foreground">When</dt>
              <dd>{exactTime(at)}</dd>
            </>
          ) : null}
          <dt className="text-muted-foreground">Sent by</dt>
          <dd>{task.mode === "copilot" ? "You, after your review" : "Autopilot"}</dd>
        </dl>
        {confirmation ? (
          <figure className="grid gap-1">
            <figcaption className="text-sm text-muted-foreground">{confirmation.by === "person" ? "You said" : "The employer's site said"}</figcaption>
            <blockquote className="border-l-2 border-submitted py-1 pl-3 break-words whitespace-pre-wrap">{confirmation.text}</blockquote>
          </figure>
        ) : null}
        <div>
          <Button
            onClick={() => {
              download(task, review);
            }}
          >
            <Download /> Download as JSON
          </Button>
        </div>
      </div>
      {review ? (
        <AnswersList review={review} title="Exactly what was sent" />
      ) : (
        <p className="border-t px-4 py-3 text-muted-foreground sm:px-6">The single answers of this application are no longer kept.</p>
      )}
    </section>
  );
}
