import { ErrorNote } from "@/components/notes";
import { RadioGroup, RadioGroupItem } from "@/components/ui/radio-group";
import { Skeleton } from "@/components/ui/skeleton";
import { DropZone } from "@/features/resumes/components/drop-zone";
import { ResumeStatusWord } from "@/features/resumes/components/resume-status";
import { useResumes } from "@/features/resumes/hooks/use-resumes";
import { useUpload } from "@/features/resumes/hooks/use-upload";
import { count, fileSize } from "@/lib/format";
import { useDraft } from "../model/draft";

/** The server keeps no more. */
const MOST_RESUMES = 5;

export function ResumePicker({ chosen }: { chosen: string | null }) {
  const resumes = useResumes();
  const { upload, start } = useUpload((id) => {
    useDraft.setState({ resumeId: id });
  });
  const list = resumes.data ?? [];
  return (
    <section aria-labelledby="resume-title" className="grid grid-cols-1 gap-2">
      <h2 id="resume-title" className="font-semibold">
        Resume
      </h2>
      {resumes.error ? <ErrorNote error={resumes.error} onRetry={() => void resumes.refetch()} /> : null}
      {resumes.isPending ? <Skeleton className="h-14" /> : null}
      {list.length ? (
        <RadioGroup
          aria-labelledby="resume-title"
          value={chosen ?? ""}
          onValueChange={(resumeId) => {
            useDraft.setState({ resumeId });
          }}
          className="divide-y divide-border/60 rounded-lg border bg-card"
        >
          {list.map((resume) => {
            const data = resume.parsedData;
            const facts = [
              data?.fullName,
              data?.workHistory?.length ? count(data.workHistory.length, "job") : null,
              data?.skills?.length ? count(data.skills.length, "skill") : null,
            ].filter(Boolean);
            return (
              <label key={resume.id} htmlFor={`resume-${resume.id}`} className="flex min-h-12 items-center gap-3 px-4 py-2 transition-colors hover:bg-hover">
                <RadioGroupItem id={`resume-${resume.id}`} value={resume.id} disabled={resume.status === "parse_failed"} />
                <span className="grid min-w-0 flex-1">
                  <span className="truncate font-medium">
                    {resume.filename}
                    {resume.isDefault ? <span className="ml-2 text-xs font-normal text-muted-foreground">Default</span> : null}
                  </span>
                  <span className="flex flex-wrap gap-x-3 text-sm text-muted-foreground">
                    <ResumeStatusWord resume={resume} />
                    <span>{fileSize(resume.fileSizeBytes)}</span>
                    <span>{facts.join(", ")}</span>
                  </span>
                  {resume.parseError ? <span className="text-sm break-words text-muted-foreground">{resume.parseError.message}</span> : null}
                </span>
              </label>
            );
          })}
        </RadioGroup>
      ) : null}
      {list.length < MOST_RESUMES && !resumes.isPending ? <DropZone upload={upload} onFile={(file) => void start(file)} compact={list.length > 0} /> : null}
    </section>
  );
}
