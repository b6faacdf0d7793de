import type { ReactNode } from "react";
import { Mark } from "@/features/shell/components/brand";
import { usePageFocus } from "@/components/page";

export function AuthLayout({ title, lead, children, foot }: { title: string; lead: ReactNode; children: ReactNode; foot: ReactNode }) {
  const heading = usePageFocus(title);
  return (
    <main className="grid min-h-dvh content-center justify-items-center px-4 py-10">
      <div className="grid w-full max-w-sm gap-6">
        <div className="grid gap-4">
          <Mark className="size-9" />
          <div className="grid gap-1">
            <h1 ref={heading} tabIndex={-1} className="text-xl font-semibold tracking-tight">
              {title}
            </h1>
            <p className="text-muted-foreground">{lead}</p>
          </div>
        </div>
        {children}
        <p className="text-muted-foreground">{foot}</p>
      </div>
    </main>
  );
}
