import { useMutation, useQueryClient } from "@tanstack/react-query";
import { Ellipsis, FileText } from "lucide-react";
import { useState } from "react";
import { api } from "@/api/client";
import { keys } from "@/api/queries";
import type { Resume } from "@/api/types";
import { ErrorNote } from "@/components/notes";
import { Page, PageHeader } from "@/components/page";
import { RelativeTime } from "@/components/time";
import { Button } from "@/components/ui/button";
import { Dialog, DialogClose, DialogContent, DialogFooter, SheetContent } from "@/components/ui/dialog";
import { DropdownMenu, DropdownMenuContent, DropdownMenuItem, DropdownMenuTrigger } from "@/components/ui/dropdown-menu";
import { Skeleton } from "@/components/ui/skeleton";
import { fileSize } from "@/lib/format";
import { DropZone } from "../components/drop-zone";
import { ParsedData } from "../components/parsed-data";
import { ResumeStatusWord } from "../components/resume-status";
import { useResumes } from "../hooks/use-resumes";
import { useUpload } from "../hooks/use-upload";

export default function ResumesPage() {
  const resumes = useResumes();
  const { upload, start } = useUpload();
  return (
    <Page narrow>
      <PageHeader title="Resumes">What Valet fills forms from. The default is taken unless you choose another one.</PageHeader>
      <div className="grid grid-cols-1 gap-4">
        <DropZone upload={upload} onFile={(file) => void start(file)} />
        {resumes.error ? <ErrorNote error={resumes.error} onRetry={() => void resumes.refetch()} /> : null}
        {resumes.isPending ? (
          <Skeleton className="h-16" />
        ) : resumes.data?.length ? (
          <ul className="divide-y divide-border/60 rounded-lg border bg-card">
            {resumes.data.map((resume) => (
              <ResumeRow key={resume.id} resume={resume} />
            ))}
          </ul>
        ) : resumes.error ? null : (
          <p className="text-muted-foreground">No resume yet. The first one you add is read at once.</p>
        )}
      </div>
    </Page>
  );
}

function ResumeRow({ resume }: { resume: Resume }) {
  const client = useQueryClient();
  const [open, setOpen] = useState<"data" | "delete" | null>(null);
  const reread = () => client.invalidateQueries({ queryKey: keys.resumes });
  const makeDefault = useMutation({ mutationFn: () => api.makeDefaultResume(resume.id), onSettled: reread });
  const again = useMutation({ mutationFn: () => api.retryResume(resume.id), onSettled: reread });
  const remove = useMutation({ mutationFn: () => api.deleteResume(resume.id), onSuccess: () => { setOpen(null); }, onSettled: reread });
  const close = (isOpen: boolean) => {
    if (!isOpen) setOpen(null);
  };
  const error = makeDefault.error ?? again.error;
  return (
    <li className="grid grid-cols-1 gap-2 px-4 py-3">
      <div className="flex items-center gap-3">
        <FileText aria-hidden className="size-5 shrink-0 text-muted-foreground" strokeWidth={1.5} />
        <div className="min-w-0 flex-1">
          <p className="flex items-center gap-2">
            <span className="truncate font-medium">{resume.filename}</span>
            {resume.isDefault ? <span className="rounded-sm border px-1.5 text-xs text-muted-foreground">Default</span> : null}
          </p>
          <p className="flex flex-wrap items-center gap-x-3 text-sm text-muted-foreground">
            <ResumeStatusWord resume={resume} />
            <span>{fileSize(resume.fileSizeBytes)}</span>
            <RelativeTime at={resume.createdAt} />
          </p>
        </div>
        {resume.parsedData ? (
          <Button size="sm" className="max-sm:hidden" onClick={() => { setOpen("data"); }}>
            What was read
          </Button>
        ) : null}
        <DropdownMenu>
          <DropdownMenuTrigger asChild>
            <Button variant="quiet" size="icon" aria-label={`More for ${resume.filename}`}>
              <Ellipsis />
            </Button>
          </DropdownMenuTrigger>
          <DropdownMenuContent align="end">
            {resume.parsedData ? (
              <DropdownMenuItem className="sm:hidden" onSelect={() => { setOpen("data"); }}>
                What was read
              </DropdownMenuItem>
            ) : null}
            <DropdownMenuItem disabled={resume.isDefault} onSelect={() => { makeDefault.mutate(); }}>
              Make it the default
            </DropdownMenuItem>
            {resume.status === "parse_failed" ? (
              <DropdownMenuItem onSelect={() => { again.mutate(); }}>Read it again</DropdownMenuItem>
            ) : null}
            <DropdownMenuItem className="text-destructive" onSelect={() => { setOpen("delete"); }}>
              Delete…
            </DropdownMenuItem>
          </DropdownMenuContent>
        </DropdownMenu>
      </div>
      {resume.parseError ? <p className="break-words text-failed sm:pl-8">{resume.parseError.message}</p> : null}
      {error ? <ErrorNote error={error} /> : null}
      <Dialog open={open === "data"} onOpenChange={close}>
        <SheetContent heading={resume.filename} description="What Valet read in it. Forms are filled with this, and you see every answer before it is sent.">
          {resume.parsedData ? <ParsedData data={resume.parsedData} /> : null}
        </SheetContent>
      </Dialog>
      <Dialog open={open === "delete"} onOpenChange={close}>
        <DialogContent heading={`Delete ${resume.filename}?`} description="Applications that used it keep what was sent. It cannot be brought back.">
          {remove.error ? <ErrorNote error={remove.error} /> : null}
          <DialogFooter>
            <DialogClose asChild>
              <Button>Keep it</Button>
            </DialogClose>
            <Button variant="danger" disabled={remove.isPending} onClick={() => { remove.mutate(); }}>
              Delete
            </Button>
          </DialogFooter>
        </DialogContent>
      </Dialog>
    </li>
  );
}
