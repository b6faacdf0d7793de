import { CircleAlert, CircleCheck, Hand, Info, X } from "lucide-react";
import { Link } from "react-router";
import { dismiss, useNotices, type Notice } from "@/stores/notices";
import { Button } from "./ui/button";

const ICON = {
  info: <Info className="text-muted-foreground" />,
  needs: <Hand className="text-needs" />,
  done: <CircleCheck className="text-submitted" />,
  problem: <CircleAlert className="text-failed" />,
} satisfies Record<Notice["kind"], React.ReactNode>;

/** Away from where a form is submitted: what Submit says beside it is never covered. */
export function Notices() {
  const notices = useNotices((state) => state.notices);
  const spoken = useNotices((state) => state.spoken);
  return (
    <>
      <div role="status" aria-live="polite" className="sr-only">
        {spoken}
      </div>
      <div className="pointer-events-none fixed inset-x-4 top-16 z-60 grid justify-items-center gap-2 md:top-auto md:right-auto md:bottom-6 md:left-60 md:justify-items-start">
        {notices.map((notice) => (
          <div
            key={notice.id}
            className="pointer-events-auto flex w-full max-w-sm animate-in items-center gap-2.5 rounded-lg border bg-popover py-2 pr-1.5 pl-3 shadow-overlay [&>svg]:size-4 [&>svg]:shrink-0"
          >
            {ICON[notice.kind]}
            <span className="min-w-0 flex-1">{notice.text}</span>
            {notice.to ? (
              <Button asChild size="sm" variant="ghost">
                <Link
                  to={notice.to}
                  onClick={() => {
                    dismiss(notice.id);
                  }}
                >
                  {notice.action ?? "Open"}
                </Link>
              </Button>
            ) : null}
            <Button
              size="icon"
              variant="quiet"
              aria-label="Dismiss"
              onClick={() => {
                dismiss(notice.id);
              }}
            >
              <X />
            </Button>
          </div>
        ))}
      </div>
    </>
  );
}
