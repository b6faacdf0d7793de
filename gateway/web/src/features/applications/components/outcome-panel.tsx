/** Submit was pressed, but nobody saw the answer. Only the person can find out; Valet never presses twice. */
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { CircleHelp } from "lucide-react";
import { useState } from "react";
import { api } from "@/api/client";
import { keys } from "@/api/queries";
import type { Review, Task } from "@/api/types";
import { ErrorNote } from "@/components/notes";
import { Button } from "@/components/ui/button";
import { Input } from "@/components/ui/input";
import { exactTime } from "@/lib/format";
import { employerOf } from "@/lib/words";
import { AnswersList } from "./answers-list";

/** The server takes no more. */
const NOTE_MAX = 1_000;

export function OutcomePanel({ task, review }: { task: Task; review: Review | null }) {
  const client = useQueryClient();
  const [note, setNote] = useState("");
  const answer = useMutation({
    mutationFn: (value: "sent" | "not_sent") =>
      api.answerOutcome(task.id, { answer: value, permit: task.interaction?.permit, note: note.trim() || undefined }),
    onSuccess: (next) => {
      client.setQueryData<Task>(keys.detail(task.id), (old) => ({ ...old, ...next }));
    },
    onSettled: () => {
      void client.invalidateQueries({ queryKey: keys.task(task.id) });
      void client.invalidateQueries({ queryKey: keys.tasks });
    },
  });
  const employer = employerOf(task);
  const at = task.interaction?.pausedAt;
  return (
    <section aria-label="Needs you" className="min-h-0 flex-1 lg:overflow-y-auto">
      <div className="grid gap-5 p-4 sm:p-6">
        <div className="grid gap-3 rounded-lg border border-needs-line bg-needs-soft p-4">
          <h2 className="flex items-center gap-2 text-lg font-semibold">
            <CircleHelp aria-hidden className="size-4 text-needs" />
            Was it sent?
          </h2>
          <p>
            Submit was pressed{at ? ` on ${exactTime(at)}` : ""}, and then the connection to the page was lost before {employer} answered. Valet does not press
            Submit a second time on its own, so that you never apply twice.
          </p>
          <p>Look at the last pictures of the page, and in your mail for a confirmation from {employer}. Then say what you found:</p>
          <Input
            aria-label="What you found, for your own record (optional)"
            placeholder="What you found (optional)"
            maxLength={NOTE_MAX}
            value={note}
            onChange={(event) => {
              setNote(event.target.value);
            }}
          />
          <div className="flex flex-wrap gap-2">
            <Button
              variant="primary"
              disabled={answer.isPending}
              onClick={() => {
                answer.mutate("sent");
              }}
            >
              Yes, it was sent
            </Button>
            <Button
              disabled={answer.isPending}
              onClick={() => {
                answer.mutate("not_sent");
              }}
            >
              No, it was not sent
            </Button>
          </div>
          {answer.error ? <ErrorNote error={answer.error} /> : null}
        </div>
        <p className="text-muted-foreground">“Yes” closes this as submitted. “No” lets you try again; the next try is sent only when you press Submit.</p>
      </div>
      {review ? <AnswersList review={review} title="What was filled in" /> : null}
    </section>
  );
}
