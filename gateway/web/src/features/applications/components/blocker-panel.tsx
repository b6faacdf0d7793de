/** The right pane when the employer's site wants a person. */
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { ExternalLink, Hand } from "lucide-react";
import { api } from "@/api/client";
import { keys } from "@/api/queries";
import type { Interaction, Task } from "@/api/types";
import { ErrorNote } from "@/components/notes";
import { RelativeTime } from "@/components/time";
import { Button } from "@/components/ui/button";
import { blockerTitle, employerOf, type BlockerType } from "@/lib/words";
import { HeldPage } from "./held-page";


function useResolveBlocker(taskId: string) {
  const client = useQueryClient();
  return useMutation({
    mutationFn: () => api.resolveBlocker(taskId),
    onSettled: () => {
      void client.invalidateQueries({ queryKey: keys.task(taskId) });
      void client.invalidateQueries({ queryKey: keys.tasks });
    },
  });
}

/** Lets Valet look at the page again. */
export function BlockerAction({ taskId }: { taskId: string }) {
  const resolve = useResolveBlocker(taskId);
  const busy = resolve.isPending || resolve.isSuccess;
  return (
    <div className="grid gap-2">
      <Button
        variant="primary"
        className="justify-self-start"
        aria-disabled={busy}
        onClick={() => {
          if (!busy) resolve.mutate();
        }}
      >
        {busy ? "Looking…" : "Look again"}
      </Button>
      {resolve.error ? <ErrorNote error={resolve.error} /> : null}
    </div>
  );
}

export function BlockerPanel({ task, interaction, type }: { task: Task; interaction: Interaction; type: BlockerType }) {
  const page = interaction.pageUrl ?? task.jobUrl;
  return (
    <section aria-label="Needs you" className="grid content-start gap-5 p-4 sm:p-6">
      <div className="grid gap-3 rounded-lg border border-needs-line bg-needs-soft p-4">
        <h2 className="flex items-center gap-2 text-lg font-semibold">
          <Hand aria-hidden className="size-4 text-needs" />
          {blockerTitle(type)}
        </h2>
        {interaction.message ? <p>{interaction.message}</p> : null}
        <BlockerAction taskId={task.id} />
      </div>
      <dl className="grid grid-cols-[auto_1fr] items-baseline gap-x-4 gap-y-2">
        <dt className="text-muted-foreground">Waiting</dt>
        <dd>
          since <RelativeTime at={interaction.pausedAt} />
        </dd>
        <dt className="text-muted-foreground">Page kept open</dt>
        <dd>
          <HeldPage task={task} closed="it opens again when you answer." />
        </dd>
        <dt className="text-muted-foreground">Page</dt>
        <dd className="min-w-0">
          <a href={page} target="_blank" rel="noreferrer" className="inline-flex max-w-full items-center gap-1 text-primary hover:underline">
            <span className="truncate">{page}</span>
            <ExternalLink aria-hidden className="size-3.5 shrink-0" />
          </a>
        </dd>
      </dl>
      <p className="border-t pt-4 text-muted-foreground">Nothing has been sent to {employerOf(task)}. What is filled in is kept.</p>
    </section>
  );
}
