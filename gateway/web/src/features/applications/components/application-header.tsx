import { useMutation, useQueryClient } from "@tanstack/react-query";
import { ChevronLeft, ExternalLink, RotateCcw, Timer } from "lucide-react";
import { useState, type ReactNode } from "react";
import { Link } from "react-router";
import { api } from "@/api/client";
import { isOver, keys } from "@/api/queries";
import type { Task } from "@/api/types";
import { ErrorNote } from "@/components/notes";
import { usePageFocus } from "@/components/page";
import { StatusBadge } from "@/components/status-badge";
import { Elapsed, RelativeTime } from "@/components/time";
import { Button } from "@/components/ui/button";
import { Dialog, DialogClose, DialogContent, DialogFooter } from "@/components/ui/dialog";
import { employerOf, systemOf, titleOf } from "@/lib/words";

function useReread(id: string) {
  const client = useQueryClient();
  return () => {
    void client.invalidateQueries({ queryKey: keys.task(id) });
    void client.invalidateQueries({ queryKey: keys.tasks });
  };
}

export function OpenPosting({ task, compact = false }: { task: Task; compact?: boolean }) {
  return (
    <Button asChild>
      <a href={task.jobUrl} target="_blank" rel="noreferrer">
        <ExternalLink />
        <span className={compact ? "max-sm:sr-only" : undefined}>Open posting</span>
      </a>
    </Button>
  );
}

export function Retry({ task, primary = false }: { task: Task; primary?: boolean }) {
  const client = useQueryClient();
  const reread = useReread(task.id);
  const retry = useMutation({
    mutationFn: () => api.retryTask(task.id),
    onSuccess: (next) => {
      client.setQueryData<Task>(keys.detail(task.id), (old) => ({ ...old, ...next }));
    },
    onSettled: reread,
  });
  return (
    <>
      <Button
        variant={primary ? "primary" : "secondary"}
        disabled={retry.isPending}
        onClick={() => {
          retry.mutate();
        }}
      >
        <RotateCcw /> Try again
      </Button>
      {retry.error ? <ErrorNote error={retry.error} className="basis-full" /> : null}
    </>
  );
}

function Cancel({ task }: { task: Task }) {
  const [asking, setAsking] = useState(false);
  const reread = useReread(task.id);
  const cancel = useMutation({
    mutationFn: () => api.cancelTask(task.id),
    onSuccess: () => {
      setAsking(false);
    },
    onSettled: reread,
  });
  const sending = task.phase === "submitting" || task.phase === "verifying";
  return (
    <Dialog open={asking} onOpenChange={setAsking}>
      <Button
        variant="quiet"
        onClick={() => {
          setAsking(true);
        }}
      >
        Cancel
      </Button>
      <DialogContent
        heading="Cancel this application?"
        description={
          sending
            ? `It is being sent right now. Cancelling may come too late; this page will say which it was.`
            : `Valet closes the form. Nothing has been sent to ${employerOf(task)}, and nothing will be.`
        }
      >
        {cancel.error ? <ErrorNote error={cancel.error} /> : null}
        <DialogFooter>
          <DialogClose asChild>
            <Button>Go on with it</Button>
          </DialogClose>
          <Button
            variant="danger"
            disabled={cancel.isPending}
            onClick={() => {
              cancel.mutate();
            }}
          >
            Cancel the application
          </Button>
        </DialogFooter>
      </DialogContent>
    </Dialog>
  );
}

/** `children` are further actions of the page it stands on, shown first. */
export function ApplicationHeader({ task, children }: { task: Task; children?: ReactNode }) {
  const employer = employerOf(task);
  const heading = usePageFocus(`${employer}, ${titleOf(task)}`);
  const system = systemOf(task);
  const unknown = task.interaction?.type === "outcome_unknown";
  return (
    <header className="flex flex-wrap items-center justify-between gap-x-6 gap-y-3 border-b px-4 py-3 sm:px-6">
      <div className="flex min-w-0 flex-1 basis-80 items-start gap-1">
        <Button asChild variant="quiet" size="icon" className="-ml-2">
          <Link to="/applications" aria-label="All applications">
            <ChevronLeft />
          </Link>
        </Button>
        <div className="grid min-w-0 gap-1 pt-0.5">
          <h1 ref={heading} tabIndex={-1} className="text-lg leading-6 font-semibold tracking-tight break-words">
            {employer} <span className="font-normal text-muted-foreground">{titleOf(task)}</span>
          </h1>
          <div className="flex flex-wrap items-center gap-x-2.5 gap-y-1 text-sm text-muted-foreground">
            <StatusBadge task={task} />
            <span>{task.mode === "copilot" ? "Copilot" : "Autopilot"}</span>
            {system ? <span>{system}</span> : null}
            {task.jobLocation ? <span>{task.jobLocation}</span> : null}
            {task.startedAt ? (
              <span className="flex items-center gap-1 tabular-nums" title="Time since work began">
                <Timer aria-hidden className="size-3.5" />
                <Elapsed from={task.startedAt} to={isOver(task) ? (task.completedAt ?? task.updatedAt) : null} />
              </span>
            ) : null}
            <span>
              Begun <RelativeTime at={task.createdAt} />
            </span>
          </div>
        </div>
      </div>
      <div className="flex flex-wrap items-center gap-2 max-lg:flex-1 max-lg:basis-full">
        {children}
        {isOver(task) || unknown ? null : <Cancel task={task} />}
        <OpenPosting task={task} compact />
      </div>
    </header>
  );
}
