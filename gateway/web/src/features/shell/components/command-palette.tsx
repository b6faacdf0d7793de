import { useQuery } from "@tanstack/react-query";
import { Command } from "cmdk";
import { LogOut, Moon, Search, Sun } from "lucide-react";
import { Dialog } from "radix-ui";
import { useDeferredValue, useState, type ReactNode } from "react";
import { useNavigate } from "react-router";
import { taskListQuery } from "@/api/queries";
import { LookIcon } from "@/components/status-badge";
import { employerOf, LOOK_WORD, lookOf, titleOf } from "@/lib/words";
import { useUi } from "@/stores/ui";
import { DESTINATIONS } from "../destinations";
import { signOut } from "./account-menu";

const SHOWN = 8;

export default function CommandPalette({ open, onOpenChange }: { open: boolean; onOpenChange: (open: boolean) => void }) {
  return (
    <Dialog.Root open={open} onOpenChange={onOpenChange}>
      <Dialog.Portal>
        <Dialog.Overlay className="fixed inset-0 z-40 animate-fade bg-overlay" />
        <Dialog.Content
          aria-describedby={undefined}
          className="fixed top-[12vh] left-1/2 z-50 w-[calc(100vw-2rem)] max-w-lg -translate-x-1/2 animate-fade overflow-hidden rounded-lg border bg-popover shadow-overlay outline-none"
        >
          <Dialog.Title className="sr-only">Search and jump</Dialog.Title>
          <Palette
            close={() => {
              onOpenChange(false);
            }}
          />
        </Dialog.Content>
      </Dialog.Portal>
    </Dialog.Root>
  );
}

function Palette({ close }: { close: () => void }) {
  const [text, setText] = useState("");
  const wanted = useDeferredValue(text.trim());
  const navigate = useNavigate();
  const setTheme = useUi((state) => state.setTheme);
  // The server searches all applications, not only the ones loaded so far.
  const found = useQuery({
    ...taskListQuery({ search: wanted.slice(0, 200), pageSize: SHOWN, sortBy: "updatedAt", sortOrder: "desc" }),
    placeholderData: (previous) => previous,
  });
  const go = (to: string) => () => {
    close();
    void navigate(to);
  };
  const act = (run: () => void) => () => {
    close();
    run();
  };
  const fits = (label: string) => label.toLowerCase().includes(wanted.toLowerCase());
  const pages = DESTINATIONS.filter((destination) => fits(destination.label));
  const actions = [
    { label: "Use the light theme", icon: <Sun />, run: () => { setTheme("light"); } },
    { label: "Use the dark theme", icon: <Moon />, run: () => { setTheme("dark"); } },
    { label: "Sign out", icon: <LogOut />, run: () => void signOut() },
  ].filter((action) => wanted && fits(action.label));

  return (
    <Command shouldFilter={false} label="Search and jump" loop>
      <div className="flex items-center gap-2 border-b px-3">
        <Search aria-hidden className="size-4 shrink-0 text-muted-foreground" />
        <Command.Input
          value={text}
          onValueChange={setText}
          maxLength={200}
          placeholder="A page, an employer, a job…"
          className="h-11 w-full bg-transparent text-base outline-none placeholder:text-muted-foreground"
        />
      </div>
      <Command.List className="max-h-[50vh] overflow-y-auto p-1.5">
        <Command.Empty className="px-2 py-6 text-center text-muted-foreground">{found.isFetching ? "Searching…" : "Nothing found."}</Command.Empty>
        {pages.length ? (
          <Group heading="Pages">
            {pages.map(({ to, label, icon: Icon }) => (
              <Item key={to} value={to} onSelect={go(to)}>
                <Icon /> {label}
              </Item>
            ))}
          </Group>
        ) : null}
        {found.data?.data.length ? (
          <Group heading="Applications">
            {found.data.data.map((task) => (
              <Item key={task.id} value={task.id} onSelect={go(`/applications/${task.id}`)}>
                <LookIcon look={lookOf(task)} />
                <span className="min-w-0 flex-1 truncate">
                  <span className="font-medium">{employerOf(task)}</span> <span className="text-muted-foreground">{titleOf(task)}</span>
                </span>
                <span className="text-xs text-muted-foreground">{LOOK_WORD[lookOf(task)]}</span>
              </Item>
            ))}
          </Group>
        ) : null}
        {actions.length ? (
          <Group heading="Actions">
            {actions.map((action) => (
              <Item key={action.label} value={action.label} onSelect={act(action.run)}>
                {action.icon} {action.label}
              </Item>
            ))}
          </Group>
        ) : null}
      </Command.List>
    </Command>
  );
}

function Group({ heading, children }: { heading: string; children: ReactNode }) {
  return (
    <Command.Group
      heading={heading}
      className="[&_[cmdk-group-heading]]:px-2 [&_[cmdk-group-heading]]:py-1.5 [&_[cmdk-group-heading]]:text-xs [&_[cmdk-group-heading]]:text-muted-foreground"
    >
      {children}
    </Command.Group>
  );
}

function Item({ value, onSelect, children }: { value: string; onSelect: () => void; children: ReactNode }) {
  return (
    <Command.Item
      value={value}
      onSelect={onSelect}
      className="flex h-9 cursor-default items-center gap-2.5 rounded-md px-2 data-[selected=true]:bg-hover pointer-coarse:min-h-11 [&>svg]:size-4 [&>svg]:shrink-0 [&>svg:not([class*='text-'])]:text-muted-foreground"
    >
      {children}
    </Command.Item>
  );
}
