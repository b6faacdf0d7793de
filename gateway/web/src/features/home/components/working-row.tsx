import { Link } from "react-router";
import type { Task } from "@/api/types";
import { StatusBadge } from "@/components/status-badge";
import { Elapsed } from "@/components/time";
import { ApplicationName, ApplicationStep } from "@/features/applications/components/application-row";

export function WorkingRow({ task }: { task: Task }) {
  return (
    <Link
      to={`/applications/${task.id}`}
      className="grid min-h-14 grid-cols-[minmax(0,1fr)_auto] items-center gap-x-4 gap-y-1 px-4 py-2 transition-colors -outline-offset-2 hover:bg-hover md:grid-cols-[minmax(0,3fr)_7.5rem_minmax(0,2fr)_6rem]"
    >
      <ApplicationName task={task} className="truncate" />
      <StatusBadge task={task} className="justify-self-end md:justify-self-start" />
      <ApplicationStep task={task} />
      <span className="text-right text-sm text-muted-foreground tabular-nums">{task.startedAt ? <Elapsed from={task.startedAt} /> : "—"}</span>
    </Link>
  );
}
