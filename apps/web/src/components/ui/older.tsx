import { Button } from './button.tsx'

type Pages = { hasNextPage: boolean; isFetchingNextPage: boolean; fetchNextPage(): Promise<unknown> }

/** At the end of a list, newest first, that has more. */
export const Older = ({ pages, what }: { pages: Pages; what: string }) =>
  pages.hasNextPage && (
    <div className="border-t p-3 text-center">
      <Button size="sm" busy={pages.isFetchingNextPage} onClick={() => void pages.fetchNextPage()}>
        Older {what}
      </Button>
    </div>
  )
