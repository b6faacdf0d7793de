/** One application: what the page looks like on the left, what is answered on the right. */
import { useQuery, useQueryClient } from "@tanstack/react-query";
import { Image } from "lucide-react";
import { useCallback, useRef, useState } from "react";
import { Link, useParams } from "react-router";
import { ApiError } from "@/api/errors";
import { isOver, keys, reviewQuery, taskQuery } from "@/api/queries";
import type { Review, Task } from "@/api/types";
import { ErrorNote } from "@/components/notes";
import { Page, PageHeader } from "@/components/page";
import { Button } from "@/components/ui/button";
import { Dialog, DialogTrigger, SheetContent } from "@/components/ui/dialog";
import { Skeleton } from "@/components/ui/skeleton";
import { useMedia, WIDE } from "@/lib/media";
import { blockerOf, failureOf } from "@/lib/words";
import { usePollWhenNotLive } from "@/stores/realtime";
import { ApplicationHeader, OpenPosting, Retry } from "../components/application-header";
import { BlockerPanel } from "../components/blocker-panel";
import { FailurePanel } from "../components/failure-panel";
import { OutcomePanel } from "../components/outcome-panel";
import { PagePicture } from "../components/page-picture";
import { ProgressPanel } from "../components/progress-panel";
import { ProofPanel } from "../components/proof-panel";
import { ReviewPanel } from "../components/review-panel";
import { TimelineList } from "../components/timeline-list";

export default function ApplicationPage() {
  const { id = "" } = useParams();
  const poll = usePollWhenNotLive();
  const task = useQuery({ ...taskQuery(id), refetchInterval: (query) => (query.state.data && isOver(query.state.data) ? false : poll) });
  if (task.data) return <Application task={task.data} />;
  if (task.error instanceof ApiError && (task.error.status === 404 || task.error.status === 400)) {
    return (
      <Page>
        <PageHeader title="This application is not here">It may have been deleted, or it belongs to another account.</PageHeader>
        <Button asChild>
          <Link to="/applications">All applications</Link>
        </Button>
      </Page>
    );
  }
  if (task.error) {
    return (
      <Page>
        <PageHeader title="Application" />
        <ErrorNote error={task.error} onRetry={() => void task.refetch()} />
      </Page>
    );
  }
  return (
    <div role="status" aria-label="Loading the application" className="grid flex-1 content-start gap-4 p-6 lg:grid-cols-2">
      <Skeleton className="h-14 lg:col-span-2" />
      <Skeleton className="h-96" />
      <Skeleton className="h-96" />
    </div>
  );
}

