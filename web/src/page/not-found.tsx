// An address that is no page.
import { PageHead } from '../part/shell';
import { Empty } from '../part/pieces';

export function NotFound() {
  return (
    <>
      <PageHead title="No such page" />
      <Empty title="There is no page at this address">Go to the <a href="/">Overview</a>, or search the <a href="/messages">Messages</a>.</Empty>
    </>
  );
}
