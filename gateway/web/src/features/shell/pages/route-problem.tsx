import { useRouteError } from "react-router";
import { Button } from "@/components/ui/button";

/** A page that failed to load or to draw. A new version of the app also looks like this: its old chunks are gone. */
export function RouteProblem() {
  const error = useRouteError();
  return (
    <main className="grid min-h-[60dvh] place-items-center p-6">
      <div role="alert" className="grid max-w-sm justify-items-center gap-3 text-center">
        <h1 className="text-xl font-semibold">This page could not be shown</h1>
        <p className="text-muted-foreground">
          Nothing you did is lost, and nothing was sent. Loading the page again usually helps.
        </p>
        {error instanceof Error ? <p className="text-xs break-all text-muted-foreground select-all">{error.message}</p> : null}
        <Button
          variant="primary"
          onClick={() => {
            location.reload();
          }}
        >
          Load again
        </Button>
      </div>
    </main>
  );
}
