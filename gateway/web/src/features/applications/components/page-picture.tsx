/** The left pane's picture: the live page while it is worked on, else the page as it was photographed. */
import { Expand, ImageOff } from "lucide-react";
import { useEffect, useRef, useState } from "react";
import type { Review, ReviewField, Screenshot } from "@/api/types";
import { Button } from "@/components/ui/button";
import { Dialog, DialogContent, DialogTrigger } from "@/components/ui/dialog";
import { Skeleton } from "@/components/ui/skeleton";
import { cn } from "@/lib/cn";
import { clockTime } from "@/lib/format";
import { useLiveView } from "../hooks/use-live-view";

interface Picture {
  url: string;
  width: number;
  height: number;
}

export interface Marks {
  fields: ReviewField[];
  hovered: string | null;
  active: string | null;
  onHover: (id: string | null) => void;
  onPick: (id: string) => void;
}

interface PagePictureProps {
  taskId: string;
  live: boolean;
  screenshots: Screenshot[];
  review: Review | null;
  marks: Marks | null;
  /** The picture's signed address has run out: read it again. */
  onExpired: () => void;
}

/** Without the signature, which changes with every reading. */
const bare = (url: string): string => url.split("?")[0] ?? url;

export function PagePicture({ taskId, live, screenshots, review, marks, onExpired }: PagePictureProps) {
  const [chosen, setChosen] = useState<string | null>(null);
  const main: (Picture & { id: string }) | null = review?.screenshot ?? screenshots.at(-1) ?? null;
  // The review's picture is one of the list, or stands in for its last.
  const mainShot = main && (screenshots.find((shot) => shot.id === main.id || bare(shot.url) === bare(main.url)) ?? screenshots.at(-1) ?? null);
  const picked = chosen === null ? null : (screenshots.find((shot) => shot.id === chosen) ?? null);
  const shown = picked ?? main;
  const showLive = live && picked === null;
  return (
    <section aria-label="What the page looks like" className="flex min-h-0 flex-1 flex-col">
      {screenshots.length > 1 || (live && screenshots.length > 0) ? (
        <Thumbnails
          screenshots={screenshots}
          live={live}
          current={picked?.id ?? (live ? null : (mainShot?.id ?? null))}
          onChoose={(id) => {
            setChosen(id === mainShot?.id && !live ? null : id);
          }}
        />
      ) : null}
      {showLive ? (
        <LivePicture taskId={taskId} still={main} onExpired={onExpired} />
      ) : shown ? (
        <Still key={shown.id} picture={shown} marks={shown.id === main?.id ? marks : null} onExpired={onExpired} />
      ) : (
        <div className="grid min-h-56 flex-1 place-items-center bg-muted p-6 text-center text-muted-foreground">
          <div className="grid justify-items-center gap-2">
            <ImageOff aria-hidden className="size-5" strokeWidth={1.5} />
            No picture of the page yet.
          </div>
        </div>
      )}
    </section>
  );
}

function Thumbnails({ screenshots, live, current, onChoose }: { screenshots: Screenshot[]; live: boolean; current: string | null; onChoose: (id: string | null) => void }) {
  const item = (on: boolean) =>
    cn("relative h-12 shrink-0 overflow-hidden rounded-sm border outline-offset-1", on ? "border-primary ring-1 ring-primary" : "opacity-80 hover:opacity-100");
  return (
    <ol aria-label="Pictures, in order" className="flex gap-2 overflow-x-auto border-b p-2.5">
      {screenshots.map((shot, index) => (
        <li key={shot.id}>
          <button
            type="button"
            aria-pressed={current === shot.id}
            title={`${shot.label ?? `Picture ${index + 1}`}, ${clockTime(shot.takenAt)}`}
            onClick={() => {
              onChoose(shot.id);
            }}
            className={item(current === shot.id)}
          >
            <img src={shot.url} alt={shot.label ?? `Picture ${index + 1}`} loading="lazy" decoding="async" className="h-full w-18 bg-muted object-cover object-top" />
          </button>
        </li>
      ))}
      {live ? (
        <li>
          <button
            type="button"
            aria-pressed={current === null}
            onClick={() => {
              onChoose(null);
            }}
            className={cn(item(current === null), "flex items-center gap-1.5 px-3 text-sm font-medium text-working")}
          >
            <span aria-hidden className="size-2 animate-breathe rounded-full bg-current" />
            Live
          </button>
        </li>
      ) : null}
    </ol>
  );
}

