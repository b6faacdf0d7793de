/** All applications: searched, filtered and sorted by the server, the choice kept in the address. */
import { keepPreviousData, useInfiniteQuery } from "@tanstack/react-query";
import { useWindowVirtualizer } from "@tanstack/react-virtual";
import { Plus, Rows3, SearchX } from "lucide-react";
import { useEffect, useRef, useState } from "react";
import { Link, useNavigate, useSearchParams } from "react-router";
import type { TaskQuery } from "@/api/client";
import { taskPagesQuery } from "@/api/queries";
import type { TaskStatus } from "@/api/types";
import { Chips } from "@/components/chips";
import { EmptyState, ErrorNote } from "@/components/notes";
import { Page, PageHeader } from "@/components/page";
import { SearchField } from "@/components/search-field";
import { LookIcon } from "@/components/status-badge";
import { Button } from "@/components/ui/button";
import { Select } from "@/components/ui/input";
import { Skeleton } from "@/components/ui/skeleton";
import { count } from "@/lib/format";
import { useMedia } from "@/lib/media";
import { LOOK_WORD, type Look } from "@/lib/words";
import { usePollWhenNotLive } from "@/stores/realtime";
import { ApplicationRow, ROW_HEIGHT } from "../components/application-row";

type Filter = "all" | TaskStatus;
const FILTERS: { value: TaskStatus; look: Look }[] = [
  { value: "waiting_human", look: "needs" },
  { value: "in_progress", look: "working" },
  { value: "queued", look: "queued" },
  { value: "completed", look: "submitted" },
  { value: "failed", look: "failed" },
  { value: "cancelled", look: "cancelled" },
];

const SORTS = {
  newest: { label: "Newest first", sortBy: "createdAt", sortOrder: "desc" },
  changed: { label: "Last changed first", sortBy: "updatedAt", sortOrder: "desc" },
  employer: { label: "By employer", sortBy: "companyName", sortOrder: "asc" },
  title: { label: "By title", sortBy: "jobTitle", sortOrder: "asc" },
} as const satisfies Record<string, Pick<TaskQuery, "sortBy" | "sortOrder"> & { label: string }>;
type Sort = keyof typeof SORTS;

/** Typing pauses this long before the server is asked. */
const TYPING_MS = 250;

