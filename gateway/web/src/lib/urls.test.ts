import { describe, expect, it } from "vitest";
import { parseJobUrl, parseJobUrls, searchFor } from "./urls";

const job = (text: string) => {
  const { job: found, problem } = parseJobUrl(text);
  if (!found) throw new Error(`${text}: ${problem ?? ""}`);
  return found;
};

describe("one address", () => {
  it.each([
    ["https://boards.greenhouse.io/acme-corp/jobs/4021", "Greenhouse", "Acme Corp"],
    ["https://job-boards.eu.greenhouse.io/acme/jobs/4021", "Greenhouse", "Acme"],
    ["https://jobs.lever.co/acme/0b5f/apply", "Lever", "Acme"],
    ["https://jobs.ashbyhq.com/Open%20Field/1", "Ashby", "Open Field"],
    ["https://acme.wd3.myworkdayjobs.com/en-US/careers/job/1", "Workday", "Acme"],
    ["https://www.linkedin.com/jobs/view/1", "LinkedIn", null],
    ["https://careers.acme.example/jobs/1", null, null],
    ["https://notgreenhouse.io/acme/jobs/1", null, null],
    ["http://127.0.0.1:8700/greenhouse/jobs/1", null, null],
  ])("%s is at %s, employer %s", (text, system, employer) => {
    expect(job(text)).toMatchObject({ system, employer });
  });

  it("may lack its scheme", () => {
    expect(job("jobs.lever.co/acme/1").url).toBe("https://jobs.lever.co/acme/1");
    expect(job("localhost:8700/jobs/1").url).toBe("https://localhost:8700/jobs/1");
  });

  it.each([
    ["ftp://x.example/1", /http and https/],
    ["javascript:alert(1)", /http and https/],
    ["https://me:secret@x.example/1", /user name and password/],
    ["hello", /not a web address/],
    ["https://", /not a web address/],
    [`https://x.example/${"a".repeat(2_000)}`, /too long/],
  ])("%s is refused", (text, reason) => {
    expect(parseJobUrl(text).problem).toMatch(reason);
  });

  it("does not stumble over broken escapes in a path", () => {
    expect(job("https://jobs.lever.co/%E0%A4%A/1").employer).toBeNull();
  });

  it("is canonical without noise, but keeps what names the posting", () => {
    expect(job("https://www.Jobs.Lever.co/acme/1/apply/?lever-source=x#top").canonical).toBe("jobs.lever.co/acme/1");
    expect(job("https://acme.example/careers?utm_source=x&gh_jid=77").canonical).toBe("acme.example/careers?gh_jid=77");
    expect(job("https://acme.example:8443/jobs/1").canonical).toBe("acme.example:8443/jobs/1");
  });

  it("is searched for by employer where the address names one, else by itself", () => {
    expect(searchFor(job("https://jobs.lever.co/acme/1"))).toBe("jobs.lever.co/acme");
    expect(searchFor(job("https://acme.example/jobs/1?gh_jid=7"))).toBe("acme.example/jobs/1");
  });
});

describe("pasted text", () => {
  it("gives each posting once, in order, whatever separates them", () => {
    const text = "See https://jobs.lever.co/acme/1, (https://jobs.lever.co/acme/2).\nhttps://jobs.lever.co/acme/1/apply\t<https://acme.example/3>";
    const lines = parseJobUrls(text);
    expect(lines.flatMap((line) => line.job?.canonical ?? [])).toEqual(["jobs.lever.co/acme/1", "jobs.lever.co/acme/2", "acme.example/3"]);
    expect(lines[0]).toMatchObject({ text: "See", job: null });
  });

  it("of nothing is nothing", () => {
    expect(parseJobUrls(" \n\t ")).toEqual([]);
  });
});
