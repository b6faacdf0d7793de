/** The person's own answers to questions that forms ask again and again. */
import { useQuery } from "@tanstack/react-query";
import { MessagesSquare, Plus, SearchX } from "lucide-react";
import { useState } from "react";
import { useSearchParams } from "react-router";
import { answersQuery } from "@/api/queries";
import type { QaCategory, QaEntry } from "@/api/types";
import { Chips } from "@/components/chips";
import { EmptyState, ErrorNote } from "@/components/notes";
import { Page, PageHeader } from "@/components/page";
import { SearchField } from "@/components/search-field";
import { Button } from "@/components/ui/button";
import { Skeleton } from "@/components/ui/skeleton";
import { CATEGORY_WORD } from "@/lib/words";
import { AnswerDialog } from "../components/answer-dialog";
import { AnswerItem } from "../components/answer-item";

const CATEGORIES = Object.keys(CATEGORY_WORD) as QaCategory[];

export default function AnswersPage() {
  const answers = useQuery(answersQuery);
  const [params, setParams] = useSearchParams();
  const [search, setSearch] = useState("");
  const [dialog, setDialog] = useState<QaEntry | "new" | null>(null);
  const category = CATEGORIES.find((candidate) => candidate === params.get("category"));
  const wanted = search.trim().toLowerCase();
  const all = answers.data ?? [];
  const shown = all.filter(
    (entry) => (!category || entry.category === category) && (!wanted || `${entry.question}\n${entry.answer}`.toLowerCase().includes(wanted)),
  );
  const open = all.filter((entry) => entry.answer.trim() === "").length;
  const add = (
    <Button variant="primary" onClick={() => { setDialog("new"); }}>
      <Plus /> Add an answer
    </Button>
  );
  return (
    <Page narrow>
      <PageHeader title="Answers" actions={all.length ? add : null}>
        Given once here, used in every form that asks.
        {open ? <span className="text-needs"> {open} without an answer.</span> : null}
      </PageHeader>
      {answers.error ? <ErrorNote error={answers.error} onRetry={() => void answers.refetch()} className="mb-4" /> : null}
      {answers.isPending ? (
        <div role="status" aria-label="Loading your answers" className="grid gap-2">
          <Skeleton className="h-16" />
          <Skeleton className="h-16" />
          <Skeleton className="h-16" />
        </div>
      ) : all.length === 0 && !answers.error ? (
        <EmptyState icon={MessagesSquare} title="No answers kept yet" action={add}>
          Notice period, salary, visa: write them down once. Answers you give in a review can be kept here too.
        </EmptyState>
      ) : (
        <div className="grid grid-cols-1 gap-3">
          <SearchField label="Search questions and answers" value={search} onChange={setSearch} />
          <Chips<QaCategory | "all">
            label="Show only"
            value={category ?? "all"}
            onChange={(value) => { setParams(value === "all" ? {} : { category: value }, { replace: true }); }}
            options={[{ value: "all", label: "All" }, ...CATEGORIES.map((value) => ({ value, label: CATEGORY_WORD[value] }))]}
          />
          {shown.length ? (
            <ul className="divide-y divide-border/60 rounded-lg border bg-card">
              {shown.map((entry) => (
                <AnswerItem key={entry.id} entry={entry} onEdit={() => { setDialog(entry); }} />
              ))}
            </ul>
          ) : (
            <EmptyState icon={SearchX} title="Nothing matches">
              No answer fits this search and filter.
            </EmptyState>
          )}
        </div>
      )}
      {dialog ? <AnswerDialog key={dialog === "new" ? "new" : dialog.id} entry={dialog === "new" ? null : dialog} onClose={() => { setDialog(null); }} /> : null}
    </Page>
  );
}
