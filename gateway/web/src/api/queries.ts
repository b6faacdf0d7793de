/**
 * What the UI reads, under which key, and how often while the socket is down. Keys are built here
 * and nowhere else, so that the socket's messages reach every screen that shows the same thing.
 */
import { infiniteQueryOptions, queryOptions } from "@tanstack/react-query";
import { api, type TaskQuery } from "./client";
import type { ConsentType, Task } from "./types";

export const keys = {
  tasks: ["tasks"] as const,
  taskList: (query: TaskQuery) => ["tasks", "list", query] as const,
  taskPages: (query: TaskQuery) => ["tasks", "pages", query] as const,
  taskStats: ["tasks", "stats"] as const,
  task: (id: string) => ["task", id] as const,
  detail: (id: string) => ["task", id, "detail"] as const,
  events: (id: string) => ["task", id, "events"] as const,
  review: (id: string) => ["task", id, "review"] as const,
  resumes: ["resumes"] as const,
  answers: ["answers"] as const,
  consents: ["consents"] as const,
  preferences: ["preferences"] as const,
};

export const PAGE_SIZE = 30;

export const taskListQuery = (query: TaskQuery) =>
  queryOptions({ queryKey: keys.taskList(query), queryFn: ({ signal }) => api.tasks(query, signal) });

export const taskPagesQuery = (query: TaskQuery) =>
  infiniteQueryOptions({
    queryKey: keys.taskPages(query),
    queryFn: ({ signal, pageParam }) => api.tasks({ ...query, page: pageParam, pageSize: PAGE_SIZE }, signal),
    initialPageParam: 1,
    getNextPageParam: (last) => (last.pagination.page < last.pagination.totalPages ? last.pagination.page + 1 : undefined),
  });

export const taskStatsQuery = queryOptions({ queryKey: keys.taskStats, queryFn: ({ signal }) => api.taskStats(signal) });

export const taskQuery = (id: string) =>
  queryOptions({ queryKey: keys.detail(id), queryFn: ({ signal }) => api.task(id, signal) });

export const eventsQuery = (id: string) =>
  queryOptions({ queryKey: keys.events(id), queryFn: ({ signal }) => api.taskEvents(id, signal) });

export const reviewQuery = (id: string) =>
  queryOptions({ queryKey: keys.review(id), queryFn: ({ signal }) => api.review(id, signal) });

export const resumesQuery = queryOptions({
  queryKey: keys.resumes,
  queryFn: async ({ signal }) => (await api.resumes(signal)).data,
});

export const answersQuery = queryOptions({
  queryKey: keys.answers,
  queryFn: async ({ signal }) => (await api.answers(signal)).data,
});

export const preferencesQuery = queryOptions({ queryKey: keys.preferences, queryFn: ({ signal }) => api.preferences(signal) });

export const consentsQuery = queryOptions({
  queryKey: keys.consents,
  queryFn: async ({ signal }) => (await api.consents(signal)).data,
});

export const consentQuery = (type: ConsentType, version: string) =>
  queryOptions({
    queryKey: [...keys.consents, type, version],
    queryFn: async ({ signal }) => (await api.consentAccepted(type, version, signal)).accepted,
    staleTime: Infinity,
  });

export const isOver = (task: Task): boolean =>
  task.status === "completed" || task.status === "failed" || task.status === "cancelled";
