import { QueryClient } from "@tanstack/react-query";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { keys } from "@/api/queries";
import type { Task, TaskPage } from "@/api/types";
import { applyMessage, GATHER_MS } from "./apply";

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

const task = (id: string, change: Partial<Task> = {}): Task => ({
  id,
  jobUrl: "https://jobs.example/1",
  platform: "unknown",
  status: "in_progress",
  phase: "filling",
  mode: "copilot",
  progress: 50,
  createdAt: "2026-01-01T00:00:00.000Z",
  updatedAt: "2026-01-01T00:00:00.000Z",
  ...change,
});

function setUp() {
  const client = new QueryClient();
  const reread = vi.spyOn(client, "invalidateQueries");
  client.setQueryData(keys.detail("a"), task("a"));
  const page: TaskPage = { data: [task("a"), task("b")], pagination: { page: 1, pageSize: 20, total: 2, totalPages: 1 } };
  client.setQueryData(keys.taskList({ status: "in_progress" }), page);
  const row = (index: number) => client.getQueryData<TaskPage>(keys.taskList({ status: "in_progress" }))?.data[index];
  return { client, reread, page, row };
}

it("writes progress where the application is shown and asks the server nothing", () => {
  const { client, reread, page, row } = setUp();
  applyMessage(client, { type: "field_filled", taskId: "a", fieldId: "f", label: "Name", done: 12, total: 24 });
  expect(client.getQueryData<Task>(keys.detail("a"))).toMatchObject({ progress: 62, fieldsFilled: 12, currentStep: "Filling the form: 12 of 24" });
  expect(row(0)?.progress).toBe(62);
  vi.advanceTimersByTime(GATHER_MS);
  expect(row(1)).toBe(page.data[1]);
  expect(reread).not.toHaveBeenCalled();
});

it("reads again when the status changes", () => {
  const { client, reread, row } = setUp();
  applyMessage(client, { type: "task_update", taskId: "a", status: "waiting_human", progress: 75, currentStep: "Ready", phase: "reviewing" });
  expect(row(0)?.status).toBe("waiting_human");
  vi.advanceTimersByTime(GATHER_MS);
  expect(reread).toHaveBeenCalledWith({ queryKey: keys.task("a") });
  expect(reread).toHaveBeenCalledWith({ queryKey: keys.tasks });
});

it("leaves what a message does not carry as it was", () => {
  const { client } = setUp();
  applyMessage(client, { type: "progress", taskId: "a", pct: 55, step: "no such phase" });
  expect(client.getQueryData<Task>(keys.detail("a"))).toMatchObject({ progress: 55, phase: "filling", status: "in_progress" });
});

it("reads again on a message of a type it does not know", () => {
  const { client, reread } = setUp();
  applyMessage(client, { type: "state_change", taskId: "a" });
  vi.advanceTimersByTime(GATHER_MS);
  expect(reread).toHaveBeenCalledWith({ queryKey: keys.task("a") });
});

it("reads the lists once for a burst of messages, and each application they name", () => {
  const { client, reread } = setUp();
  applyMessage(client, { type: "state_change", taskId: "a" });
  applyMessage(client, { type: "task_update", taskId: "b", status: "queued" });
  applyMessage(client, { type: "completed", taskId: "a" });
  expect(reread).not.toHaveBeenCalled();
  vi.advanceTimersByTime(GATHER_MS);
  expect(reread.mock.calls.map(([filters]) => filters?.queryKey)).toEqual([keys.task("a"), keys.task("b"), keys.tasks]);
});

it("reads again what waits for the person: its page may have been closed", () => {
  const { client, reread } = setUp();
  client.setQueryData(keys.detail("a"), task("a", { status: "waiting_human", phase: "reviewing" }));
  applyMessage(client, { type: "task_update", taskId: "a", status: "waiting_human", phase: "reviewing" });
  vi.advanceTimersByTime(GATHER_MS);
  expect(reread).toHaveBeenCalledWith({ queryKey: keys.task("a") });
});

it("does not take corrections made while submitting for filling", () => {
  const { client } = setUp();
  client.setQueryData(keys.detail("a"), task("a", { phase: "submitting", progress: 85, currentStep: "Submitting" }));
  applyMessage(client, { type: "field_filled", taskId: "a", fieldId: "f", label: "Name", done: 1, total: 4 });
  expect(client.getQueryData<Task>(keys.detail("a"))).toMatchObject({ progress: 85, currentStep: "Submitting" });
});
