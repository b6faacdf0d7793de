import { restoreSession } from "@/api/session";
import { Button } from "@/components/ui/button";

export function Unreachable() {
  return (
    <main className="grid min-h-dvh place-items-center p-6">
      <div role="alert" className="grid max-w-sm justify-items-center gap-3 text-center">
        <h1 className="text-xl font-semibold">Valet does not answer</h1>
        <p className="text-muted-foreground">
          The server could not be reached. You are still signed in, and applications under way go on without this page.
        </p>
        <Button variant="primary" onClick={() => void restoreSession()}>
          Try again
        </Button>
      </div>
    </main>
  );
}
