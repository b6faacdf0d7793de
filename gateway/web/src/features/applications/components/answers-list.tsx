import type { Review } from "@/api/types";
import { SourceChip, Value } from "./answer-row";

/** The answers as they stand, to read only. */
export function AnswersList({ review, title }: { review: Review; title: string }) {
  return (
    <section aria-labelledby="answers-read" className="border-t">
      <h3 id="answers-read" className="flex items-center gap-2 border-b bg-muted px-4 py-1.5 text-sm font-medium">
        {title}
        <span className="text-muted-foreground tabular-nums">{review.fields.length}</span>
      </h3>
      <dl className="divide-y divide-border/60">
        {review.fields.map((field) => (
          <div key={field.id} className="grid gap-x-4 gap-y-0.5 px-4 py-2 sm:grid-cols-[minmax(0,4fr)_minmax(0,6fr)_6rem]">
            <dt className="text-sm break-words text-muted-foreground">{field.label}</dt>
            <dd className="min-w-0">
              <Value field={{ value: field.value, required: false }} />
            </dd>
            <dd className="sm:text-right">
              <SourceChip field={field} />
            </dd>
          </div>
        ))}
      </dl>
    </section>
  );
}
