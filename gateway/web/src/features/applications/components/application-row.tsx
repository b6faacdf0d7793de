import { Link } from "react-router";
import type { Task } from "@/api/types";
import { StatusBadge } from "@/components/status-badge";
import { RelativeTime } from "@/components/time";
import { Progress } from "@/components/ui/progress";
import { cn } from "@/lib/cn";
import { employerOf, lookOf, stepOf, titleOf } from "@/lib/words";

/** Rows are placed by height, so it is fixed: one line on wide screens, two on phones. */
export const ROW_HEIGHT = { wide: 48, narrow: 76 } as const;

interface ApplicationRowProps {
  task: Task;
  top: number;
  height: number;
  current: boolean;
  last: boolean;
}

export function ApplicationRow({ task, top, height, current, last }: ApplicationRowProps) {
  return (
    <li className="absolute inset-x-0" style={{ top, height }}>
      <Link
        to={`/applications/${task.id}`}
        aria-current={current ? "true" : undefined}
        className={cn(
          "grid h-full grid-cols-[minmax(0,1fr)_auto] content-center items-center gap-x-4 gap-y-0.5 border-l-2 border-l-transparent px-3.5 transition-colors -outline-offset-2 hover:bg-hover md:grid-cols-[minmax(0,3fr)_7.5rem_minmax(0,2fr)_6rem]",
          !last && "border-b border-b-border/60",
          current && "border-l-primary bg-primary-soft",
        )}
      >
        <ApplicationName task={task} className="truncate" />
        <StatusBadge task={task} className="justify-self-end md:justify-self-start" />
        <ApplicationStep task={task} />
        <RelativeTime at={task.createdAt} className="text-right text-sm text-muted-foreground" />
      </Link>
    </li>
  );
}

export function ApplicationName({ task, className }: { task: Task; className?: string }) {
  return (
    <span className={className}>
      <span className="font-medium">{employerOf(task)}</span> <span className="text-muted-foreground">{titleOf(task)}</span>
    </span>
  );
}

export function ApplicationStep({ task }: { task: Task }) {
  const working = lookOf(task) === "working";
  return (
    <span className="grid min-w-0 gap-1.5 text-sm text-muted-foreground">
      <span className="truncate">{stepOf(task)}</span>
      {working ? <Progress value={task.progress} label={`How far ${employerOf(task)} is`} /> : null}
    </span>
  );
}
