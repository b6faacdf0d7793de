import { useEffect, useRef, type ReactNode } from "react";

/**
 * A page's heading and title. The heading takes focus when the page opens, so that keyboards and
 * screen readers start where the eye does.
 */
export function PageHeader({ title, children, actions }: { title: string; children?: ReactNode; actions?: ReactNode }) {
  const heading = usePageFocus(title);
  return (
    <header className="mb-6 flex flex-wrap items-center justify-between gap-x-4 gap-y-3">
      <div className="grid gap-1">
        <h1 ref={heading} tabIndex={-1} className="text-xl font-semibold tracking-tight">
          {title}
        </h1>
        {children ? <div className="text-muted-foreground">{children}</div> : null}
      </div>
      {actions ? <div className="flex items-center gap-2">{actions}</div> : null}
    </header>
  );
}

export function usePageFocus(title: string) {
  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => {
    document.title = `${title} · Valet`;
  }, [title]);
  useEffect(() => {
    // A field that asked for focus keeps it.
    const active = document.activeElement;
    if (!active || active === document.body || !active.closest("main")) heading.current?.focus({ preventScroll: true });
  }, []);
  return heading;
}

export function Page({ children, narrow = false }: { children: ReactNode; narrow?: boolean }) {
  return <div className={`mx-auto w-full px-4 py-6 sm:px-8 sm:py-8 ${narrow ? "max-w-3xl" : "max-w-[1200px]"}`}>{children}</div>;
}
