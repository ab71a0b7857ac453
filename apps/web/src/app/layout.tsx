import { Link, Outlet, useLocation } from '@tanstack/react-router'
import { Activity, ChartColumn, FolderKanban, History, KeyRound, Menu, Vault } from 'lucide-react'
import type { ReactNode } from 'react'
import { useState } from 'react'
import { Button } from '../components/ui/button.tsx'
import { Dialog } from '../components/ui/dialog.tsx'
import { Failed, Rows } from '../components/ui/states.tsx'
import { ConfirmPasswordDialog } from '../features/auth/confirm-password-dialog.tsx'
import { useMe } from '../features/auth/queries.ts'
import { Alarms } from '../features/system/alarms.tsx'
import { cn } from '../lib/cn.ts'
import { AccountMenu } from './account-menu.tsx'
import { CommandPalette } from './command-palette.tsx'
import { Logo } from './logo.tsx'

const places = [
  { to: '/', label: 'Projects', icon: FolderKanban, exact: true },
  { to: '/history', label: 'History', icon: History, exact: false },
  { to: '/usage', label: 'Usage', icon: ChartColumn, exact: false },
  { to: '/rotations', label: 'Key rotations', icon: KeyRound, exact: false },
  { to: '/keys', label: 'Master keys', icon: Vault, exact: false },
  { to: '/system', label: 'System', icon: Activity, exact: false },
] as const

/** The frame of every page of somebody who is signed in. */
export function AppLayout() {
  const me = useMe()
  const [menu, setMenu] = useState(false)
  if (me.isError) return <Failed error={me.error} retry={() => void me.refetch()} />
  return (
    <div className="min-h-dvh lg:grid lg:grid-cols-[220px_minmax(0,1fr)]">
      <a
        href="#main"
        className="sr-only z-50 rounded-md bg-accent px-3 py-2 text-accent-ink focus:not-sr-only focus:fixed focus:top-2 focus:left-2"
      >
        Skip to content
      </a>
      <aside className="sticky top-0 hidden h-dvh flex-col border-r bg-panel px-3 py-4 lg:flex">
        <Brand />
        <Places />
        <div className="mt-auto">{me.data && <AccountMenu person={me.data} />}</div>
      </aside>
      <header className="sticky top-0 z-30 flex items-center justify-between border-b bg-panel/90 px-4 py-2.5 backdrop-blur lg:hidden">
        <Brand />
        <Button look="ghost" size="icon" aria-label="Open navigation" onClick={() => setMenu(true)}>
          <Menu aria-hidden />
        </Button>
      </header>
      <Dialog open={menu} onOpenChange={setMenu} title="Navigation" shape="sheet">
        <div className="p-3">
          <Places onChosen={() => setMenu(false)} />
          <div className="mt-4 border-t pt-3">{me.data && <AccountMenu person={me.data} />}</div>
        </div>
      </Dialog>
      <main id="main" tabIndex={-1} className="min-w-0 px-4 py-5 outline-none sm:px-6 lg:px-8 lg:py-7">
        <div className="mx-auto max-w-6xl">
          {me.data ? (
            <>
              <Alarms />
              <Outlet />
            </>
          ) : (
            <Rows count={4} />
          )}
        </div>
      </main>
      {me.data && <CommandPalette />}
      {me.data && <ConfirmPasswordDialog email={me.data.email} />}
    </div>
  )
}

const Brand = () => (
  <Link to="/" className="flex items-center gap-2 rounded-md px-2 py-1 text-[15px] font-semibold tracking-tight">
    <Logo /> Stewrd
  </Link>
)

function Places({ onChosen }: { onChosen?: () => void }) {
  return (
    <nav aria-label="Main" className="mt-4 flex flex-col gap-0.5">
      {places.map(({ to, label, icon: Icon, exact }) => (
        <NavLink key={to} to={to} exact={exact} onClick={onChosen}>
          <Icon aria-hidden className="size-4" /> {label}
        </NavLink>
      ))}
    </nav>
  )
}

const here = 'bg-sunken !text-text font-medium'

function NavLink({
  to,
  exact,
  onClick,
  children,
}: {
  to: (typeof places)[number]['to']
  exact: boolean
  onClick?: (() => void) | undefined
  children: ReactNode
}) {
  const { pathname } = useLocation()
  // Every page of a project is below the list of projects.
  const inside = to === '/' && pathname.startsWith('/projects/')
  return (
    <Link
      to={to}
      {...(onClick && { onClick })}
      activeOptions={{ exact, includeSearch: false }}
      className={cn(
        'flex items-center gap-2.5 rounded-md px-2.5 py-1.5 text-[13.5px] text-muted transition-colors hover:bg-sunken hover:text-text',
        inside && here,
      )}
      activeProps={{ className: here }}
    >
      {children}
    </Link>
  )
}
