/** What the person's earlier applications say about an address that is about to be applied to. Pure. */
import type { Task } from "@/api/types";
import { parseJobUrl, type JobUrl } from "@/lib/urls";

export type Past =
  | { kind: "applied" | "under_way" | "not_sent"; task: Task }
  | { kind: "same_employer"; task: Task }
  | null;

const wasSent = (task: Task) => task.status === "completed" || task.outcome === "sent";
const isUnderWay = (task: Task) => ["created", "queued", "in_progress", "waiting_human"].includes(task.status);

/** The strongest thing to say, by this order: sent, under way, another job there, tried but not sent. */
export function pastOf(job: JobUrl, tasks: readonly Task[]): Past {
  const sameJob = tasks.filter((task) => parseJobUrl(task.jobUrl).job?.canonical === job.canonical);
  const sent = sameJob.find(wasSent);
  if (sent) return { kind: "applied", task: sent };
  const underWay = sameJob.find(isUnderWay);
  if (underWay) return { kind: "under_way", task: underWay };
  const employer = job.employerPath;
  const other = employer === null ? undefined : tasks.find((task) => wasSent(task) && parseJobUrl(task.jobUrl).job?.employerPath === employer);
  if (other) return { kind: "same_employer", task: other };
  const tried = sameJob[0];
  return tried ? { kind: "not_sent", task: tried } : null;
}
