import { FileUp } from "lucide-react";
import { useId, useState } from "react";
import { ErrorNote } from "@/components/notes";
import { Progress } from "@/components/ui/progress";
import { cn } from "@/lib/cn";
import type { Upload } from "../hooks/use-upload";
import { ACCEPT } from "../model/check-file";

export function DropZone({ upload, onFile, compact = false }: { upload: Upload; onFile: (file: File) => void; compact?: boolean }) {
  const id = useId();
  const [over, setOver] = useState(false);
  const sending = upload.state === "sending";
  const take = (files: FileList | null) => {
    const file = files?.[0];
    if (file && !sending) onFile(file);
  };
  return (
    <div className="grid gap-2">
      {/* A label is both the button and the drop target; the input inside takes keyboard and focus. */}
      <label
        htmlFor={id}
        onDragOver={(event) => {
          event.preventDefault();
          setOver(true);
        }}
        onDragLeave={() => {
          setOver(false);
        }}
        onDrop={(event) => {
          event.preventDefault();
          setOver(false);
          take(event.dataTransfer.files);
        }}
        className={cn(
          "flex items-center gap-3 rounded-lg border border-dashed border-input px-4 transition-colors has-focus-visible:outline-2 has-focus-visible:outline-offset-2 has-focus-visible:outline-ring",
          compact ? "min-h-11 py-2" : "min-h-24 justify-center py-6",
          over ? "border-primary bg-primary-soft" : "hover:bg-hover",
        )}
      >
        <FileUp aria-hidden className="size-4 shrink-0 text-muted-foreground" />
        {sending ? (
          <span className="grid min-w-0 flex-1 gap-1.5">
            <span className="truncate">
              Sending {upload.name}… <span className="text-muted-foreground tabular-nums">{Math.round(upload.part * 100)} %</span>
            </span>
            <Progress value={upload.part * 100} label={`Sending ${upload.name}`} />
          </span>
        ) : (
          <span>
            <span className="font-medium text-primary">Choose a file</span> or drop it here{" "}
            <span className="text-muted-foreground">· PDF or DOCX, up to 10 MB</span>
          </span>
        )}
        <input
          id={id}
          type="file"
          accept={ACCEPT}
          disabled={sending}
          className="sr-only"
          onChange={(event) => {
            take(event.target.files);
            // The same file chosen again after a refusal must fire once more.
            event.target.value = "";
          }}
        />
      </label>
      {upload.state === "refused" ? <ErrorNote error={upload.error} /> : null}
    </div>
  );
}
