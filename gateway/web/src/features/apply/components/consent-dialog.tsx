import { useMutation, useQueryClient } from "@tanstack/react-query";
import { api } from "@/api/client";
import { consentQuery, keys } from "@/api/queries";
import { ErrorNote } from "@/components/notes";
import { Button } from "@/components/ui/button";
import { Dialog, DialogClose, DialogContent, DialogFooter } from "@/components/ui/dialog";
import { CONSENT_VERSION, type AskedConsent } from "../hooks/use-apply";

const TEXT: Record<AskedConsent, { heading: string; lead: string; points: string[]; accept: string }> = {
  copilot_disclaimer: {
    heading: "Before the first application",
    lead: "How Valet works for you.",
    points: [
      "Valet opens the employer's form in a browser and fills it in from your resume and your answers.",
      "You see every answer and where it came from, and you can change each one.",
      "In copilot nothing is sent until you press Submit. What is sent is sent in your name, so it has to be true.",
      "Puzzles, codes and sign-ins on the employer's site are yours; Valet stops and asks for you.",
    ],
    accept: "I understand",
  },
  autopilot_consent: {
    heading: "Let Valet press Submit?",
    lead: "You are asked once. You can choose copilot again for any application.",
    points: [
      "Valet submits without showing you the answers first when every required one is certain.",
      "Declarations and signatures, uncertain answers, puzzles and sign-ins still stop and wait for you.",
      "It never applies to the same job twice, and shows you afterwards exactly what was sent.",
      "What it sends is sent in your name and cannot be taken back.",
    ],
    accept: "Allow autopilot",
  },
};

export function ConsentDialog({ type, onAccepted, onClose }: { type: AskedConsent; onAccepted: () => void; onClose: () => void }) {
  const client = useQueryClient();
  const accept = useMutation({
    mutationFn: () => api.giveConsent(type, CONSENT_VERSION),
    onSuccess: () => {
      void client.invalidateQueries({ queryKey: keys.consents, exact: true });
      client.setQueryData(consentQuery(type, CONSENT_VERSION).queryKey, true);
      onAccepted();
    },
  });
  const text = TEXT[type];
  return (
    <Dialog open onOpenChange={(open) => { if (!open) onClose(); }}>
      <DialogContent heading={text.heading} description={text.lead} className="max-w-lg">
        <ul className="grid gap-2.5">
          {text.points.map((point) => (
            <li key={point} className="flex gap-2.5">
              <span aria-hidden className="mt-2 size-1.5 shrink-0 rounded-full bg-primary" />
              {point}
            </li>
          ))}
        </ul>
        {accept.error ? <ErrorNote error={accept.error} /> : null}
        <DialogFooter>
          <DialogClose asChild>
            <Button>Not now</Button>
          </DialogClose>
          <Button variant="primary" disabled={accept.isPending} onClick={() => { accept.mutate(); }}>
            {text.accept}
          </Button>
        </DialogFooter>
      </DialogContent>
    </Dialog>
  );
}
