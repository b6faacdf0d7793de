import { CircleCheck, CircleSlash, CircleX, Clock, Hand } from "lucide-react";
import type { Task } from "@/api/types";
import { cn } from "@/lib/cn";
import { LOOK_WORD, lookOf, type Look } from "@/lib/words";

const TONE: Record<Look, string> = {
  queued: "text-queued",
  working: "text-working",
  needs: "text-needs",
  submitted: "text-submitted",
  failed: "text-failed",
  cancelled: "text-queued",
};

const SOFT: Record<Look, string> = {
  queued: "bg-queued-soft",
  working: "bg-working-soft",
  needs: "bg-needs-soft",
  submitted: "bg-submitted-soft",
  failed: "bg-failed-soft",
  cancelled: "bg-queued-soft",
};

export function LookIcon({ look, className }: { look: Look; className?: string }) {
  const classes = cn("size-3.5 shrink-0", TONE[look], className);
  switch (look) {
    case "working":
      return (
        <span aria-hidden className={cn(classes, "grid place-items-center")}>
          <span className="size-2 animate-breathe rounded-full bg-current" />
        </span>
      );
    case "queued":
      return <Clock aria-hidden className={classes} />;
    case "needs":
      return <Hand aria-hidden className={classes} />;
    case "submitted":
      return <CircleCheck aria-hidden className={classes} />;
    case "failed":
      return <CircleX aria-hidden className={classes} />;
    case "cancelled":
      return <CircleSlash aria-hidden className={classes} />;
  }
}

export function StatusBadge({ task, className }: { task: Pick<Task, "status" | "outcome">; className?: string }) {
  const look = lookOf(task);
  return (
    <span className={cn("inline-flex h-6 shrink-0 items-center gap-1.5 rounded-full px-2 text-xs font-medium", TONE[look], SOFT[look], className)}>
      <LookIcon look={look} />
      {LOOK_WORD[look]}
    </span>
  );
}
