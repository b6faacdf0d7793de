import { ErrorNote } from "@/components/notes";
import { Page, PageHeader } from "@/components/page";
import { Button } from "@/components/ui/button";
import { useResumes } from "@/features/resumes/hooks/use-resumes";
import { count } from "@/lib/format";
import { parseJobUrls } from "@/lib/urls";
import { ConsentDialog } from "../components/consent-dialog";
import { ModePicker } from "../components/mode-picker";
import { ResumePicker } from "../components/resume-picker";
import { UrlField } from "../components/url-field";
import { UrlRows } from "../components/url-rows";
import { useApply } from "../hooks/use-apply";
import { addRows, useDraft } from "../model/draft";

export default function ApplyPage() {
  const { rows, mode, resumeId, text } = useDraft();
  const resumes = useResumes();
  const { apply, asking, busy, error, stopAsking } = useApply();

  const list = resumes.data ?? [];
  const resume =
    list.find((candidate) => candidate.id === resumeId) ??
    list.find((candidate) => candidate.isDefault && candidate.status === "parsed") ??
    list.find((candidate) => candidate.status === "parsed") ??
    list[0];
  const ready = rows.filter((row) => row.line.job);
  const wrong = rows.length - ready.length;
  // Typed but not yet added: counts as meant. (Adding it on leaving the field would move the button
  // away from under the press that leaves it.)
  const typed = parseJobUrls(text).filter((line) => line.job).length;
  const wanted = ready.length + typed;
  const lacking =
    wanted === 0 && !text.trim()
      ? "Paste the address of a posting first."
      : !resume
        ? "Upload a resume first."
        : resume.status === "parse_failed"
          ? "This resume could not be read. Choose another one."
          : resume.status !== "parsed"
            ? "Your resume is being read; a few seconds more."
            : null;

  const press = () => {
    if (text.trim()) addRows(text);
    if (lacking || busy || !resume) return;
    if (useDraft.getState().rows.some((row) => row.line.job)) void apply(resume.id);
  };

  return (
    <Page narrow>
      <PageHeader title="Apply">Valet fills in the form and tells you when it needs you.</PageHeader>
      <div className="grid grid-cols-1 gap-7">
        <div className="grid grid-cols-1 gap-3">
          <UrlField />
          {rows.length ? <UrlRows rows={rows} mode={mode} /> : null}
        </div>
        <ResumePicker chosen={resume?.id ?? null} />
        <ModePicker mode={mode} />
        <div className="grid gap-3 border-t pt-5">
          {error ? <ErrorNote error={error} /> : null}
          <div className="flex flex-wrap items-center gap-x-4 gap-y-2">
            <Button variant="primary" size="lg" onClick={press} aria-disabled={busy || lacking !== null} aria-describedby="apply-note">
              {busy ? "Sending…" : wanted ? `Apply to ${count(wanted, "job")}` : "Apply"}
            </Button>
            <p id="apply-note" role="status" className="min-w-0 flex-1 text-muted-foreground">
              {lacking ??
                (wrong
                  ? `${count(wrong, "address", "addresses")} cannot be opened and will be left out.`
                  : mode === "copilot"
                    ? "Nothing is sent until you press Submit on each one."
                    : "Sent without a review where every required answer is certain.")}
            </p>
          </div>
        </div>
      </div>
      {asking && resume ? (
        <ConsentDialog
          key={asking}
          type={asking}
          onAccepted={() => void apply(resume.id)}
          onClose={stopAsking}
        />
      ) : null}
    </Page>
  );
}
