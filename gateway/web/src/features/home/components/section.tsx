import { useId, type ReactNode } from "react";

export function Section({ title, count, action, children }: { title: string; count?: number; action?: ReactNode; children: ReactNode }) {
  const id = useId();
  return (
    <section aria-labelledby={id}>
      <div className="mb-2.5 flex items-baseline justify-between gap-4">
        <h2 id={id} className="flex items-baseline gap-2 font-semibold">
          {title}
          {count ? <span className="font-normal text-muted-foreground tabular-nums">{count}</span> : null}
        </h2>
        {action}
      </div>
      {children}
    </section>
  );
}
