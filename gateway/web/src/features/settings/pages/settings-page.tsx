import { useMutation, useQuery } from "@tanstack/react-query";
import { Monitor, Moon, Sun } from "lucide-react";
import type { ReactNode } from "react";
import { api } from "@/api/client";
import { consentsQuery } from "@/api/queries";
import { endSession, useSession } from "@/api/session";
import type { ConsentType } from "@/api/types";
import { ErrorNote } from "@/components/notes";
import { Page, PageHeader } from "@/components/page";
import { Button } from "@/components/ui/button";
import { Segmented } from "@/components/ui/segmented";
import { signOut } from "@/features/shell/components/account-menu";
import { exactTime } from "@/lib/format";
import { useUi, type Theme } from "@/stores/ui";

const CONSENT_WORD: Record<ConsentType, string> = {
  tos_acceptance: "Terms of service",
  privacy_policy: "Privacy policy",
  copilot_disclaimer: "How copilot works",
  autopilot_consent: "Sending without a review (autopilot)",
};

export default function SettingsPage() {
  const session = useSession();
  const { theme, setTheme } = useUi();
  const consents = useQuery(consentsQuery);
  const everywhere = useMutation({
    mutationFn: () => api.revokeAll(),
    onSuccess: () => {
      endSession("chosen");
    },
  });
  if (session.phase !== "signed-in") return null;
  return (
    <Page narrow>
      <PageHeader title="Settings" />
      <div className="divide-y rounded-lg border bg-card">
        <Row title="Appearance" note="Follows the system unless you choose.">
          <Segmented<Theme>
            label="Theme"
            value={theme}
            onChange={setTheme}
            options={[
              { value: "light", label: <><Sun aria-hidden /> Light</> },
              { value: "dark", label: <><Moon aria-hidden /> Dark</> },
              { value: "system", label: <><Monitor aria-hidden /> System</> },
            ]}
          />
        </Row>
        <Row title="Account" note={session.user.email}>
          <span className="font-medium">{session.user.name}</span>
        </Row>
        <Row title="Agreements" note="What you have agreed to, and when.">
          {consents.error ? <ErrorNote error={consents.error} onRetry={() => void consents.refetch()} /> : null}
          <ul className="grid gap-1">
            {consents.data?.map((consent) => (
              <li key={consent.id} className="flex flex-wrap justify-between gap-x-4">
                <span>{CONSENT_WORD[consent.type]}</span>
                <span className="text-muted-foreground">{exactTime(consent.createdAt)}</span>
              </li>
            ))}
            {consents.data?.length === 0 ? <li className="text-muted-foreground">None yet.</li> : null}
          </ul>
        </Row>
        <Row title="Signing out" note="Applications under way go on.">
          <div className="flex flex-wrap gap-2">
            <Button onClick={() => void signOut()}>Sign out here</Button>
            <Button disabled={everywhere.isPending} onClick={() => { everywhere.mutate(); }}>
              Sign out everywhere
            </Button>
          </div>
          {everywhere.error ? <ErrorNote error={everywhere.error} className="mt-2" /> : null}
        </Row>
      </div>
    </Page>
  );
}

function Row({ title, note, children }: { title: string; note: string; children: ReactNode }) {
  return (
    <section className="grid gap-x-8 gap-y-3 p-4 sm:grid-cols-[14rem_minmax(0,1fr)] sm:p-5">
      <div>
        <h2 className="font-semibold">{title}</h2>
        <p className="text-sm break-words text-muted-foreground">{note}</p>
      </div>
      <div className="min-w-0">{children}</div>
    </section>
  );
}
