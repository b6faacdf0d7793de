import { Page } from "@/components/page";
import { Skeleton } from "@/components/ui/skeleton";

export function PageSkeleton() {
  return (
    <Page>
      <Skeleton className="mb-6 h-7 w-48" />
      <div className="grid gap-3">
        <Skeleton className="h-24" />
        <Skeleton className="h-14" />
        <Skeleton className="h-14" />
      </div>
    </Page>
  );
}
