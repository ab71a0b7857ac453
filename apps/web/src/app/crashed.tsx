import { Link } from '@tanstack/react-router'
import { Compass } from 'lucide-react'
import { buttonStyle } from '../components/ui/button.tsx'
import { Empty, Failed } from '../components/ui/states.tsx'

export const NotFound = () => (
  <main className="grid min-h-[70vh] place-items-center">
    <Nothing />
  </main>
)

/** In place of a page that is not there. */
export const Nothing = () => (
  <Empty
    icon={<Compass aria-hidden />}
    level="h1"
    title="There is nothing here"
    action={
      <Link to="/" className={buttonStyle({ look: 'primary' })}>
        Go to your projects
      </Link>
    }
  >
    The address is wrong, or what it led to is gone.
  </Empty>
)

export const Crashed = ({ error, reset }: { error: unknown; reset: () => void }) => (
  <main className="grid min-h-[70vh] place-items-center">
    <Failed error={error} retry={reset} />
  </main>
)
