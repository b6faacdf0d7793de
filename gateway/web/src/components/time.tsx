import { duration, exactTime, relativeTime } from "@/lib/format";
import { useHalfMinute, useSecond } from "@/lib/clock";

/** "5 min ago", the exact time on hover. */
export function RelativeTime({ at, className }: { at: string; className?: string }) {
  const now = useHalfMinute();
  return (
    <time dateTime={at} title={exactTime(at)} className={className}>
      {relativeTime(at, now)}
    </time>
  );
}

/** A running or finished stretch of time. */
export function Elapsed({ from, to, className }: { from: string; to?: string | null; className?: string }) {
  const now = useSecond();
  const end = to ? Date.parse(to) : now;
  return <span className={className}>{duration((end - Date.parse(from)) / 1000)}</span>;
}

/** Time left until a moment; says so when it is over. */
export function TimeLeft({ until, over }: { until: number; over: string }) {
  const now = useSecond();
  const left = (until - now) / 1000;
  return <span className="tabular-nums">{left > 0 ? `${duration(left)} left` : over}</span>;
}
