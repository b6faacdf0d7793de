import { expect, it } from "vitest";
import type { Task } from "@/api/types";
import { parseJobUrl } from "@/lib/urls";
import { pastOf } from "./past";

const target = parseJobUrl("https://jobs.lever.co/acme/1?source=mail").job;
if (!target) throw new Error("the address is fine");
const job = target;
const task = (jobUrl: string, status: Task["status"], outcome: Task["outcome"] = "none") => ({ jobUrl, status, outcome }) as Task;

it.each([
  ["sent before, even if cancelled after", [task("https://jobs.lever.co/acme/1/apply", "cancelled", "sent")], "applied"],
  ["sent wins over under way", [task("https://jobs.lever.co/acme/1", "queued"), task("https://jobs.lever.co/acme/1", "completed", "sent")], "applied"],
  ["under way", [task("https://jobs.lever.co/acme/1", "waiting_human")], "under_way"],
  ["another job there", [task("https://jobs.lever.co/acme/2", "completed", "sent")], "same_employer"],
  ["tried, not sent", [task("https://jobs.lever.co/acme/1", "failed")], "not_sent"],
] as const)("%s", (_what, tasks, kind) => {
  expect(pastOf(job, tasks)?.kind).toBe(kind);
});

it("is nothing for another employer whose name begins alike", () => {
  expect(pastOf(job, [task("https://jobs.lever.co/acme-two/1", "completed", "sent")])).toBeNull();
});
