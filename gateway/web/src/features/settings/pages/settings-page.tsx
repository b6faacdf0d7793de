import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { Monitor, Moon, Sun } from "lucide-react";
import type { ReactNode } from "react";
import { api } from "@/api/client";
import { consentsQuery, keys, preferencesQuery } from "@/api/queries";
import { endSession, useSession } from "@/api/session";
import type { ConsentType } from "@/api/types";
import { ErrorNote } from "@/components/notes";
import { Page, PageHeader } from "@/components/page";
import { Button } from "@/components/ui/button";
import { Checkbox } from "@/components/ui/checkbox";
import { Segmented } from "@/components/ui/segmented";
import { Skeleton } from "@/components/ui/skeleton";
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
        <Row title="Filling forms" note="What Valet may answer in your name.">
          <PrivacyNotices />
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

/** The one answer that Valet leaves to the person unless told otherwise here. */
function PrivacyNotices() {
  const client = useQueryClient();
  const preferences = useQuery(preferencesQuery);
  const change = useMutation({
    mutationFn: (acceptPrivacyNotices: boolean) => api.changePreferences({ acceptPrivacyNotices }),
    onSuccess: (next) => {
      client.setQueryData(keys.preferences, next);
    },
  });
  if (preferences.error) return <ErrorNote error={preferences.error} onRetry={() => void preferences.refetch()} />;
  if (!preferences.data) return <Skeleton className="h-12" />;
  return (
    <div className="grid gap-2">
      <label htmlFor="privacy-notices" className="flex items-start gap-3 pointer-coarse:min-h-11">
        <Checkbox
          id="privacy-notices"
          className="mt-0.5"
          checked={change.isPending ? change.variables : preferences.data.acceptPrivacyNotices}
          disabled={change.isPending}
          onCheckedChange={(checked) => {
            change.mutate(checked === true);
          }}
        />
        <span className="grid gap-0.5">
          <span className="font-medium">Tick plain privacy notices for me</span>
          <span className="text-sm text-muted-foreground">
            Boxes like “I have read how my data is used for this application”. The review shows each one, and autopilot stops for it. Signatures, certifications, background checks and anything beyond a notice always stay yours.
          </span>
        </span>
      </label>
      {change.error ? <ErrorNote error={change.error} /> : null}
    </div>
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
