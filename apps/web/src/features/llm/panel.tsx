import type { ReactNode } from 'react'

/** A part of the card that asks for a decision. */
export const Panel = ({ title, actions, children }: { title: string; actions: ReactNode; children: ReactNode }) => (
  <section
    aria-label={title}
    className="flex flex-wrap items-center justify-between gap-x-4 gap-y-2 rounded-lg border border-accent/25 bg-accent-soft px-3.5 py-2.5 text-[13px]"
  >
    <div className="min-w-0 flex-1 basis-64">
      <h3 className="font-medium text-accent">{title}</h3>
      <div className="mt-0.5 text-text/85">{children}</div>
    </div>
    <div className="flex flex-wrap gap-2">{actions}</div>
  </section>
)
