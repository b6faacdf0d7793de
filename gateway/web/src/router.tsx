/** Every page is its own chunk; the sign-in page needs nothing of the frame. */
import { lazy, Suspense, type ComponentType } from "react";
import { createBrowserRouter, Navigate, Outlet, useLocation, useParams } from "react-router";
import { useSession } from "./api/session";
import { Unreachable } from "./features/shell/components/unreachable";
import { RouteProblem } from "./features/shell/pages/route-problem";

const loadFrame = () => import("./features/shell/components/frame");
const Frame = lazy(loadFrame);

const page = (load: () => Promise<{ default: ComponentType }>) => {
  const Page = lazy(load);
  return <Page />;
};

function Public() {
  const session = useSession();
  const location = useLocation();
  if (session.phase === "loading") return null;
  if (session.phase === "signed-in") {
    const from = (location.state as { from?: string } | null)?.from;
    return <Navigate to={from ?? "/"} replace />;
  }
  return (
    <Suspense fallback={null}>
      <Outlet />
    </Suspense>
  );
}

function Private() {
  const session = useSession();
  const location = useLocation();
  if (session.phase === "loading") {
    // The frame is wanted in nearly every case; fetch it while the session is asked for.
    void loadFrame();
    return null;
  }
  if (session.phase === "unreachable") return <Unreachable />;
  if (session.phase === "signed-out") {
    const from = session.reason === "chosen" ? undefined : location.pathname + location.search;
    return <Navigate to="/login" replace state={{ from }} />;
  }
  return (
    <Suspense fallback={null}>
      <Frame />
    </Suspense>
  );
}

/** Addresses in mails and bookmarks made for older clients. */
function OldApplicationAddress() {
  const { id } = useParams();
  return <Navigate to={`/applications/${id ?? ""}`} replace />;
}

export const router = createBrowserRouter([
  {
    errorElement: <RouteProblem />,
    children: [
      {
        element: <Public />,
        children: [
          { path: "/login", element: page(() => import("./features/auth/pages/sign-in-page")) },
          { path: "/register", element: page(() => import("./features/auth/pages/register-page")) },
        ],
      },
      {
        element: <Private />,
        children: [
          {
            errorElement: <RouteProblem />,
            children: [
              { path: "/", element: page(() => import("./features/home/pages/home-page")) },
              { path: "/applications", element: page(() => import("./features/applications/pages/applications-page")) },
              { path: "/applications/:id", element: page(() => import("./features/applications/pages/application-page")) },
              { path: "/apply", element: page(() => import("./features/apply/pages/apply-page")) },
              { path: "/answers", element: page(() => import("./features/answers/pages/answers-page")) },
              { path: "/resumes", element: page(() => import("./features/resumes/pages/resumes-page")) },
              { path: "/settings", element: page(() => import("./features/settings/pages/settings-page")) },
              { path: "/dashboard", element: <Navigate to="/" replace /> },
              { path: "/tasks", element: <Navigate to="/applications" replace /> },
              { path: "/tasks/:id", element: <OldApplicationAddress /> },
              { path: "*", element: page(() => import("./features/shell/pages/not-found-page")) },
            ],
          },
        ],
      },
    ],
  },
]);
