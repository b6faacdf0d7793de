import { useMutation } from "@tanstack/react-query";
import { useState } from "react";
import { Link, useLocation } from "react-router";
import { api } from "@/api/client";
import { beginSession, useSession } from "@/api/session";
import { ErrorNote } from "@/components/notes";
import { Button } from "@/components/ui/button";
import { AuthLayout } from "../components/auth-layout";
import { Field } from "../components/field";

export default function SignInPage() {
  const session = useSession();
  const location = useLocation();
  const [email, setEmail] = useState("");
  const [password, setPassword] = useState("");
  const signIn = useMutation({
    mutationFn: () => api.login({ email: email.trim(), password }),
    onSuccess: beginSession,
  });
  const expired = session.phase === "signed-out" && session.reason === "expired";
  return (
    <AuthLayout
      title="Sign in to Valet"
      lead={expired ? "Your session ended. Sign in to go on where you were." : "Applications filled in for you, sent only when you say so."}
      foot={
        <>
          New here?{" "}
          <Link to="/register" state={location.state} className="font-medium text-primary underline-offset-4 hover:underline">
            Create an account
          </Link>
        </>
      }
    >
      <form
        className="grid gap-4"
        onSubmit={(event) => {
          event.preventDefault();
          if (!signIn.isPending) signIn.mutate();
        }}
      >
        <Field
          label="E-mail"
          type="email"
          name="email"
          autoComplete="username"
          required
          maxLength={255}
          value={email}
          onChange={(event) => {
            setEmail(event.target.value);
          }}
        />
        <Field
          label="Password"
          type="password"
          name="password"
          autoComplete="current-password"
          required
          maxLength={128}
          value={password}
          onChange={(event) => {
            setPassword(event.target.value);
          }}
        />
        {signIn.error ? <ErrorNote error={signIn.error} /> : null}
        <Button type="submit" variant="primary" size="lg" aria-disabled={signIn.isPending}>
          {signIn.isPending ? "Signing in…" : "Sign in"}
        </Button>
      </form>
    </AuthLayout>
  );
}
