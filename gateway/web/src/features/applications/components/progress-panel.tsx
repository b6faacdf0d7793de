/** The right pane while Valet works: what is done, what is being done, what comes next. */
import { Check } from "lucide-react";
import type { Phase, Task } from "@/api/types";
import { Progress } from "@/components/ui/progress";
import { cn } from "@/lib/cn";
import { lookOf, PHASE_WORD, stepOf } from "@/lib/words";

const BEFORE_REVIEW: Phase[] = ["starting_browser", "navigating", "analyzing", "filling"];
const AFTER_REVIEW: Phase[] = ["submitting", "verifying"];

interface Step {
  key: string;
  label: string;
}

export function stepsOf(task: Pick<Task, "mode">): Step[] {
  const step = (phase: Phase): Step => ({ key: phase, label: PHASE_WORD[phase] });
  return [
    ...BEFORE_REVIEW.map(step),
    { key: "reviewing", label: task.mode === "copilot" ? "You review the answers" : "Checking the answers" },
    ...AFTER_REVIEW.map(step),
  ];
}

export function ProgressPanel({ task }: { task: Task }) {
  const steps = stepsOf(task);
  const at = task.phase ? (task.phase === "cleanup" ? steps.length : steps.findIndex((step) => step.key === task.phase)) : -1;
  const queued = lookOf(task) === "queued";
  const sending = task.phase === "submitting" || task.phase === "verifying" || task.phase === "cleanup";
  return (
    <section aria-label="Progress" className="grid content-start gap-5 p-4 sm:p-6">
      <div className="grid gap-2">
        <div className="flex items-baseline justify-between gap-4">
          <h2 className="font-semibold" aria-live="polite">
            {stepOf(task)}
          </h2>
          <span className="text-muted-foreground tabular-nums">{Math.round(task.progress)} %</span>
        </div>
        <Progress value={task.progress} label="How far this application is" />
      </div>
      <ol className="grid gap-2.5">
        {steps.map((step, index) => {
          const done = index < at;
          const now = index === at && !queued;
          return (
            <li key={step.key} aria-current={now ? "step" : undefined} className={cn("flex items-center gap-2.5", !done && !now && "text-muted-foreground")}>
              <span
                aria-hidden
                className={cn(
                  "grid size-5 shrink-0 place-items-center rounded-full border",
                  done && "border-submitted bg-submitted-soft text-submitted",
                  now && "border-working",
                )}
              >
                {done ? <Check className="size-3" strokeWidth={3} /> : now ? <span className="size-2 animate-breathe rounded-full bg-working" /> : null}
              </span>
              <span className={cn(now && "font-medium")}>{step.label}</span>
              {done ? <span className="sr-only">, done</span> : null}
              {now && task.phase === "filling" && task.fieldsFilled ? (
                <span className="text-sm text-muted-foreground tabular-nums">{task.fieldsFilled} filled</span>
              ) : null}
            </li>
          );
        })}
      </ol>
      <p className="border-t pt-4 text-muted-foreground">
        {sending
          ? "The form is being sent once. If its answer is lost, Valet asks you rather than pressing again."
          : task.mode === "copilot"
            ? "Nothing is sent before you have seen every answer and pressed Submit."
            : "In autopilot the form is sent once every required answer is certain; otherwise it waits for you."}
      </p>
    </section>
  );
}
