/** The right pane when the employer's site wants a person. */
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { ExternalLink, Hand } from "lucide-react";
import { useState } from "react";
import { api } from "@/api/client";
import { keys } from "@/api/queries";
import type { Interaction, Task } from "@/api/types";
import { ErrorNote } from "@/components/notes";
import { RelativeTime, TimeLeft } from "@/components/time";
import { Button } from "@/components/ui/button";
import { Input } from "@/components/ui/input";
import { blockerWords, employerOf, type BlockerType } from "@/lib/words";

/** What one press of "More time" adds. */
const MORE_MINUTES = 10;
/** Codes of every kind seen so far are shorter. */
const LONGEST_CODE = 64;

export function useResolveBlocker(taskId: string) {
  const client = useQueryClient();
  return useMutation({
    mutationFn: (code?: string) => api.resolveBlocker(taskId, code),
    onSettled: () => {
      void client.invalidateQueries({ queryKey: keys.task(taskId) });
      void client.invalidateQueries({ queryKey: keys.tasks });
    },
  });
}

/** Lets Valet look at the page again, with the code first where a code is what is wanted. */
export function BlockerAction({ taskId, type }: { taskId: string; type: BlockerType }) {
  const resolve = useResolveBlocker(taskId);
  const [code, setCode] = useState("");
  const busy = resolve.isPending || resolve.isSuccess;
  return (
    <form
      className="grid gap-2"
      onSubmit={(event) => {
        event.preventDefault();
        if (!busy) resolve.mutate(code.trim() || undefined);
      }}
    >
      <div className="flex flex-wrap gap-2">
        {type === "two_factor" ? (
          <Input
            aria-label="Code sent to you"
            placeholder="Code"
            autoComplete="one-time-code"
            inputMode="text"
            maxLength={LONGEST_CODE}
            value={code}
            className="w-36 tabular-nums"
            onChange={(event) => {
              setCode(event.target.value);
            }}
          />
        ) : null}
        <Button type="submit" variant="primary" aria-disabled={busy}>
          {busy ? "Looking…" : code.trim() ? "Use this code" : "Look again"}
        </Button>
      </div>
      {resolve.error ? <ErrorNote error={resolve.error} /> : null}
    </form>
  );
}

export function BlockerPanel({ task, interaction, type }: { task: Task; interaction: Interaction; type: BlockerType }) {
  const words = blockerWords(type);
  const hold = useMutation({ mutationFn: () => api.hold(task.id, MORE_MINUTES) });
  const until = hold.data
    ? Date.parse(hold.data.heldUntil)
    : interaction.timeoutSeconds
      ? Date.parse(interaction.pausedAt) + interaction.timeoutSeconds * 1000
      : null;
  const page = interaction.pageUrl ?? task.jobUrl;
  return (
    <section aria-label="Needs you" className="grid content-start gap-5 p-4 sm:p-6">
      <div className="grid gap-3 rounded-lg border border-needs-line bg-needs-soft p-4">
        <h2 className="flex items-center gap-2 text-lg font-semibold">
          <Hand aria-hidden className="size-4 text-needs" />
          {words.title}
        </h2>
        <p>{words.what}</p>
        {interaction.message ? <p className="border-l-2 border-needs-line pl-3 text-muted-foreground">{interaction.message}</p> : null}
        <BlockerAction taskId={task.id} type={type} />
      </div>
      <dl className="grid grid-cols-[auto_1fr] gap-x-4 gap-y-2">
        <dt className="text-muted-foreground">Waiting</dt>
        <dd>
          since <RelativeTime at={interaction.pausedAt} />
        </dd>
        {until ? (
          <>
            <dt className="text-muted-foreground">Page kept open</dt>
            <dd className="flex flex-wrap items-center gap-x-3">
              <TimeLeft until={until} over="the page is being put away; it opens again when you answer" />
              <Button
                variant="link"
                size="text"
                disabled={hold.isPending}
                onClick={() => {
                  hold.mutate();
                }}
              >
                {MORE_MINUTES} more minutes
              </Button>
            </dd>
          </>
        ) : null}
        <dt className="text-muted-foreground">Page</dt>
        <dd className="min-w-0">
          <a href={page} target="_blank" rel="noreferrer" className="inline-flex max-w-full items-center gap-1 text-primary hover:underline">
            <span className="truncate">{page}</span>
            <ExternalLink aria-hidden className="size-3.5 shrink-0" />
          </a>
        </dd>
      </dl>
      {hold.error ? <ErrorNote error={hold.error} /> : null}
      <p className="border-t pt-4 text-muted-foreground">Nothing has been sent to {employerOf(task)}. What is filled in is kept.</p>
    </section>
  );
}