function LivePicture({ taskId, still, onExpired }: { taskId: string; still: Picture | null; onExpired: () => void }) {
  const canvas = useRef<HTMLCanvasElement>(null);
  const state = useLiveView(taskId, canvas, true);
  return (
    <div className="relative flex min-h-56 flex-1 flex-col overflow-hidden bg-muted">
      <div role="region" aria-label="Live picture" className="min-h-0 flex-1 overflow-y-auto">
        <canvas ref={canvas} role="img" aria-label="Live picture of the employer's page" className={cn("w-full", state !== "live" && "hidden")} />
        {state === "live" ? null : still ? (
          <img src={still.url} alt="The page as last photographed" onError={onExpired} className="w-full opacity-60" />
        ) : (
          <Skeleton className="m-4 h-72" />
        )}
      </div>
      <p className="flex items-center gap-2 border-t bg-card px-4 py-2 text-sm">
        {state === "live" ? (
          <>
            <span aria-hidden className="size-2 animate-breathe rounded-full bg-working" />
            <span className="font-medium text-working">Live</span>
            <span className="text-muted-foreground">Valet is driving; you are watching.</span>
          </>
        ) : (
          <span className="text-muted-foreground">{state === "none" ? "No browser is open for this yet." : "Connecting to the live picture…"}</span>
        )}
      </p>
    </div>
  );
}

function Still({ picture, marks, onExpired }: { picture: Picture; marks: Marks | null; onExpired: () => void }) {
  const scroller = useRef<HTMLDivElement>(null);
  const [loaded, setLoaded] = useState(false);
  const boxed = marks?.fields.filter((field) => field.box) ?? [];
  const target = boxed.find((field) => field.id === marks?.active)?.box ?? null;

  // A posting's text can be long: the picture opens where the form wants the person, or begins.
  const first = boxed.find((field) => field.band === "needs_you")?.box ?? boxed[0]?.box ?? null;
  const opened = useRef(false);
  useEffect(() => {
    const pane = scroller.current;
    if (!pane || !first || opened.current) return;
    opened.current = true;
    pane.scrollTo({ top: first.y * (pane.clientWidth / picture.width) - pane.clientHeight / 3 });
  }, [first, picture.width]);

  // The field being worked on is brought into the picture; hovering moves nothing.
  useEffect(() => {
    const pane = scroller.current;
    if (!pane || !target) return;
    const scale = pane.clientWidth / picture.width;
    const middle = (target.y + target.height / 2) * scale;
    if (middle < pane.scrollTop + 40 || middle > pane.scrollTop + pane.clientHeight - 40) {
      pane.scrollTo({ top: middle - pane.clientHeight / 2, behavior: "smooth" });
    }
  }, [target, picture.width]);

  const percent = (part: number, whole: number) => `${(100 * part) / whole}%`;
  return (
    <div className="relative min-h-0 flex-1">
      {/* eslint-disable-next-line jsx-a11y/no-noninteractive-tabindex -- scrolled by keyboard */}
      <div ref={scroller} role="region" aria-label="Picture of the page" tabIndex={0} className="h-full -outline-offset-2 max-h-[70dvh] overflow-y-auto bg-muted lg:max-h-none">
        <div className="relative" style={{ aspectRatio: `${picture.width} / ${picture.height}` }}>
          <img
            src={picture.url}
            width={picture.width}
            height={picture.height}
            alt="The employer's page as filled in"
            onLoad={() => {
              setLoaded(true);
            }}
            onError={onExpired}
            className={cn("block h-auto w-full transition-opacity", loaded ? "opacity-100" : "opacity-0")}
          />
          {boxed.map((field) => {
            const box = field.box;
            if (!box || !marks) return null;
            const lit = marks.hovered === field.id || marks.active === field.id;
            return (
              <button
                key={field.id}
                type="button"
                tabIndex={-1}
                aria-label={`Show the answer to ${field.label}`}
                onPointerEnter={() => {
                  marks.onHover(field.id);
                }}
                onPointerLeave={() => {
                  marks.onHover(null);
                }}
                onClick={() => {
                  marks.onPick(field.id);
                }}
                style={{
                  left: percent(box.x, picture.width),
                  top: percent(box.y, picture.height),
                  width: percent(box.width, picture.width),
                  height: percent(box.height, picture.height),
                }}
                className={cn(
                  "absolute rounded-sm border-2 transition-colors",
                  lit ? "border-[oklch(0.5_0.1_192)] bg-[oklch(0.7_0.12_192/0.18)]" : field.band === "needs_you" ? "border-[oklch(0.72_0.16_70)] bg-[oklch(0.8_0.15_75/0.12)]" : "border-transparent",
                )}
              />
            );
          })}
        </div>
      </div>
      <Dialog>
        <DialogTrigger asChild>
          <Button size="icon" aria-label="Enlarge the picture" className="absolute right-4 bottom-4">
            <Expand />
          </Button>
        </DialogTrigger>
        <DialogContent heading="The employer's page" className="max-w-[min(80rem,calc(100vw-2rem))]">
          <img src={picture.url} alt="The employer's page as filled in" className="w-full rounded-md border" />
        </DialogContent>
      </Dialog>
    </div>
  );
}
