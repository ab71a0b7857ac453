import { QueryClientProvider } from '@tanstack/react-query'
import { RouterProvider } from '@tanstack/react-router'
import { StrictMode } from 'react'
import { createRoot } from 'react-dom/client'
import { Toaster } from 'sonner'
import { getQueryKey } from '@trpc/react-query'
import { router } from './app/router.tsx'
import { createQueryClient, trpc, trpcClient } from './lib/trpc.ts'
import './styles.css'

const queryClient = createQueryClient(() => {
  const { pathname, href } = router.state.location
  if (pathname === '/sign-in' || pathname === '/setup') return
  // Whoever was signed in on this page until now is told why it is gone.
  const ended = queryClient.getQueryData(getQueryKey(trpc.me, undefined, 'query')) !== undefined
  void router
    .navigate({ to: '/sign-in', search: { next: href, ...(ended && { ended }) } })
    // What the sign-in page itself has asked for meanwhile stays.
    .then(() => queryClient.removeQueries({ type: 'inactive' }))
})

createRoot(document.getElementById('root')!).render(
  <StrictMode>
    <trpc.Provider client={trpcClient} queryClient={queryClient}>
      <QueryClientProvider client={queryClient}>
        <RouterProvider router={router} />
        <Toaster
          position="bottom-right"
          toastOptions={{
            className: '!font-sans !bg-raised !text-text !border-line-strong',
            classNames: { description: '!text-muted' },
          }}
        />
      </QueryClientProvider>
    </trpc.Provider>
  </StrictMode>,
)
