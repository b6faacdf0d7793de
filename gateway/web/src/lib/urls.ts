/**
 * Job addresses: cutting pasted text into them, recognising the system behind a host, and the
 * canonical form by which "you applied here" is found. The server decides what it accepts; this
 * only spares the person a round trip.
 */

export interface JobUrl {
  url: string;
  host: string;
  /** Host and path without noise: two links to one posting share it. */
  canonical: string;
  /** The recognised system's name, or `null` for a site of the employer's own. */
  system: string | null;
  /** The employer's name as its address spells it, when the system puts it there. */
  employer: string | null;
  /** Host and path that all postings of this employer begin with, for a search. */
  employerPath: string | null;
}

export type ParsedLine = { text: string } & ({ job: JobUrl; problem: null } | { job: null; problem: string });

/** More in one go would run into the hourly limit of the server anyway. */
export const MOST_URLS = 20;
/** The server's bound on a URL; also keeps a pasted document from becoming one row. */
export const LONGEST_URL = 2_000;

interface System {
  name: string;
  hosts: RegExp;
  /** Where the employer's short name is. */
  employer?: "path" | "subdomain";
}

const SYSTEMS: System[] = [
  { name: "Greenhouse", hosts: /(^|\.)greenhouse\.io$/, employer: "path" },
  { name: "Lever", hosts: /(^|\.)lever\.co$/, employer: "path" },
  { name: "Ashby", hosts: /(^|\.)ashbyhq\.com$/, employer: "path" },
  { name: "Workday", hosts: /(^|\.)(myworkdayjobs\.com|workday\.com|myworkdaysite\.com)$/, employer: "subdomain" },
  { name: "LinkedIn", hosts: /(^|\.)linkedin\.com$/ },
  { name: "SmartRecruiters", hosts: /(^|\.)smartrecruiters\.com$/, employer: "path" },
  { name: "Workable", hosts: /(^|\.)workable\.com$/, employer: "path" },
  { name: "iCIMS", hosts: /(^|\.)icims\.com$/ },
  { name: "BambooHR", hosts: /(^|\.)bamboohr\.com$/, employer: "subdomain" },
  { name: "Recruitee", hosts: /(^|\.)recruitee\.com$/, employer: "subdomain" },
  { name: "Personio", hosts: /\.jobs\.personio\.(de|com)$/, employer: "subdomain" },
  { name: "Teamtailor", hosts: /(^|\.)teamtailor\.com$/, employer: "subdomain" },
  { name: "Jobvite", hosts: /(^|\.)jobvite\.com$/, employer: "path" },
  { name: "Taleo", hosts: /(^|\.)taleo\.net$/, employer: "subdomain" },
  { name: "SuccessFactors", hosts: /(^|\.)successfactors\.(com|eu)$/ },
  { name: "Breezy", hosts: /(^|\.)breezy\.hr$/, employer: "subdomain" },
  { name: "JazzHR", hosts: /(^|\.)applytojob\.com$/, employer: "subdomain" },
];

/** Query members that name the posting on sites that do not put it in the path. */
const POSTING_KEYS = ["gh_jid", "jobid", "job_id", "jid", "id", "job", "req", "currentjobid", "token", "for"];

const readable = (slug: string): string =>
  decodeURIComponent(slug)
    .replace(/[-_]+/g, " ")
    .trim()
    .replace(/(^|\s)\p{Ll}/gu, (letter) => letter.toUpperCase());

export function parseJobUrl(text: string): ParsedLine {
  const refuse = (problem: string): ParsedLine => ({ text, job: null, problem });
  if (text.length > LONGEST_URL) return refuse("This address is too long.");
  // A bare "jobs.example.com/42" is what people paste from a phone.
  const withScheme = /^[a-z][a-z0-9+.-]*:/i.test(text) && !/^[^/]+:\d+(\/|$)/.test(text) ? text : `https://${text}`;
  let url: URL;
  try {
    url = new URL(withScheme);
  } catch {
    return refuse("This is not a web address.");
  }
  if (url.protocol !== "https:" && url.protocol !== "http:") return refuse("Only http and https addresses can be opened.");
  if (url.username || url.password) return refuse("Remove the user name and password from the address.");
  if (!url.hostname.includes(".") && url.hostname !== "localhost" && !url.hostname.startsWith("[")) {
    return refuse("This is not a web address.");
  }
  const host = url.hostname.toLowerCase().replace(/^www\./, "");
  const segments = url.pathname.split("/").filter(Boolean);
  const last = segments.at(-1);
  if (segments.length > 1 && (last === "apply" || last === "application" || last === "thanks")) segments.pop();
  const posting = [...url.searchParams]
    .filter(([key, value]) => value && POSTING_KEYS.includes(key.toLowerCase()))
    .map(([key, value]) => `${key.toLowerCase()}=${value}`)
    .sort();
  const port = url.port ? `:${url.port}` : "";
  const canonical = `${host}${port}/${segments.join("/")}${posting.length ? `?${posting.join("&")}` : ""}`;
  const system = SYSTEMS.find((candidate) => candidate.hosts.test(host)) ?? null;
  const first = segments[0];
  let employer: string | null = null;
  let employerPath: string | null = null;
  try {
    if (system?.employer === "path" && first && first !== "embed") {
      employer = readable(first);
      employerPath = `${host}/${first}`;
    } else if (system?.employer === "subdomain") {
      employer = readable(host.split(".")[0] ?? "");
      employerPath = host;
    }
  } catch {
    // A path with broken escapes has no readable name; the address itself is still fine.
  }
  return { text, problem: null, job: { url: url.href, host, canonical, system: system?.name ?? null, employer, employerPath } };
}

/** Every address in pasted text, one posting once, in the order given. */
export function parseJobUrls(text: string): ParsedLine[] {
  const seen = new Set<string>();
  const lines: ParsedLine[] = [];
  for (const piece of text.split(/[\s<>"]+/)) {
    const cleaned = piece.replace(/^[([,;]+|[)\],;.]+$/g, "");
    if (!cleaned) continue;
    const line = parseJobUrl(cleaned);
    const key = line.job ? line.job.canonical : cleaned;
    if (seen.has(key)) continue;
    seen.add(key);
    lines.push(line);
  }
  return lines;
}

/** What to search past applications for: the employer's postings, or this very one. */
export const searchFor = (job: JobUrl): string => (job.employerPath ?? (job.canonical.split("?")[0] ?? "")).slice(0, 200);
