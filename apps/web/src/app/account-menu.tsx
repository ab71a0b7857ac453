import { useQueryClient } from '@tanstack/react-query'
import { useNavigate } from '@tanstack/react-router'
import { LogOut, Monitor, Moon, Sun } from 'lucide-react'
import { toast } from 'sonner'
import { auth } from '../lib/auth.ts'
import { cn } from '../lib/cn.ts'
import { setTheme, useTheme } from './theme.ts'

const themes = [
  { value: 'system', label: 'Like the system', icon: Monitor },
  { value: 'light', label: 'Light', icon: Sun },
  { value: 'dark', label: 'Dark', icon: Moon },
] as const

/** Who is signed in, the look of the pages, and the way out. */
export function AccountMenu({ person }: { person: { name: string; email: string } }) {
  const theme = useTheme()
  const navigate = useNavigate()
  const queryClient = useQueryClient()
  const signOut = async () => {
    const { error } = await auth.signOut()
    if (error) return toast.error('You could not be signed out. Try again.')
    queryClient.clear()
    return navigate({ to: '/sign-in', search: {} })
  }
  return (
    <div className="flex flex-col gap-3 px-2">
      <div role="radiogroup" aria-label="Theme" className="flex w-fit rounded-lg border bg-sunken p-0.5">
        {themes.map(({ value, label, icon: Icon }) => (
          <button
            key={value}
            type="button"
            role="radio"
            aria-checked={theme === value}
            aria-label={label}
            title={label}
            onClick={() => setTheme(value)}
            className={cn('rounded-md px-2 py-1 text-muted', theme === value && 'bg-raised text-text shadow-xs')}
          >
            <Icon className="size-3.5" aria-hidden />
          </button>
        ))}
      </div>
      <div className="flex items-center justify-between gap-2">
        <div className="min-w-0">
          <p className="truncate text-[13px] font-medium">{person.name}</p>
          <p className="truncate text-xs text-muted">{person.email}</p>
        </div>
        <button
          type="button"
          aria-label="Sign out"
          title="Sign out"
          onClick={() => void signOut()}
          className="rounded-md p-1.5 text-muted hover:bg-sunken hover:text-text"
        >
          <LogOut className="size-4" aria-hidden />
        </button>
      </div>
    </div>
  )
}
