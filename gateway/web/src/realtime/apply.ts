/**
 * From a socket message to the caches: progress is written into what is on screen, everything that
 * changes a state is read again (the server has committed before it tells).
 */
import type { InfiniteData, QueryClient } from "@tanstack/react-query";
import { keys } from "@/api/queries";
import type { Phase, ServerMessage, Task, TaskPage } from "@/api/types";

const PHASES: readonly string[] = [
  "starting_browser",
  "navigating",
  "analyzing",
  "filling",
  "reviewing",
  "submitting",
  "verifying",
  "cleanup",
] satisfies Phase[];

/** Phases in which filled fields are the progress. */
const FILLS: readonly Phase[] = ["analyzing", "filling"];
/** Filling is the stretch from 50 to 74 per cent. */
const FILLING_FROM = 50;
const FILLING_SPAN = 24;

type Patch = Partial<Pick<Task, "progress" | "currentStep" | "phase" | "status" | "fieldsFilled">>;

/** Rewrites one application wherever it is shown; leaves every other row the same object. */
export function patchTask(client: QueryClient, id: string, patch: Patch): void {
  const change = (task: Task): Task => (task.id === id ? { ...task, ...patch } : task);
  const changePage = (page: TaskPage): TaskPage =>
    page.data.some((task) => task.id === id) ? { ...page, data: page.data.map(change) } : page;
  client.setQueryData<Task>(keys.detail(id), (task) => task && change(task));
  client.setQueriesData<TaskPage>({ queryKey: ["tasks", "list"] }, (page) => page && changePage(page));
  client.setQueriesData<InfiniteData<TaskPage>>(
    { queryKey: ["tasks", "pages"] },
    (all) => all && { ...all, pages: all.pages.map(changePage) },
  );
}

function known(client: QueryClient, id: string): Task | undefined {
  const detail = client.getQueryData<Task>(keys.detail(id));
  if (detail) return detail;
  for (const [, page] of client.getQueriesData<TaskPage>({ queryKey: ["tasks", "list"] })) {
    const found = page?.data.find((task) => task.id === id);
    if (found) return found;
  }
  return undefined;
}

/**
 * Messages come in bursts, and every reading begun by one would be thrown away for the next; what
 * they name is read once, this long after the first of them.
 */
export const GATHER_MS = 150;
const gathering = new WeakMap<QueryClient, Set<string>>();

function reread(client: QueryClient, id: string): void {
  const known = gathering.get(client);
  if (known) {
    known.add(id);
    return;
  }
  const ids = new Set([id]);
  gathering.set(client, ids);
  setTimeout(() => {
    gathering.delete(client);
    for (const each of ids) void client.invalidateQueries({ queryKey: keys.task(each) });
    void client.invalidateQueries({ queryKey: keys.tasks });
  }, GATHER_MS);
}

const defined = <T extends object>(value: T): T =>
  Object.fromEntries(Object.entries(value).filter((entry) => entry[1] !== undefined)) as T;

export function applyMessage(client: QueryClient, message: ServerMessage): void {
  switch (message.type) {
    case "task_update": {
      const before = known(client, message.taskId);
      const { status, progress, currentStep, phase } = message;
      patchTask(client, message.taskId, defined({ status, progress, currentStep, phase }));
      // With a new phase come the title, the pictures and the events that belong to it. While it waits for the
      // person, what changed is none of these: its page was closed, or an edit was entered.
      if (before?.status !== status || before.phase !== phase || status === "waiting_human") reread(client, message.taskId);
      break;
    }
    case "progress": {
      const phase = message.step && PHASES.includes(message.step) ? (message.step as Phase) : undefined;
      const before = known(client, message.taskId);
      patchTask(client, message.taskId, defined({ progress: message.pct, currentStep: message.message ?? undefined, phase }));
      if (phase && before && before.phase !== phase) reread(client, message.taskId);
      break;
    }
    case "field_filled": {
      // Corrections made on the way to Submit are part of submitting.
      const phase = known(client, message.taskId)?.phase;
      if (phase && !FILLS.includes(phase)) break;
      const part = message.total > 0 ? message.done / message.total : 0;
      patchTask(client, message.taskId, {
        fieldsFilled: message.done,
        progress: Math.round(FILLING_FROM + FILLING_SPAN * part),
        currentStep: `Filling the form: ${message.done} of ${message.total}`,
      });
      break;
    }
    case "resume_parsed":
    case "resume_parse_failed":
      void client.invalidateQueries({ queryKey: keys.resumes });
      break;
    case "hello":
    case "reset":
      break;
    default:
      // Types this version does not know still name their application.
      if ("taskId" in message) reread(client, message.taskId);
  }
}
