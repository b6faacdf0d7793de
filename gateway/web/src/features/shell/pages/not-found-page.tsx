import { Link } from "react-router";
import { Page, PageHeader } from "@/components/page";
import { Button } from "@/components/ui/button";

export default function NotFoundPage() {
  return (
    <Page>
      <PageHeader title="There is nothing here">The address may be mistyped, or what it named is gone.</PageHeader>
      <Button asChild>
        <Link to="/">Go home</Link>
      </Button>
    </Page>
  );
}
