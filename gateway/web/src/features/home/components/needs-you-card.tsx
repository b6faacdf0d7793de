import { Link } from "react-router";
import type { Task } from "@/api/types";
import { RelativeTime, TimeLeft } from "@/components/time";
import { Button } from "@/components/ui/button";
import { BlockerAction } from "@/features/applications/components/blocker-panel";
import { blockerOf, employerOf, titleOf, wantOf } from "@/lib/words";
import { Hand } from "lucide-react";

/** One waiting application: what it wants, how the page looks, and the action itself. */
export function NeedsYouCard({ task }: { task: Task }) {
  const to = `/applications/${task.id}`;
  const type = blockerOf(task.interaction);
  const shot = task.screenshots?.items?.at(-1);
  const picture = shot?.url ?? task.interaction?.screenshotUrl;
  const { interaction } = task;
  return (
    <article className="flex h-full gap-4 rounded-lg border border-needs-line bg-card p-3.5">
      {picture ? (
        <Link to={to} tabIndex={-1} aria-hidden className="hidden w-32 shrink-0 overflow-hidden rounded-md border sm:block">
          <img src={picture} alt="" loading="lazy" decoding="async" className="aspect-[4/3] h-full w-full bg-muted object-cover object-top" />
        </Link>
      ) : null}
      <div className="flex min-w-0 flex-1 flex-col gap-1">
        <h3 className="min-w-0">
          <Link to={to} className="block truncate hover:underline">
            <span className="font-semibold">{employerOf(task)}</span> <span className="text-muted-foreground">{titleOf(task)}</span>
          </Link>
        </h3>
        <p className="flex items-start gap-1.5 font-medium text-needs">
          <Hand aria-hidden className="mt-1 size-3.5 shrink-0" />
          {wantOf(task)}
        </p>
        <p className="text-sm text-muted-foreground">
          Asked <RelativeTime at={interaction?.pausedAt ?? task.updatedAt} />
          {task.heldUntil ? (
            <>
              {" · page open: "}
              <TimeLeft until={Date.parse(task.heldUntil)} over="closing; it opens again when you answer" />
            </>
          ) : null}
        </p>
        <div className="mt-auto flex flex-wrap items-start gap-2 pt-2">
          {type ? <BlockerAction taskId={task.id} /> : null}
          <Button asChild variant={type ? "secondary" : "primary"}>
            <Link to={to}>{type ? "Open" : interaction?.type === "outcome_unknown" ? "Look at the evidence" : "Review"}</Link>
          </Button>
        </div>
      </div>
    </article>
  );
}
