import { FileText, House, MessagesSquare, Plus, Rows3, Settings, type LucideIcon } from "lucide-react";

export interface Destination {
  to: string;
  label: string;
  icon: LucideIcon;
  /** Shown in the bottom bar of phones, where room is short. */
  onPhone: boolean;
}

export const DESTINATIONS: Destination[] = [
  { to: "/", label: "Home", icon: House, onPhone: true },
  { to: "/applications", label: "Applications", icon: Rows3, onPhone: true },
  { to: "/apply", label: "Apply", icon: Plus, onPhone: true },
  { to: "/answers", label: "Answers", icon: MessagesSquare, onPhone: true },
  { to: "/resumes", label: "Resumes", icon: FileText, onPhone: true },
  { to: "/settings", label: "Settings", icon: Settings, onPhone: false },
];
