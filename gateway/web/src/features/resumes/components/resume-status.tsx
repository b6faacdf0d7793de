import { CircleCheck, CircleX, LoaderCircle } from "lucide-react";
import type { Resume } from "@/api/types";

export function ResumeStatusWord({ resume }: { resume: Resume }) {
  switch (resume.status) {
    case "uploading":
    case "parsing":
      return (
        <span role="status" className="inline-flex items-center gap-1.5 text-working">
          <LoaderCircle aria-hidden className="size-3.5 animate-spin" /> Reading it…
        </span>
      );
    case "parsed":
      return (
        <span className="inline-flex items-center gap-1.5 text-submitted">
          <CircleCheck aria-hidden className="size-3.5" /> Read
        </span>
      );
    case "parse_failed":
      return (
        <span className="inline-flex items-center gap-1.5 text-failed">
          <CircleX aria-hidden className="size-3.5" /> Could not be read
        </span>
      );
  }
}
