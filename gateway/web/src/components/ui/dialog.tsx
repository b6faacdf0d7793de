import { X } from "lucide-react";
import { Dialog as Primitive } from "radix-ui";
import type { ComponentProps, ReactNode } from "react";
import { cn } from "@/lib/cn";
import { Button } from "./button";

export const Dialog = Primitive.Root;
export const DialogTrigger = Primitive.Trigger;
export const DialogClose = Primitive.Close;

const overlay = "fixed inset-0 z-40 animate-fade bg-overlay";

interface ContentProps extends ComponentProps<typeof Primitive.Content> {
  heading: ReactNode;
  description?: ReactNode;
}

function Head({ heading, description }: Pick<ContentProps, "heading" | "description">) {
  return (
    <div className="flex items-start justify-between gap-4">
      <div className="grid gap-1">
        <Primitive.Title className="text-lg font-semibold">{heading}</Primitive.Title>
        {description ? <Primitive.Description className="text-muted-foreground">{description}</Primitive.Description> : null}
      </div>
      <Primitive.Close asChild>
        <Button variant="quiet" size="icon" aria-label="Close" className="-mt-1 -mr-2">
          <X />
        </Button>
      </Primitive.Close>
    </div>
  );
}

export function DialogContent({ heading, description, className, children, ...props }: ContentProps) {
  return (
    <Primitive.Portal>
      <Primitive.Overlay className={overlay} />
      <Primitive.Content
        {...(description ? {} : { "aria-describedby": undefined })}
        className={cn(
          "fixed top-1/2 left-1/2 z-50 grid max-h-[calc(100dvh-2rem)] w-[calc(100vw-2rem)] max-w-md -translate-x-1/2 -translate-y-1/2 animate-fade gap-4 overflow-y-auto rounded-lg border bg-popover p-5 text-popover-foreground shadow-overlay outline-none",
          className,
        )}
        {...props}
      >
        <Head heading={heading} description={description} />
        {children}
      </Primitive.Content>
    </Primitive.Portal>
  );
}

/** A dialog at the side: from the right on wide screens, the whole screen on phones. */
export function SheetContent({ heading, description, className, children, ...props }: ContentProps) {
  return (
    <Primitive.Portal>
      <Primitive.Overlay className={overlay} />
      <Primitive.Content
        {...(description ? {} : { "aria-describedby": undefined })}
        className={cn(
          "fixed inset-y-0 right-0 z-50 flex w-full animate-sheet flex-col gap-4 overflow-y-auto border-l bg-popover p-5 text-popover-foreground shadow-overlay outline-none sm:max-w-xl",
          className,
        )}
        {...props}
      >
        <Head heading={heading} description={description} />
        {children}
      </Primitive.Content>
    </Primitive.Portal>
  );
}

export function DialogFooter({ className, ...props }: ComponentProps<"div">) {
  return <div className={cn("flex flex-col-reverse gap-2 sm:flex-row sm:justify-end", className)} {...props} />;
}
