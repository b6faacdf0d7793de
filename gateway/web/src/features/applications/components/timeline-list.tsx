import { useQuery } from "@tanstack/react-query";
import { eventsQuery } from "@/api/queries";
import { Skeleton } from "@/components/ui/skeleton";
import { cn } from "@/lib/cn";
import { clockTime, exactTime } from "@/lib/format";
import { usePollWhenNotLive } from "@/stores/realtime";
import { timeline, type Moment } from "../model/timeline";

const DOT: Record<Moment["tone"], string> = { plain: "bg-input", good: "bg-submitted", problem: "bg-failed", needs: "bg-needs" };

export function TimelineList({ taskId, over }: { taskId: string; over: boolean }) {
  const poll = usePollWhenNotLive(!over);
  const events = useQuery({ ...eventsQuery(taskId), refetchInterval: poll });
  if (events.isPending) return <Skeleton className="m-4 h-16" />;
  const moments = timeline(events.data?.data ?? []).reverse();
  if (!moments.length) return <p className="px-4 py-3 text-muted-foreground">Nothing has happened yet.</p>;
  return (
    <ol className="grid gap-1 px-4 py-3">
      {moments.map((moment) => (
        <li key={moment.id} className="flex items-baseline gap-3">
          <span aria-hidden className={cn("size-1.5 shrink-0 -translate-y-0.5 rounded-full", DOT[moment.tone])} />
          <span className="min-w-0 flex-1 first-letter:uppercase">{moment.text}</span>
          <time dateTime={moment.at} title={exactTime(moment.at)} className="shrink-0 text-xs text-muted-foreground tabular-nums">
            {clockTime(moment.at)}
          </time>
        </li>
      ))}
    </ol>
  );
}
