import { useMutation } from "@tanstack/react-query";
import { MailCheck } from "lucide-react";
import { useState } from "react";
import { Link, useLocation } from "react-router";
import { api } from "@/api/client";
import { ApiError, asApiError } from "@/api/errors";
import { beginSession } from "@/api/session";
import { ErrorNote } from "@/components/notes";
import { Button } from "@/components/ui/button";
import { AuthLayout } from "../components/auth-layout";
import { Field } from "../components/field";

const SHORTEST_PASSWORD = 8;

/** Registers and signs in; `null` when the server first wants the e-mail address confirmed. */
async function registerAndSignIn(body: { name: string; email: string; password: string }) {
  await api.register(body);
  try {
    return await api.login({ email: body.email, password: body.password });
  } catch (error) {
    if (error instanceof ApiError && error.status === 400) return null;
    throw error;
  }
}

export default function RegisterPage() {
  const location = useLocation();
  const [name, setName] = useState("");
  const [email, setEmail] = useState("");
  const [password, setPassword] = useState("");
  const register = useMutation({
    mutationFn: () => registerAndSignIn({ name: name.trim(), email: email.trim(), password }),
    onSuccess: (signedIn) => {
      if (signedIn) beginSession(signedIn);
    },
  });
  const fields = register.error ? asApiError(register.error).fields : {};
  const signInLink = (
    <Link to="/login" state={location.state} className="font-medium text-primary underline-offset-4 hover:underline">
      Sign in
    </Link>
  );

  if (register.isSuccess && register.data === null) {
    return (
      <AuthLayout title="Check your e-mail" lead={`We sent a link to ${email.trim()}.`} foot={<>Confirmed already? {signInLink}</>}>
        <p className="flex items-start gap-2">
          <MailCheck aria-hidden className="mt-0.5 size-4 shrink-0 text-submitted" />
          Open the link within a day to confirm the address, then sign in.
        </p>
      </AuthLayout>
    );
  }

  return (
    <AuthLayout title="Create your account" lead="Give a resume and a job's address; Valet fills in the form and shows you every answer." foot={<>Have an account? {signInLink}</>}>
      <form
        className="grid gap-4"
        onSubmit={(event) => {
          event.preventDefault();
          if (!register.isPending) register.mutate();
        }}
      >
        <Field label="Name" name="name" autoComplete="name" required maxLength={255} problem={fields.name} value={name} onChange={(event) => { setName(event.target.value); }} />
        <Field label="E-mail" type="email" name="email" autoComplete="username" required maxLength={255} problem={fields.email} value={email} onChange={(event) => { setEmail(event.target.value); }} />
        <Field
          label="Password"
          type="password"
          name="password"
          autoComplete="new-password"
          required
          minLength={SHORTEST_PASSWORD}
          maxLength={128}
          hint="At least 8 characters."
          problem={fields.password}
          value={password}
          onChange={(event) => {
            setPassword(event.target.value);
          }}
        />
        {register.error ? <ErrorNote error={register.error} /> : null}
        <Button type="submit" variant="primary" size="lg" aria-disabled={register.isPending}>
          {register.isPending ? "Creating the account…" : "Create account"}
        </Button>
      </form>
    </AuthLayout>
  );
}
