import type { ParsedResume } from "@/api/types";

const span = (from?: string, to?: string) => [from, to].filter(Boolean).join(" – ");

/** What Valet read out of the document: what it will fill forms with. */
export function ParsedData({ data }: { data: ParsedResume }) {
  const facts: [string, string | undefined][] = [
    ["Name", data.fullName],
    ["E-mail", data.email],
    ["Phone", data.phone],
    ["Place", data.location],
    ["Experience", data.totalYearsExperience === undefined ? undefined : `${data.totalYearsExperience} years`],
    ["Work authorisation", data.workAuthorization],
    ["Links", data.websites?.join(", ")],
    ["Languages", data.languages?.join(", ")],
    ["Certificates", data.certifications?.join(", ")],
    ["Skills", data.skills?.join(", ")],
    ["Summary", data.summary],
  ];
  return (
    <div className="grid gap-5">
      <dl className="grid grid-cols-[7.5rem_minmax(0,1fr)] gap-x-4 gap-y-1.5">
        {facts.map(([label, value]) =>
          value ? (
            <div key={label} className="contents">
              <dt className="text-muted-foreground">{label}</dt>
              <dd className="break-words">{value}</dd>
            </div>
          ) : null,
        )}
      </dl>
      {data.workHistory?.length ? (
        <List
          title="Work"
          entries={data.workHistory.map((entry) => ({ main: entry.title, side: [entry.company, entry.location].filter(Boolean).join(", "), when: span(entry.startDate, entry.endDate) }))}
        />
      ) : null}
      {data.education?.length ? (
        <List
          title="Education"
          entries={data.education.map((entry) => ({ main: [entry.degree, entry.fieldOfStudy].filter(Boolean).join(", "), side: entry.school, when: span(entry.startDate, entry.endDate) }))}
        />
      ) : null}
    </div>
  );
}

function List({ title, entries }: { title: string; entries: { main: string; side: string; when: string }[] }) {
  return (
    <section className="grid gap-1.5">
      <h3 className="font-semibold">{title}</h3>
      <ul className="grid gap-1.5">
        {entries.map((entry, index) => (
          <li key={index} className="flex flex-wrap justify-between gap-x-4">
            <span>
              <span className="font-medium">{entry.main}</span> <span className="text-muted-foreground">{entry.side}</span>
            </span>
            <span className="text-muted-foreground tabular-nums">{entry.when}</span>
          </li>
        ))}
      </ul>
    </section>
  );
}
