import { useMutation, useQueryClient } from "@tanstack/react-query";
import { Pencil, Trash2 } from "lucide-react";
import { useState } from "react";
import { api } from "@/api/client";
import { keys } from "@/api/queries";
import type { QaEntry } from "@/api/types";
import { ErrorNote } from "@/components/notes";
import { Button } from "@/components/ui/button";
import { Dialog, DialogClose, DialogContent, DialogFooter } from "@/components/ui/dialog";
import { count } from "@/lib/format";
import { CATEGORY_WORD, USAGE_WORD } from "@/lib/words";

export function AnswerItem({ entry, onEdit }: { entry: QaEntry; onEdit: () => void }) {
  const client = useQueryClient();
  const [asking, setAsking] = useState(false);
  const remove = useMutation({
    mutationFn: () => api.deleteAnswer(entry.id),
    onSettled: () => client.invalidateQueries({ queryKey: keys.answers }),
  });
  const declines = entry.usageMode === "decline_to_answer";
  return (
    <li className="group flex items-start gap-3 px-4 py-3">
      <div className="grid min-w-0 flex-1 gap-0.5">
        <p className="text-sm break-words text-muted-foreground">{entry.question}</p>
        <p className="font-medium break-words whitespace-pre-wrap">
          {declines ? <span className="text-muted-foreground">Declines to answer</span> : entry.answer.trim() ? entry.answer : <span className="text-needs">No answer yet</span>}
        </p>
        <p className="text-xs text-muted-foreground">
          {CATEGORY_WORD[entry.category]}
          {declines ? "" : ` · ${USAGE_WORD[entry.usageMode]}`}
          {entry.timesUsed ? ` · used ${count(entry.timesUsed, "time")}` : ""}
          {entry.source === "application_learned" ? " · from an application" : entry.source === "resume_inferred" ? " · from your resume" : ""}
        </p>
      </div>
      <div className="flex shrink-0">
        <Button variant="quiet" size="icon" aria-label={`Edit the answer to ${entry.question}`} onClick={onEdit}>
          <Pencil />
        </Button>
        <Button variant="quiet" size="icon" aria-label={`Delete the answer to ${entry.question}`} onClick={() => { setAsking(true); }}>
          <Trash2 />
        </Button>
      </div>
      <Dialog open={asking} onOpenChange={setAsking}>
        <DialogContent heading="Delete this answer?" description={`“${entry.question}” will be asked again when a form needs it.`}>
          {remove.error ? <ErrorNote error={remove.error} /> : null}
          <DialogFooter>
            <DialogClose asChild>
              <Button>Keep it</Button>
            </DialogClose>
            <Button variant="danger" disabled={remove.isPending} onClick={() => { remove.mutate(); }}>
              Delete
            </Button>
          </DialogFooter>
        </DialogContent>
      </Dialog>
    </li>
  );
}
