import { useQuery } from "@tanstack/react-query";
import { CircleAlert, TriangleAlert, X } from "lucide-react";
import { Link } from "react-router";
import { taskListQuery } from "@/api/queries";
import type { Mode } from "@/api/types";
import { Button } from "@/components/ui/button";
import { useHalfMinute } from "@/lib/clock";
import { day } from "@/lib/format";
import { searchFor, type JobUrl } from "@/lib/urls";
import { employerOf, titleOf } from "@/lib/words";
import { modeFor, removeRow, type Row } from "../model/draft";
import { pastOf } from "../model/past";

export function UrlRows({ rows, mode }: { rows: Row[]; mode: Mode }) {
  return (
    <ul aria-label="Postings to apply to" className="divide-y divide-border/60 rounded-lg border bg-card">
      {rows.map((row) => (
        <li key={row.key} className="flex animate-in items-start gap-3 py-2.5 pr-2 pl-4">
          <div className="grid min-w-0 flex-1 grid-cols-1 gap-0.5">
            {row.line.job ? <KnownRow job={row.line.job} row={row} mode={mode} /> : <p className="truncate">{row.line.text}</p>}
            {row.line.problem ? <Problem text={row.line.problem} /> : null}
            {row.state === "refused" && row.problem ? <Problem text={`${row.problem} Nothing was sent.`} /> : null}
          </div>
          <Button variant="quiet" size="icon" disabled={row.state === "sending"} aria-label={`Remove ${row.line.job?.canonical ?? row.line.text}`} onClick={() => { removeRow(row.key); }}>
            <X />
          </Button>
        </li>
      ))}
    </ul>
  );
}

function Problem({ text }: { text: string }) {
  return (
    <p role="alert" className="flex items-start gap-1.5 text-sm text-failed">
      <CircleAlert aria-hidden className="mt-0.5 size-3.5 shrink-0" />
      {text}
    </p>
  );
}

function KnownRow({ job, row, mode }: { job: JobUrl; row: Row; mode: Mode }) {
  const now = useHalfMinute();
  const found = useQuery(taskListQuery({ search: searchFor(job), pageSize: 20, sortBy: "createdAt", sortOrder: "desc" }));
  const past = pastOf(job, found.data?.data ?? []);
  const seen = past && past.kind !== "same_employer" ? past.task : null;
  const employer = seen?.companyName ?? (past ? employerOf(past.task) : job.employer) ?? job.host;
  return (
    <>
      <p className="flex flex-wrap items-baseline gap-x-2">
        <span className="font-medium">{employer}</span>
        {seen?.jobTitle ? <span className="text-muted-foreground">{seen.jobTitle}</span> : null}
        <span className="rounded-sm border px-1.5 text-xs text-muted-foreground">{job.system ?? "Own site"}</span>
        {row.state === "sending" ? <span className="text-sm text-working">Sending…</span> : null}
      </p>
      <p className="truncate text-sm text-muted-foreground">{job.canonical}</p>
      {mode === "autopilot" && modeFor(row.line, mode) === "copilot" ? (
        <p className="text-sm text-muted-foreground">LinkedIn does not allow automation: this one waits for your Submit, with your own sign-in.</p>
      ) : null}
      {past ? (
        <p className={past.kind === "applied" || past.kind === "under_way" ? "flex items-start gap-1.5 text-sm text-needs" : "text-sm text-muted-foreground"}>
          {past.kind === "applied" || past.kind === "under_way" ? <TriangleAlert aria-hidden className="mt-0.5 size-3.5 shrink-0" /> : null}
          <span>
            {past.kind === "applied"
              ? `You applied here on ${day(past.task.submittedAt ?? past.task.completedAt ?? past.task.createdAt, now)}.`
              : past.kind === "under_way"
                ? `An application here is under way since ${day(past.task.createdAt, now)}.`
                : past.kind === "same_employer"
                  ? `You applied to ${titleOf(past.task)} at this employer on ${day(past.task.submittedAt ?? past.task.createdAt, now)}.`
                  : `You tried this on ${day(past.task.createdAt, now)}; nothing was sent.`}{" "}
            <Link to={`/applications/${past.task.id}`} className="underline underline-offset-2">
              Open it
            </Link>
          </span>
        </p>
      ) : null}
    </>
  );
}
