import { zodResolver } from '@hookform/resolvers/zod'
import { useNavigate } from '@tanstack/react-router'
import { useState } from 'react'
import { useForm } from 'react-hook-form'
import { z } from 'zod'
import { Button } from '../../components/ui/button.tsx'
import { Field, Input } from '../../components/ui/field.tsx'
import { Notice } from '../../components/ui/states.tsx'
import { auth } from '../../lib/auth.ts'
import { messageOf } from '../../lib/trpc.ts'
import { AuthFrame } from './auth-frame.tsx'
import { useCreateOwner } from './queries.ts'

const Form = z.object({
  name: z.string().trim().min(1, 'Enter your name.').max(80, 'The name is longer than 80 characters.'),
  email: z.email('This is not an e-mail address.'),
  password: z.string().min(10, 'At least 10 characters.').max(128, 'At most 128 characters.'),
})

// Read once and taken out of the address bar: it must not stay in the browser's history.
function takeToken(): string {
  const token = new URLSearchParams(location.hash.slice(1)).get('token') ?? ''
  if (token) history.replaceState(history.state, '', location.pathname)
  return token
}

/** The owner's account, through the link that `start` printed. */
export function SetupPage() {
  const [token] = useState(takeToken)
  const navigate = useNavigate()
  const create = useCreateOwner()
  const { register, handleSubmit, formState } = useForm({
    resolver: zodResolver(Form),
    defaultValues: { name: '', email: '', password: '' },
  })
  const { errors } = formState
  const submit = handleSubmit(async ({ name, email, password }) => {
    await create.mutateAsync({ token, name, email, password })
    const { error } = await auth.signIn.email({ email, password })
    return navigate(error ? { to: '/sign-in', search: {} } : { to: '/', replace: true })
  })
  return (
    <AuthFrame
      title="Make the owner account"
      description="This link works once. Everything on this server belongs to this account."
    >
      <form onSubmit={(e) => void submit(e).catch(() => {})} className="flex flex-col gap-4" noValidate>
        {create.isError && <Notice tone="bad">{messageOf(create.error)}</Notice>}
        {!token && (
          <Notice tone="warn" title="This is not the whole link">
            Copy it from the terminal in which Stewrd was started, with everything after the #.
          </Notice>
        )}
        <Field label="Name" hint="As the history shows it." error={errors.name?.message}>
          {(ids) => <Input {...ids} autoComplete="name" {...register('name')} />}
        </Field>
        <Field label="Email" error={errors.email?.message}>
          {(ids) => <Input {...ids} type="email" autoComplete="username" {...register('email')} />}
        </Field>
        <Field label="Password" hint="At least 10 characters." error={errors.password?.message}>
          {(ids) => <Input {...ids} type="password" autoComplete="new-password" {...register('password')} />}
        </Field>
        <Button type="submit" look="primary" busy={formState.isSubmitting} disabled={!token}>
          Create account
        </Button>
      </form>
    </AuthFrame>
  )
}
