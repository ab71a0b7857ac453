import { useQueryClient } from '@tanstack/react-query'
import { useNavigate, useSearch } from '@tanstack/react-router'
import { useState } from 'react'
import { useForm } from 'react-hook-form'
import { Button } from '../../components/ui/button.tsx'
import { Field, Input } from '../../components/ui/field.tsx'
import { Notice } from '../../components/ui/states.tsx'
import { auth } from '../../lib/auth.ts'
import { ownPath } from '../../lib/own-path.ts'
import { AuthFrame } from './auth-frame.tsx'
import { useSetupStatus } from './queries.ts'

type Form = { email: string; password: string }

export function SignInPage() {
  const { next, ended } = useSearch({ from: '/sign-in' })
  const navigate = useNavigate()
  const setup = useSetupStatus()
  const queryClient = useQueryClient()
  const [problem, setProblem] = useState<string>()
  const { register, handleSubmit, formState } = useForm<Form>()
  const submit = handleSubmit(async (form) => {
    setProblem(undefined)
    const { error } = await auth.signIn.email(form)
    if (error) return setProblem(said(error))
    // What the pages of an ended session knew is not for whoever signs in now.
    queryClient.clear()
    return navigate({ href: ownPath(next, location.origin), replace: true })
  })
  return (
    <AuthFrame title="Sign in" description="To your own Stewrd.">
      <form onSubmit={(e) => void submit(e)} className="flex flex-col gap-4" noValidate>
        {ended && !problem && <Notice title="Your session has ended">Sign in again to continue where you were.</Notice>}
        {setup.data?.ownerExists === false && (
          <Notice title="There is no account yet">
            Open the one-time link that the server printed when it started.
          </Notice>
        )}
        {problem && <Notice tone="bad">{problem}</Notice>}
        <Field label="Email" error={formState.errors.email && 'Enter your e-mail address.'}>
          {(ids) => <Input {...ids} type="email" autoComplete="username" {...register('email', { required: true })} />}
        </Field>
        <Field label="Password" error={formState.errors.password && 'Enter your password.'}>
          {(ids) => (
            <Input
              {...ids}
              type="password"
              autoComplete="current-password"
              {...register('password', { required: true })}
            />
          )}
        </Field>
        <Button type="submit" look="primary" busy={formState.isSubmitting}>
          Sign in
        </Button>
      </form>
    </AuthFrame>
  )
}

function said({ status, message }: { status: number; message?: string | undefined }): string {
  if (status === 400 || status === 401 || status === 403) return 'The e-mail address or the password is wrong.'
  // It says how long to wait.
  if (status === 429 && message) return message
  return 'The server cannot be reached. Check that it runs, then try again.'
}
