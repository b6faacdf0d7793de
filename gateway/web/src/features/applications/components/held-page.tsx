/** How long the page stays open for the person, and the press that makes it longer. */
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { api } from "@/api/client";
import { keys } from "@/api/queries";
import type { Task } from "@/api/types";
import { ErrorNote } from "@/components/notes";
import { TimeLeft } from "@/components/time";
import { Button } from "@/components/ui/button";

/** What one press adds. */
const MORE_MINUTES = 10;

/** `closed`: what a closed page means here, said after "The page is closed". */
export function HeldPage({ task, closed }: { task: Task; closed: string }) {
  const client = useQueryClient();
  const hold = useMutation({
    mutationFn: () => api.hold(task.id, MORE_MINUTES),
    onSuccess: ({ heldUntil }) => {
      client.setQueryData<Task>(keys.detail(task.id), (old) => old && { ...old, heldUntil });
    },
    onError: () => {
      void client.invalidateQueries({ queryKey: keys.detail(task.id) });
    },
  });
  if (!task.heldUntil) return <>The page is closed; {closed}</>;
  return (
    <>
      <span className="inline-flex flex-wrap items-baseline gap-x-3">
        <TimeLeft until={Date.parse(task.heldUntil)} over={`the page is being closed; ${closed}`} />
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
      </span>
      {hold.error ? <ErrorNote error={hold.error} className="mt-2" /> : null}
    </>
  );
}
