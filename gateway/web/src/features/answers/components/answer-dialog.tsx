import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useId, useState } from "react";
import { api } from "@/api/client";
import { keys } from "@/api/queries";
import type { QaCategory, QaEntry, QaUsageMode } from "@/api/types";
import { ErrorNote } from "@/components/notes";
import { Button } from "@/components/ui/button";
import { Dialog, DialogClose, DialogContent, DialogFooter } from "@/components/ui/dialog";
import { Input, Select, Textarea } from "@/components/ui/input";
import { CATEGORY_WORD, USAGE_WORD } from "@/lib/words";

const LONGEST_QUESTION = 1_000;
const LONGEST_ANSWER = 5_000;

const USAGE_NOTE: Record<QaUsageMode, string> = {
  always_use: "Filled in wherever a form asks this.",
  ask_each_time: "Filled in, but put before you in every review.",
  decline_to_answer: "Left empty, or “prefer not to say” where the form offers it.",
};

/** Adds an answer, or changes one; of an existing one the question is fixed. */
export function AnswerDialog({ entry, onClose }: { entry: QaEntry | null; onClose: () => void }) {
  const id = useId();
  const client = useQueryClient();
  const [question, setQuestion] = useState(entry?.question ?? "");
  const [answer, setAnswer] = useState(entry?.answer ?? "");
  const [category, setCategory] = useState<QaCategory>(entry?.category ?? "custom");
  const [usageMode, setUsageMode] = useState<QaUsageMode>(entry?.usageMode ?? "always_use");
  const save = useMutation({
    mutationFn: () =>
      entry
        ? api.updateAnswer(entry.id, { ...(answer.trim() ? { answer: answer.trim() } : {}), usageMode })
        : api.createAnswer({ question: question.trim(), answer: answer.trim(), category, usageMode }),
    onSuccess: onClose,
    onSettled: () => client.invalidateQueries({ queryKey: keys.answers }),
  });
  return (
    <Dialog open onOpenChange={(open) => { if (!open) onClose(); }}>
      <DialogContent heading={entry ? "Change the answer" : "Add an answer"} description={entry?.question}>
        <form
          className="grid gap-4"
          onSubmit={(event) => {
            event.preventDefault();
            if (!save.isPending) save.mutate();
          }}
        >
          {entry ? null : (
            <>
              <div className="grid gap-1.5">
                <label htmlFor={`${id}-question`} className="font-medium">Question</label>
                <Input id={`${id}-question`} required maxLength={LONGEST_QUESTION} placeholder="What is your notice period?" value={question} onChange={(event) => { setQuestion(event.target.value); }} />
              </div>
              <div className="grid gap-1.5">
                <label htmlFor={`${id}-category`} className="font-medium">About</label>
                <Select id={`${id}-category`} value={category} onChange={(event) => { setCategory(event.target.value as QaCategory); }}>
                  {Object.entries(CATEGORY_WORD).map(([value, label]) => (
                    <option key={value} value={value}>{label}</option>
                  ))}
                </Select>
              </div>
            </>
          )}
          <div className="grid gap-1.5">
            <label htmlFor={`${id}-answer`} className="font-medium">Your answer</label>
            <Textarea id={`${id}-answer`} required={usageMode !== "decline_to_answer" || !entry} maxLength={LONGEST_ANSWER} rows={3} value={answer} onChange={(event) => { setAnswer(event.target.value); }} />
          </div>
          <div className="grid gap-1.5">
            <label htmlFor={`${id}-usage`} className="font-medium">When a form asks</label>
            <Select id={`${id}-usage`} value={usageMode} aria-describedby={`${id}-usage-note`} onChange={(event) => { setUsageMode(event.target.value as QaUsageMode); }}>
              {Object.entries(USAGE_WORD).map(([value, label]) => (
                <option key={value} value={value}>{label}</option>
              ))}
            </Select>
            <p id={`${id}-usage-note`} className="text-sm text-muted-foreground">{USAGE_NOTE[usageMode]}</p>
          </div>
          {save.error ? <ErrorNote error={save.error} /> : null}
          <DialogFooter>
            <DialogClose asChild>
              <Button>Close</Button>
            </DialogClose>
            <Button type="submit" variant="primary" aria-disabled={save.isPending}>
              {save.isPending ? "Saving…" : "Save"}
            </Button>
          </DialogFooter>
        </form>
      </DialogContent>
    </Dialog>
  );
}
