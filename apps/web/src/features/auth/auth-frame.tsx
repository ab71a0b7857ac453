import type { ReactNode } from 'react'
import { Logo } from '../../app/logo.tsx'

/** A small page in the middle, for who is not signed in. */
export const AuthFrame = ({
  title,
  description,
  children,
}: {
  title: string
  description: ReactNode
  children: ReactNode
}) => (
  <main className="grid min-h-dvh place-items-center px-4 py-10">
    <div className="w-full max-w-sm">
      <div className="mb-6 flex items-center gap-2 text-[15px] font-semibold">
        <Logo /> Stewrd
      </div>
      <h1 className="text-xl font-semibold tracking-tight">{title}</h1>
      <p className="mt-1 mb-6 text-[13px] text-muted">{description}</p>
      {children}
    </div>
  </main>
)
