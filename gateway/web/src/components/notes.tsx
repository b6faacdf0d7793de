import { CircleAlert, type LucideIcon } from "lucide-react";
import type { ReactNode } from "react";
import { asApiError } from "@/api/errors";
import { cn } from "@/lib/cn";
import { Button } from "./ui/button";

/** What happened, what to do, and the number to quote when asking for help. */
export function ErrorNote({ error, onRetry, className }: { error: unknown; onRetry?: () => void; className?: string }) {
  const known = asApiError(error);
  return (
    <div role="alert" className={cn("flex items-start gap-2 rounded-lg border border-failed/30 bg-failed-soft px-3 py-2.5", className)}>
      <CircleAlert aria-hidden className="mt-0.5 size-4 shrink-0 text-failed" />
      <div className="grid min-w-0 flex-1 gap-0.5">
        <p>{known.message}</p>
        {known.requestId ? <p className="text-xs break-all text-muted-foreground select-all">Request {known.requestId}</p> : null}
      </div>
      {onRetry ? (
        <Button size="sm" onClick={onRetry}>
          Try again
        </Button>
      ) : null}
    </div>
  );
}

/** Nothing here yet, and the step that changes it. */
export function EmptyState({ icon: Icon, title, children, action }: { icon: LucideIcon; title: string; children: ReactNode; action?: ReactNode }) {
  return (
    <div className="grid justify-items-center gap-3 rounded-lg border border-dashed px-6 py-14 text-center">
      <Icon aria-hidden className="size-6 text-muted-foreground" strokeWidth={1.5} />
      <div className="grid max-w-sm gap-1">
        <h2 className="font-semibold">{title}</h2>
        <p className="text-muted-foreground">{children}</p>
      </div>
      {action}
    </div>
  );
}
