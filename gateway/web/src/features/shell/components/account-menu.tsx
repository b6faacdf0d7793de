import { ChevronsUpDown, LogOut, Monitor, Moon, Settings, Sun } from "lucide-react";
import { useNavigate } from "react-router";
import { api } from "@/api/client";
import { endSession, useSession } from "@/api/session";
import {
  DropdownMenu,
  DropdownMenuContent,
  DropdownMenuItem,
  DropdownMenuLabel,
  DropdownMenuRadioGroup,
  DropdownMenuRadioItem,
  DropdownMenuSeparator,
  DropdownMenuTrigger,
} from "@/components/ui/dropdown-menu";
import { cn } from "@/lib/cn";
import { useUi, type Theme } from "@/stores/ui";

/** Forgets this browser's session even when the server cannot be told. */
export async function signOut(): Promise<void> {
  await api.logout().catch(() => undefined);
  endSession("chosen");
}

const initials = (name: string) =>
  name
    .split(/\s+/)
    .slice(0, 2)
    .map((part) => part.charAt(0).toUpperCase())
    .join("");

export function AccountMenu({ compact }: { compact: boolean }) {
  const session = useSession();
  const navigate = useNavigate();
  const { theme, setTheme } = useUi();
  if (session.phase !== "signed-in") return null;
  const { user } = session;
  return (
    <DropdownMenu>
      <DropdownMenuTrigger
        aria-label={`Account of ${user.name}`}
        className={cn("flex items-center gap-2 rounded-md text-left transition-colors hover:bg-hover pointer-coarse:min-h-11", compact ? "justify-center p-1.5 pointer-coarse:min-w-11" : "w-full px-2 py-1.5")}
      >
        <span aria-hidden className="grid size-6 shrink-0 place-items-center rounded-full bg-primary-soft text-xs font-semibold">
          {initials(user.name)}
        </span>
        {compact ? null : (
          <>
            <span className="min-w-0 flex-1 truncate font-medium">{user.name}</span>
            <ChevronsUpDown aria-hidden className="size-3.5 text-muted-foreground" />
          </>
        )}
      </DropdownMenuTrigger>
      <DropdownMenuContent align="start" className="w-56">
        <DropdownMenuLabel className="truncate">{user.email}</DropdownMenuLabel>
        <DropdownMenuItem onSelect={() => void navigate("/settings")}>
          <Settings /> Settings
        </DropdownMenuItem>
        <DropdownMenuSeparator />
        <DropdownMenuRadioGroup
          value={theme}
          onValueChange={(value) => {
            setTheme(value as Theme);
          }}
        >
          <DropdownMenuRadioItem value="light">
            <Sun /> Light
          </DropdownMenuRadioItem>
          <DropdownMenuRadioItem value="dark">
            <Moon /> Dark
          </DropdownMenuRadioItem>
          <DropdownMenuRadioItem value="system">
            <Monitor /> As the system
          </DropdownMenuRadioItem>
        </DropdownMenuRadioGroup>
        <DropdownMenuSeparator />
        <DropdownMenuItem onSelect={() => void signOut()}>
          <LogOut /> Sign out
        </DropdownMenuItem>
      </DropdownMenuContent>
    </DropdownMenu>
  );
}