export default function ApplicationsPage() {
  const [params, setParams] = useSearchParams();
  const navigate = useNavigate();
  const search = params.get("q") ?? "";
  const status = FILTERS.find((filter) => filter.value === params.get("status"))?.value;
  const sort: Sort = (params.get("sort") ?? "") in SORTS ? (params.get("sort") as Sort) : "newest";
  const [typed, setTyped] = useState(search);
  const poll = usePollWhenNotLive();
  const { sortBy, sortOrder } = SORTS[sort];
  const pages = useInfiniteQuery({
    ...taskPagesQuery({ search: search || undefined, status, sortBy, sortOrder }),
    placeholderData: keepPreviousData,
    refetchInterval: poll,
  });
  const rows = pages.data?.pages.flatMap((page) => page.data) ?? [];
  const total = pages.data?.pages[0]?.pagination.total ?? 0;

  const set = (key: string, value: string | null) => {
    setParams(
      (old) => {
        const next = new URLSearchParams(old);
        if (value) next.set(key, value);
        else next.delete(key);
        return next;
      },
      { replace: true },
    );
  };
  const applyTyped = useRef(set);
  useEffect(() => {
    applyTyped.current = set;
  });
  useEffect(() => {
    if (typed === search) return;
    const timer = setTimeout(() => {
      applyTyped.current("q", typed.trim() || null);
    }, TYPING_MS);
    return () => {
      clearTimeout(timer);
    };
  }, [typed, search]);

  const narrow = useMedia("(max-width: 47.99rem)");
  const list = useRef<HTMLUListElement>(null);
  const [offset, setOffset] = useState(0);
  useEffect(() => {
    setOffset(list.current?.offsetTop ?? 0);
  }, [rows.length]);
  const virtual = useWindowVirtualizer({
    count: rows.length,
    estimateSize: () => (narrow ? ROW_HEIGHT.narrow : ROW_HEIGHT.wide),
    overscan: 8,
    scrollMargin: offset,
  });

  const [cursor, setCursor] = useState(-1);
  const onKey = (event: KeyboardEvent) => {
    const target = event.target as HTMLElement;
    if (event.ctrlKey || event.metaKey || event.altKey || target.closest("input, textarea, select, [role=dialog], [role=menu]")) return;
    if (event.key === "/") {
      event.preventDefault();
      document.querySelector<HTMLInputElement>("main input[type=search]")?.focus();
    } else if (event.key === "j" || event.key === "k") {
      event.preventDefault();
      const next = Math.min(rows.length - 1, Math.max(0, cursor + (event.key === "j" ? 1 : -1)));
      setCursor(next);
      virtual.scrollToIndex(next, { align: "auto" });
    } else if (event.key === "Enter" && !target.closest("a, button")) {
      const row = rows[cursor];
      if (row) void navigate(`/applications/${row.id}`);
    }
  };
  const handler = useRef(onKey);
  useEffect(() => {
    handler.current = onKey;
  });
  useEffect(() => {
    const listen = (event: KeyboardEvent) => {
      handler.current(event);
    };
    window.addEventListener("keydown", listen);
    return () => {
      window.removeEventListener("keydown", listen);
    };
  }, []);

  const filtered = Boolean(search || status);
  return (
    <Page>
      <PageHeader
        title="Applications"
        actions={
          <Button asChild variant="primary" className="max-md:hidden">
            <Link to="/apply">
              <Plus /> Apply
            </Link>
          </Button>
        }
      />
      <div className="mb-3 grid gap-2">
        <div className="flex gap-2">
          <SearchField label="Search title, employer or address" value={typed} onChange={setTyped} className="min-w-0 flex-1 sm:max-w-sm" />
          <Select
            aria-label="Order"
            value={sort}
            className="w-auto"
            onChange={(event) => {
              set("sort", event.target.value === "newest" ? null : event.target.value);
            }}
          >
            {Object.entries(SORTS).map(([value, { label }]) => (
              <option key={value} value={value}>
                {label}
              </option>
            ))}
          </Select>
        </div>
        <Chips<Filter>
          label="Show only"
          value={status ?? "all"}
          onChange={(value) => {
            setCursor(-1);
            set("status", value === "all" ? null : value);
          }}
          options={[
            { value: "all", label: "All" },
            ...FILTERS.map((filter) => ({
              value: filter.value,
              label: (
                <>
                  <LookIcon look={filter.look} /> {LOOK_WORD[filter.look]}
                </>
              ),
            })),
          ]}
        />
      </div>
      {pages.error ? <ErrorNote error={pages.error} onRetry={() => void pages.refetch()} className="mb-3" /> : null}
      {pages.isPending ? (
        <div role="status" aria-label="Loading the applications" className="grid gap-2">
          {Array.from({ length: 8 }, (_, index) => (
            <Skeleton key={index} className="h-12" />
          ))}
        </div>
      ) : rows.length === 0 && !pages.error ? (
        filtered ? (
          <EmptyState
            icon={SearchX}
            title="Nothing matches"
            action={
              <Button
                onClick={() => {
                  setTyped("");
                  setParams({}, { replace: true });
                }}
              >
                Show all applications
              </Button>
            }
          >
            No application fits this search and filter.
          </EmptyState>
        ) : (
          <EmptyState
            icon={Rows3}
            title="No applications yet"
            action={
              <Button asChild variant="primary">
                <Link to="/apply">Apply to a job</Link>
              </Button>
            }
          >
            Paste the address of a job posting; Valet fills in the form and shows you every answer before anything is sent.
          </EmptyState>
        )
      ) : (
        <>
          <ul ref={list} aria-label="Applications" className="relative rounded-lg border bg-card" style={{ height: virtual.getTotalSize() + 2 }}>
            {virtual.getVirtualItems().map((item) => {
              const task = rows[item.index];
              return task ? (
                <ApplicationRow key={task.id} task={task} top={item.start - offset} height={item.size} current={item.index === cursor} last={item.index === rows.length - 1} />
              ) : null;
            })}
          </ul>
          <div className="mt-3 flex items-center justify-between gap-4">
            <p className="text-sm text-muted-foreground tabular-nums">
              {rows.length < total ? `${rows.length} of ${total}` : count(total, "application")}
            </p>
            {pages.hasNextPage ? (
              <Button onClick={() => void pages.fetchNextPage()} disabled={pages.isFetchingNextPage}>
                {pages.isFetchingNextPage ? "Loading…" : "Load more"}
              </Button>
            ) : null}
          </div>
        </>
      )}
    </Page>
  );
}
