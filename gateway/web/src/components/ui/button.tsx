import { cva, type VariantProps } from "class-variance-authority";
import { Slot } from "radix-ui";
import type { ComponentProps } from "react";
import { cn } from "@/lib/cn";

const button = cva(
  "inline-flex shrink-0 items-center justify-center gap-1.5 rounded-md font-medium whitespace-nowrap transition-colors select-none disabled:pointer-events-none disabled:opacity-50 aria-disabled:opacity-50 [&_svg]:size-4 [&_svg]:shrink-0",
  {
    variants: {
      variant: {
        primary: "bg-primary text-primary-foreground hover:bg-primary-hover",
        secondary: "border border-input bg-card hover:bg-hover",
        ghost: "hover:bg-hover",
        quiet: "text-muted-foreground hover:bg-hover hover:text-foreground",
        danger: "border border-input bg-card text-destructive hover:bg-failed-soft",
        link: "text-primary underline-offset-4 hover:underline",
      },
      size: {
        sm: "h-7 px-2 text-sm pointer-coarse:min-h-11",
        md: "h-8.5 px-3 pointer-coarse:min-h-11",
        lg: "h-10 px-4 pointer-coarse:min-h-11",
        icon: "size-8 pointer-coarse:size-11",
        text: "h-auto p-0 pointer-coarse:min-h-11",
      },
    },
    defaultVariants: { variant: "secondary", size: "md" },
  },
);

export type ButtonProps = ComponentProps<"button"> & VariantProps<typeof button> & { asChild?: boolean };

export function Button({ className, variant, size, asChild = false, type = "button", ...props }: ButtonProps) {
  const classes = cn(button({ variant, size }), className);
  return asChild ? <Slot.Root className={classes} {...props} /> : <button type={type} className={classes} {...props} />;
}
