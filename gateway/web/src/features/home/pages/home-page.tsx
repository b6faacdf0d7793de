/** What wants the person, what is under way, what happened: in this order. */
import { useQueries, useQuery } from "@tanstack/react-query";
import { CircleCheck, FileText, Plus } from "lucide-react";
import { Link } from "react-router";
import { resumesQuery, taskListQuery, taskQuery, taskStatsQuery } from "@/api/queries";
import { EmptyState, ErrorNote } from "@/components/notes";
import { Page, PageHeader } from "@/components/page";
import { StatusBadge } from "@/components/status-badge";
import { RelativeTime } from "@/components/time";
import { Button } from "@/components/ui/button";
import { Skeleton } from "@/components/ui/skeleton";
import { ApplicationName } from "@/features/applications/components/application-row";
import { stepOf } from "@/lib/words";
import { usePollWhenNotLive } from "@/stores/realtime";
import { NeedsYouCard } from "../components/needs-you-card";
import { Section } from "../components/section";
import { WorkingRow } from "../components/working-row";

/** Cards are read in full (picture, question), so only the first few are; the list has the rest. */
const CARDS = 6;
const WORKING = 8;
const RECENT = 8;

export default function HomePage() {
  const poll = usePollWhenNotLive();
  const waiting = useQuery({ ...taskListQuery({ status: "waiting_human", pageSize: CARDS, sortBy: "updatedAt", sortOrder: "desc" }), refetchInterval: poll });
  const working = useQuery({ ...taskListQuery({ status: "in_progress", pageSize: WORKING }), refetchInterval: poll });
  const queued = useQuery({ ...taskListQuery({ status: "queued", pageSize: WORKING }), refetchInterval: poll });
  const recent = useQuery({ ...taskListQuery({ pageSize: 2 * RECENT, sortBy: "updatedAt", sortOrder: "desc" }), refetchInterval: poll });
  const details = useQueries({ queries: (waiting.data?.data ?? []).map((task) => taskQuery(task.id)) });

  const needs = (waiting.data?.data ?? []).map((task, index) => details[index]?.data ?? task);
  const more = (waiting.data?.pagination.total ?? 0) - needs.length;
  const busy = [...(working.data?.data ?? []), ...(queued.data?.data ?? [])];
  const over = (recent.data?.data ?? []).filter((task) => ["completed", "failed", "cancelled"].includes(task.status)).slice(0, RECENT);
  const pending = waiting.isPending || working.isPending || recent.isPending;
  const error = waiting.error ?? working.error ?? recent.error;
  const nothing = !pending && !error && needs.length + busy.length + over.length === 0;

  return (
    <Page>
      <PageHeader
        title="Home"
        actions={
          <Button asChild variant="primary" className="max-md:hidden">
            <Link to="/apply">
              <Plus /> Apply
            </Link>
          </Button>
        }
      >
        <Numbers />
      </PageHeader>
      {error ? <ErrorNote error={error} onRetry={() => void Promise.all([waiting.refetch(), working.refetch(), recent.refetch()])} className="mb-6" /> : null}
      {pending ? (
        <div role="status" aria-label="Loading" className="grid gap-3">
          <Skeleton className="h-32" />
          <Skeleton className="h-14" />
          <Skeleton className="h-56" />
        </div>
      ) : nothing ? (
        <FirstSteps />
      ) : (
        <div className="grid grid-cols-1 gap-8">
          <Section title="Needs you" count={waiting.data?.pagination.total ?? 0}>
            {needs.length ? (
              <>
                <ul className="grid grid-cols-1 gap-3 lg:grid-cols-2">
                  {needs.map((task) => (
                    <li key={task.id}>
                      <NeedsYouCard task={task} />
                    </li>
                  ))}
                </ul>
                {more > 0 ? (
                  <Link to="/applications?status=waiting_human" className="mt-3 inline-block text-primary hover:underline">
                    {more} more
                  </Link>
                ) : null}
              </>
            ) : (
              <p className="flex items-center gap-2 text-muted-foreground">
                <CircleCheck aria-hidden className="size-4 text-submitted" /> Nothing waits for you.
              </p>
            )}
          </Section>
          {busy.length ? (
            <Section title="Working now" count={(working.data?.pagination.total ?? 0) + (queued.data?.pagination.total ?? 0)}>
              <ul className="divide-y divide-border/60 rounded-lg border bg-card">
                {busy.map((task) => (
                  <li key={task.id}>
                    <WorkingRow task={task} />
                  </li>
                ))}
              </ul>
            </Section>
          ) : null}
          {over.length ? (
            <Section
              title="Recent"
              action={
                <Link to="/applications" className="text-sm text-primary hover:underline">
                  All applications
                </Link>
              }
            >
              <ul className="divide-y divide-border/60 rounded-lg border bg-card">
                {over.map((task) => (
                  <li key={task.id}>
                    <Link
                      to={`/applications/${task.id}`}
                      className="grid min-h-12 grid-cols-[minmax(0,1fr)_auto] items-center gap-x-4 px-4 py-2 transition-colors -outline-offset-2 hover:bg-hover md:grid-cols-[minmax(0,3fr)_7.5rem_minmax(0,2fr)_6rem]"
                    >
                      <ApplicationName task={task} className="truncate" />
                      <StatusBadge task={task} className="justify-self-end md:justify-self-start" />
                      <span className="truncate text-sm text-muted-foreground">{stepOf(task)}</span>
                      <RelativeTime at={task.completedAt ?? task.updatedAt} className="text-right text-sm text-muted-foreground" />
                    </Link>
                  </li>
                ))}
              </ul>
            </Section>
          ) : null}
        </div>
      )}
    </Page>
  );
}

function Numbers() {
  const { data } = useQuery(taskStatsQuery);
  if (!data?.total) return null;
  const parts = [
    { value: data.completed, word: "submitted" },
    { value: data.inProgress, word: "under way" },
    { value: data.needsReview, word: data.needsReview === 1 ? "needs you" : "need you" },
    { value: data.total, word: "in all" },
  ];
  return (
    <p className="flex flex-wrap gap-x-4 tabular-nums">
      {parts.map((part) => (
        <span key={part.word}>
          <span className="font-semibold text-foreground">{part.value}</span> {part.word}
        </span>
      ))}
    </p>
  );
}

/** An account with nothing in it is led to the one thing that comes next. */
function FirstSteps() {
  const resumes = useQuery(resumesQuery);
  const has = (resumes.data?.length ?? 0) > 0;
  return has ? (
    <EmptyState
      icon={Plus}
      title="Ready for the first application"
      action={
        <Button asChild variant="primary">
          <Link to="/apply">Apply to a job</Link>
        </Button>
      }
    >
      Paste the address of a job posting. Valet fills in the form and shows you every answer; nothing is sent until you press Submit.
    </EmptyState>
  ) : (
    <EmptyState
      icon={FileText}
      title="Start with your resume"
      action={
        <Button asChild variant="primary">
          <Link to="/apply">Upload a resume and apply</Link>
        </Button>
      }
    >
      Valet reads it once and fills in application forms from it. Nothing is sent anywhere until you press Submit.
    </EmptyState>
  );
}