function Application({ task }: { task: Task }) {
  const client = useQueryClient();
  const wide = useMedia(WIDE);
  const [hovered, setHovered] = useState<string | null>(null);
  const [active, setActive] = useState<string | null>(null);
  const answers = useRef<HTMLDivElement>(null);
  // The summary says whether there is a review to ask for.
  const review = useQuery({ ...reviewQuery(task.id), enabled: Boolean(task.review) });
  const form = review.data ?? null;
  const reviewing = task.status === "waiting_human" && !blockerOf(task.interaction) && task.interaction?.type !== "outcome_unknown";

  // A signed picture address runs out; one new reading a minute is enough to replace it.
  const lastExpiry = useRef(0);
  const onExpired = useCallback(() => {
    const now = Date.now();
    if (now - lastExpiry.current < 60_000) return;
    lastExpiry.current = now;
    void client.invalidateQueries({ queryKey: keys.detail(task.id) });
    void client.invalidateQueries({ queryKey: keys.review(task.id) });
  }, [client, task.id]);

  const pick = (fieldId: string) => {
    setActive(fieldId);
    const row = answers.current?.querySelector<HTMLElement>(`[data-field="${CSS.escape(fieldId)}"]`);
    row?.scrollIntoView({ block: "center" });
    row?.focus({ preventScroll: true });
  };

  const picture = (
    <PagePicture
      taskId={task.id}
      live={task.status === "in_progress"}
      screenshots={task.screenshots?.items ?? []}
      review={isOver(task) ? null : form}
      marks={reviewing && form ? { fields: form.fields, hovered, active, onHover: setHovered, onPick: pick } : null}
      onExpired={onExpired}
    />
  );
  const history = (
    <details open={wide} className="group border-t">
      <summary className="flex min-h-9 items-center px-4 text-sm font-medium pointer-coarse:min-h-11">What happened</summary>
      {/* eslint-disable-next-line jsx-a11y/no-noninteractive-tabindex -- scrolled by keyboard */}
      <div role="region" aria-label="What happened" tabIndex={0} className="border-t -outline-offset-2 lg:max-h-44 lg:overflow-y-auto">
        <TimelineList taskId={task.id} over={isOver(task)} />
      </div>
    </details>
  );
  const panel = (
    <Panel
      task={task}
      review={form}
      reviewing={reviewing}
      reviewError={review.error}
      onRetryReview={() => void review.refetch()}
      hovered={hovered}
      active={active}
      onHover={setHovered}
      onActive={setActive}
    />
  );

  if (!wide) {
    return (
      <>
        <ApplicationHeader task={task}>
          <Dialog>
            <DialogTrigger asChild>
              <Button className="max-sm:flex-1">
                <Image /> {task.status === "in_progress" ? "Watch" : "See the page"}
              </Button>
            </DialogTrigger>
            <SheetContent heading="What the page looks like" className="gap-3 px-0 pb-0 [&>div:first-child]:px-5">
              {picture}
            </SheetContent>
          </Dialog>
        </ApplicationHeader>
        <div ref={answers} className="flex flex-1 flex-col">
          {panel}
        </div>
        {history}
      </>
    );
  }
  return (
    <div className="flex h-dvh min-h-0 flex-col">
      <ApplicationHeader task={task} />
      <div className="grid min-h-0 flex-1 grid-cols-[minmax(0,1fr)_minmax(30rem,47%)]">
        <div className="flex min-h-0 flex-col border-r">
          {picture}
          {history}
        </div>
        <div ref={answers} className="flex min-h-0 flex-col bg-card">
          {panel}
        </div>
      </div>
    </div>
  );
}

interface PanelProps {
  task: Task;
  review: Review | null;
  reviewing: boolean;
  reviewError: Error | null;
  onRetryReview: () => void;
  hovered: string | null;
  active: string | null;
  onHover: (id: string | null) => void;
  onActive: (id: string | null) => void;
}

function Panel({ task, review, reviewing, reviewError, onRetryReview, ...marks }: PanelProps) {
  const blocker = blockerOf(task.interaction);
  if (task.status === "completed") return <ProofPanel task={task} review={review} />;
  if (task.status === "failed" || task.status === "cancelled") {
    return (
      <FailurePanel
        task={task}
        review={review}
        actions={
          <>
            {task.status === "failed" && !failureOf(task).final ? <Retry task={task} primary /> : null}
            <OpenPosting task={task} />
          </>
        }
      />
    );
  }
  if (task.status !== "waiting_human") return <ProgressPanel task={task} />;
  if (task.interaction?.type === "outcome_unknown") return <OutcomePanel task={task} review={review} />;
  if (blocker && task.interaction) return <BlockerPanel task={task} interaction={task.interaction} type={blocker} />;
  if (review && reviewing) return <ReviewPanel task={task} review={review} {...marks} />;
  if (reviewError) return <ErrorNote error={reviewError} onRetry={onRetryReview} className="m-4" />;
  if (!task.review) return <ProgressPanel task={task} />;
  return (
    <div role="status" aria-label="Loading the answers" className="grid gap-2 p-4">
      {Array.from({ length: 10 }, (_, index) => (
        <Skeleton key={index} className="h-9" />
      ))}
    </div>
  );
}
